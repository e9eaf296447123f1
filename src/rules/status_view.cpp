#include <algorithm>

#include "rules/screen.hpp"
#include "rules/text.hpp"
#include "rules/views.hpp"

namespace ops {
namespace {

constexpr std::size_t shown_output_lines = 10;

// --- times ---------------------------------------------------------------------------------------

std::string duration(std::int64_t seconds) {
    return human_duration(static_cast<double>(seconds));
}

std::string ago(std::int64_t now, std::int64_t at) {
    if (at > now) return "at " + iso_time(at) + ", by a clock that was ahead";
    return at == now ? "just now" : duration(now - at) + " ago";
}

std::string ahead(std::int64_t now, std::int64_t at) {
    return at <= now ? "with the next pass" : "in " + duration(at - now);
}

// --- the table -----------------------------------------------------------------------------------

std::string version_of(const Observed& agent) {
    return one_line(agent.current.value_or(agent.version_file));
}

std::string or_dash(const std::string& text) {
    return text.empty() ? "-" : text;
}

bool differs(const AgentStatus& agent) {
    return agent.desired && agent.desired->cmd != Cmd::none &&
           agent.desired->version != version_of(agent.observed);
}

bool wrong_state(const AgentStatus& agent) {
    if (!agent.desired) return false;
    const RunState state = agent.observed.state;
    return (agent.desired->cmd == Cmd::start && state != RunState::started) ||
           (agent.desired->cmd == Cmd::stop && state != RunState::stopped);
}

bool in_trouble(const AgentStatus& agent) {
    return agent.memory.failure || agent.memory.trouble || !agent.observed.fault.empty() ||
           !agent.observed.trouble.empty();
}

Paint state_paint(const AgentStatus& agent) {
    if (agent.observed.held || !agent.desired || agent.desired->cmd == Cmd::none)
        return Paint::plain;
    return wrong_state(agent) ? Paint::red : Paint::green;
}

std::string desired_text(const std::optional<Entry>& desired) {
    if (!desired) return "-";
    if (desired->cmd == Cmd::none) return or_dash(one_line(desired->version)) + " no cmd";
    return one_line(desired->version) + " " + to_string(desired->cmd);
}

/// What is remembered of the last switch and still matters.
std::string switch_note(const AgentMemory& memory, const std::string& version) {
    const auto& record = memory.last_switch;
    if (!record || record->to != version) return "";
    switch (record->phase) {
        case Switch::Phase::pending:
            return "not yet seen started since its switch";
        case Switch::Phase::undoing:
            return "rollback to " + one_line(record->from) + " is not finished";
        case Switch::Phase::probation:
            break;
    }
    if (record->restarts == 0) return "";
    return "found stopped " + counted(record->restarts, "time") + " since its switch";
}

std::string note_of(const AgentStatus& agent, std::int64_t now) {
    std::string note;
    const auto add = [&note](const std::string& text) {
        if (!text.empty()) note += (note.empty() ? "" : "; ") + text;
    };
    const auto& held = agent.observed.held;
    if (held) add(held->empty() ? "held" : "held: " + one_line(*held));
    if (const auto& failure = agent.memory.failure)
        add(one_line(failure->version) + " failed, next try " + ahead(now, failure->retry_at));
    if (agent.memory.trouble || !agent.observed.fault.empty() || !agent.observed.trouble.empty())
        add("in trouble");
    if (agent.observed.current_recovered) add(".version is missing or invalid");
    add(switch_note(agent.memory, version_of(agent.observed)));
    if (note.empty() && (differs(agent) || wrong_state(agent))) add("not as desired");
    return note;
}

TableRow row_of(const AgentStatus& agent, std::int64_t now) {
    const Observed& seen = agent.observed;
    const bool known = seen.current || !seen.version_file.empty();
    return {{{one_line(seen.name), in_trouble(agent) ? Paint::red : Paint::bold},
             {or_dash(version_of(seen)), differs(agent) ? Paint::yellow : Paint::plain},
             {known ? to_string(seen.state) : "-", state_paint(agent)},
             {desired_text(agent.desired)},
             {note_of(agent, now), in_trouble(agent) ? Paint::red : Paint::yellow}},
            Paint::plain};
}

// --- what is wrong -------------------------------------------------------------------------------

/// The last lines of what a script printed.
std::vector<std::string> last_lines(const std::string& output) {
    std::vector<std::string> lines;
    std::string_view rest = output;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        lines.push_back(printable(rest.substr(0, end)));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    const auto blank = [](const std::string& line) { return trim(line).empty(); };
    while (!lines.empty() && blank(lines.back()))
        lines.pop_back();
    if (lines.size() <= shown_output_lines) return lines;
    const std::size_t hidden = lines.size() - shown_output_lines;
    lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(hidden));
    lines.insert(lines.begin(), "… " + counted(static_cast<int>(hidden), "line") + " more");
    return lines;
}

/// The blocks below the table, one for each agent that has trouble.
class Blocks {
  public:
    Blocks(std::int64_t now, const ViewStyle& style) : now_(now), style_(style) {}

