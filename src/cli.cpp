#include "cli.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>

#include "help.hpp"
#include "rules/error.hpp"
#include "rules/setting.hpp"
#include "rules/text.hpp"

namespace ops {
namespace {

std::string in_quotes(std::string_view text) {
    return '"' + one_line(text, 80) + '"';
}

/// A check for CLI11 made of a rule that throws Error.
template <typename Rule>
auto by(Rule rule) {
    return [rule](const std::string& text) -> std::string {
        try {
            static_cast<void>(rule(text));
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    };
}

/// A check for CLI11: one of these two words and nothing else.
auto either(std::string_view one, std::string_view other) {
    return by([one, other](std::string_view text) {
        if (text != one && text != other) {
            throw Error("must be " + std::string(one) + " or " + std::string(other) + ", not " +
                        in_quotes(text));
        }
    });
}

void add_seconds(CLI::App& app, const std::string& name,
                 std::optional<std::chrono::seconds>& seconds, Range range) {
    const auto take = [&seconds](std::int64_t number) { seconds = std::chrono::seconds(number); };
    app.add_option_function<std::int64_t>(name, take)->check(by([range](std::string_view text) {
        return parse_number(text, range);
    }));
}

void add_print(CLI::App& app, const std::string& name, const char* text) {
    app.add_flag_callback(name, [text] { throw PrintAndExit{text}; })->trigger_on_parse();
}

/// Every option that there is. `app` writes into `line`.
void declare(CLI::App& app, CommandLine& line) {
    // Unknown and repeated options pass CLI11 and are refused below, in our words.
    app.allow_extras();
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app.option_defaults()->disable_flag_override();
    app.set_help_flag();

    const auto take_format = [&line](const std::string& word) {
        line.format = word == "json" ? Format::json : Format::text;
    };
    const auto take_debug = [&line](std::int64_t count) { line.debug = count > 0; };

    app.add_flag("--once", line.once);
    app.add_flag("--dry-run", line.dry_run);
    app.add_flag("--status", line.status);
    app.add_option("--agent", line.agents)->allow_extra_args(false)->check(by(agent_name));
    app.add_flag("--retry", line.retry);
    app.add_option("--server", line.server)->check(by(require_server));
    app.add_option("--desired", line.desired_file);
    app.add_option("--ops-dir", line.ops_dir);
    app.add_option("--config", line.config_file);
    app.add_option("--hostname", line.hostname)->check(by(require_hostname));
    add_seconds(app, "--interval", line.interval, interval_range);
    add_seconds(app, "--splay", line.splay, splay_range);
    app.add_option_function<std::string>("--format", take_format)->check(either("text", "json"));
    app.add_flag_function("--debug", take_debug)
        ->disable_flag_override(false)
        ->check(either("true", "false"));
    add_print(app, "--help", help_text);
    add_print(app, "--version", "ops-updater " OPS_UPDATER_VERSION "\n");
}

[[noreturn]] void refuse(const std::string& what) {
    throw Error(what, ExitCode::usage);
}

/// CLI11 takes the next word for the value of `--server=`, which an unset variable in a script
/// leaves behind, the next option for that of `--server`, and reads `--debug=` and `--debug={}` as
/// `--debug`. Here a word that begins with two dashes is an option and never a value.
void refuse_missing_values(const CLI::App& app, const std::vector<std::string>& words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::size_t sign = words[i].find('=');
        const bool joined = sign != std::string::npos;
        const std::string name = words[i].substr(0, sign);
        const CLI::Option* option =
            name.starts_with("--") ? app.get_option_no_throw(name) : nullptr;
        if (option == nullptr) continue;

        const bool flag = option->get_expected_max() == 0;
        if (flag && joined && option->get_disable_flag_override()) {
            refuse("option " + name + " takes no value");
        }
        if (option->get_trigger_on_parse()) return;  // help or version: it ends the reading
        if (flag && !joined) continue;

        const std::string next = i + 1 < words.size() ? words[i + 1] : "";
        const std::string value = joined ? words[i].substr(sign + 1) : next;
        if (value.empty() || (flag && value == "{}") || (!joined && value.starts_with("--"))) {
            refuse("option " + name + " needs a value");
        }
    }
}

/// The option that `word` was probably meant to be: a typing mistake, one dash too few, or the
/// beginning of exactly one.
std::string suggestion(std::string_view word) {
    const std::size_t dashes = std::min(word.find_first_not_of('-'), word.size());
    const std::string meant = "--" + std::string(word.substr(dashes));
    const std::vector<std::string> names = option_names();
    std::optional<std::string> found = nearest(meant, names);
    const auto begins = [&meant](const std::string& name) { return name.starts_with(meant); };
    if (!found && meant.size() > 2 && std::count_if(names.begin(), names.end(), begins) == 1) {
        found = *std::find_if(names.begin(), names.end(), begins);
    }
    return found ? "; did you mean " + *found + "?" : "; --help lists all";
}

[[noreturn]] void refuse_extra(const std::string& word) {
    const std::string name = word.substr(0, word.find('='));
    if (name.size() > 1 && name.front() == '-' && name != "--") {
        refuse("unknown option " + one_line(name, 80) + suggestion(name));
    }
    const bool meant_debug = word == "true" || word == "false";
    refuse("unexpected argument " + in_quotes(word) +
           (meant_debug ? "; did you mean --debug=" + word + "?"
                        : "; there are only options, --help lists them"));
}

void refuse_repetitions(const CLI::App& app) {
    for (const CLI::Option* option : app.get_options()) {
        if (option->count() > 1 && option->get_expected_max() <= 1) {
            refuse("option " + option->get_name() + " is given twice");
        }
    }
}

void refuse_contradictions(const CommandLine& line) {
    const std::pair<bool, const char*> of_a_pass[] = {
        {line.dry_run, "--dry-run"},
        {line.once, "--once"},
        {line.retry, "--retry"},
        {line.desired_file.has_value(), "--desired"},
    };
    for (const auto& [given, name] : of_a_pass) {
        if (line.status && given) {
            refuse(std::string("--status only looks; it does not go with ") + name);
        }
    }
    if (line.format == Format::json && !line.status && !line.dry_run) {
        refuse("--format json is for --dry-run and --status; a pass prints its log only");
    }
}

}  // namespace

std::variant<CommandLine, PrintAndExit> parse_command_line(int argc, const char* const* argv) {
    CommandLine line;
    CLI::App app;
    declare(app, line);
    std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    // As a short option of CLI11, -h would answer for -hostname=NAME, too.
    std::replace(words.begin(), words.end(), std::string("-h"), std::string("--help"));
    refuse_missing_values(app, words);
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    try {
        app.parse(words);
    } catch (const PrintAndExit& text) {
        return text;
    } catch (const CLI::ParseError& error) {
        refuse(error.what());
    }
    const std::vector<std::string> extra = app.remaining();
    if (!extra.empty()) refuse_extra(extra.front());
    refuse_repetitions(app);
    refuse_contradictions(line);
    return line;
}

void apply(const CommandLine& line, Config& config) {
    if (line.server) config.server = *line.server;
    if (line.ops_dir) config.ops_dir = *line.ops_dir;
    if (line.hostname) config.hostname = *line.hostname;
    if (line.interval) config.interval = *line.interval;
    if (line.splay) config.splay = line.splay;
    if (line.debug) config.debug = *line.debug;
    if (!line.agents.empty()) config.agents = line.agents;
}

std::vector<std::string> option_names() {
    CommandLine unused;
    CLI::App app;
    declare(app, unused);
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
        names.push_back(option->get_name());
    }
    return names;
}

}  // namespace ops