    void add(const AgentStatus& agent) {
        if (!in_trouble(agent)) return;
        text_ += "\n" + painted(one_line(agent.observed.name), Paint::bold, style_.colour) + "\n";
        const Observed& seen = agent.observed;
        if (!seen.fault.empty()) say(one_line(seen.fault), Paint::red);
        if (!seen.trouble.empty() && seen.trouble != seen.fault)
            say(with_version(version_of(seen), seen.trouble), Paint::red);
        const auto& failure = agent.memory.failure;
        if (failure) add(*failure);
        const auto& trouble = agent.memory.trouble;
        if (trouble && !(failure && failure->version == trouble->version))
            say(with_version(trouble->version, trouble->message) + " (" + ago(now_, trouble->at) +
                    ")",
                Paint::red);
    }

    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    void say(const std::string& line, Paint paint) {
        text_ += indented(2, "", line, paint, style_.columns, style_.colour);
    }

    static std::string with_version(const std::string& version, const std::string& message) {
        return (version.empty() ? "" : one_line(version) + ": ") + one_line(message);
    }

    void add(const Failure& failure) {
        const std::string times =
            failure.tries > 1 ? " (" + std::to_string(failure.tries) + " tries so far)" : "";
        say(one_line(failure.version) + " failed " + ago(now_, failure.failed_at) + times + ": " +
                one_line(failure.cause),
            Paint::red);
        for (const std::string& line : last_lines(failure.output))
            text_ += painted("    | " + line, Paint::dim, style_.colour) + "\n";
        say("next try at " + iso_time(failure.retry_at) + ", " + ahead(now_, failure.retry_at),
            Paint::plain);
    }

    std::int64_t now_;
    const ViewStyle& style_;
    std::string text_;
};

// --- the passes ----------------------------------------------------------------------------------

std::string meaning_of(int exit_code) {
    if (exit_code > 128) return "ended by signal " + std::to_string(exit_code - 128);
    switch (exit_code) {
        case 0:
            return "all as desired";
        case 1:
            return "an agent or an entry failed";
        case 69:
            return "ops-meta was unreachable or its answer unusable";
        case 78:
            return "a bad configuration or a failed startup check";
        default:
            return "";
    }
}

std::string last_pass_text(const LastPass& last, std::int64_t now, const ViewStyle& style) {
    const std::string meaning = meaning_of(last.exit_code);
    std::string line = "Last pass " + ago(now, last.finished_at) + ": exit " +
                       std::to_string(last.exit_code) + (meaning.empty() ? "" : ", " + meaning) +
                       ", took " + human_duration(last.duration);
    if (last.exit_code != 0)
        line += last.success_at == 0 ? "; no success yet"
                                     : "; last success " + ago(now, last.success_at);
    std::string text = indented(0, "", line, last.exit_code == 0 ? Paint::plain : Paint::red,
                                style.columns, style.colour);
    for (const std::string& error : last.errors)
        text += indented(2, "", one_line(error), Paint::red, style.columns, style.colour);
    return text;
}

std::string running_text(const Running& running, std::int64_t now) {
    std::string line = "A pass is running: pid " + std::to_string(running.pid);
    if (running.splay_until > now)
        line += ", in its splay until " + iso_time(running.splay_until) + " (" +
                duration(running.splay_until - now) + " left)";
    return line;
}

std::string passes_text(const StatusReport& report, const ViewStyle& style) {
    const auto line = [&](const std::string& text) {
        return indented(0, "", text, Paint::plain, style.columns, style.colour);
    };
    std::string text = report.answer_at == 0
                           ? line("What is desired is not known: no answer of ops-meta is kept")
                           : line("What is desired was told " + ago(report.now, report.answer_at));
    text += report.last_pass ? last_pass_text(*report.last_pass, report.now, style)
                             : line("No pass has ended here yet");
    if (report.running) text += line(running_text(*report.running, report.now));
    return text;
}

}  // namespace

std::string status_text(const StatusReport& report, const ViewStyle& style) {
    std::vector<TableRow> rows{
        {{{"AGENT"}, {"VERSION"}, {"STATE"}, {"DESIRED"}, {"NOTE"}}, Paint::dim}};
    Blocks blocks(report.now, style);
    for (const AgentStatus& agent : report.agents) {
        rows.push_back(row_of(agent, report.now));
        blocks.add(agent);
    }
    std::string text;
    if (report.agents.empty()) {
        text = "No agents in " + one_line(report.ops_dir) + "\n";
    } else {
        for (const std::string& line : laid_out(rows, style.columns, style.colour))
            text += line;
    }
    return text + blocks.text() + "\n" + passes_text(report, style);
}

}  // namespace ops
