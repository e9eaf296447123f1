#include "pass/pass.hpp"

#include <algorithm>
#include <iostream>
#include <system_error>
#include <thread>

#include "agents/handle.hpp"
#include "agents/observe.hpp"
#include "pass/claim.hpp"
#include "pass/execute.hpp"
#include "pass/ops_meta.hpp"
#include "pass/results.hpp"
#include "pass/startup.hpp"
#include "rules/error.hpp"
#include "rules/splay.hpp"
#include "rules/text.hpp"
#include "rules/url.hpp"
#include "world/curl_library.hpp"
#include "world/files.hpp"
#include "world/host.hpp"

namespace ops {
namespace {

using Memories = std::map<std::string, AgentMemory>;

HttpSettings http_settings(const Config& config) {
    HttpSettings settings;
    settings.connect_timeout = config.timeouts.connect;
    settings.stall_timeout = config.timeouts.stall;
    settings.download_timeout = config.timeouts.download;
    settings.retries = config.download.retries;
    settings.ca_file = config.tls.ca_file;
    settings.cert_file = config.tls.cert_file;
    settings.key_file = config.tls.key_file;
    settings.netrc_file = config.netrc_file;
    settings.proxy = config.proxy;
    settings.user_agent = "ops-updater/" OPS_UPDATER_VERSION;
    return settings;
}

/// Loads libcurl while the agents are asked: the two take about the same time. What goes wrong is
/// said by make_curl_http(), which tries again.
std::jthread load_transport() {
    try {
        return std::jthread([] {
            try {
                load_curl();
            } catch (const Error&) {
            }
        });
    } catch (const std::system_error&) {
        return {};
    }
}

std::string read_all(std::istream& in) {
    std::string text;
    char buffer[4096];
    while (text.size() <= max_answer_bytes && (in.read(buffer, sizeof buffer) || in.gcount() > 0))
        text.append(buffer, static_cast<std::size_t>(in.gcount()));
    return text;
}

Answer desired_from_file(const std::string& file) {
    std::string text;
    if (file == "-") {
        text = read_all(std::cin);
    } else {
        const auto content = read_file(file, max_answer_bytes);
        if (!content) throw Error("--desired: " + file + " is not there", ExitCode::usage);
        text = *content;
    }
    Answer answer;
    answer.desired = parse_answer(text);
    answer.fresh = true;
    return answer;
}

/// Without what is remembered of it, an agent must not be touched.
void leave_alone(std::vector<Observed>& observed, const std::string& agent,
                 const std::string& fault) {
    auto seen = std::find_if(observed.begin(), observed.end(),
                             [&](const Observed& one) { return one.name == agent; });
    if (seen == observed.end()) {
        seen = observed.insert(observed.end(), Observed{});
        seen->name = agent;
    }
    seen->fault = fault;
}

class Pass {
  public:
    Pass(const PassOptions& options, Log& log, const StopSignal& stop)
        : options_(options),
          config_(options.config),
          log_(log),
          stop_(stop),
          layout_(config_.ops_dir),
          store_(layout_, log),
          control_(layout_, config_.timeouts, log) {}

    int run() {
        check_ops_dir(config_.ops_dir);
        Claim claim(layout_, options_.dry_run, log_);
        tools_ = find_tools(!config_.minisign_key.empty());
        const std::string token = read_secrets(config_, log_);
        if (!options_.dry_run) store_.make_dirs();
        if (!sleep_splay(claim)) return interrupted();

        PassResults results(layout_, config_, log_);
        std::jthread transport = load_transport();
        auto observed = observe(layout_, control_, config_.hold, &stop_);
        if (transport.joinable()) transport.join();
        http_ = make_curl_http(http_settings(config_), log_, stop_);
        if (stop_.raised()) return interrupted();
        for (const Observed& agent : observed)
            if (!agent.trouble.empty()) log_.warning(agent.name, agent.trouble);
        const auto [memories, unreadable] = store_.load(!options_.dry_run);
        for (const auto& [agent, why] : unreadable)
            leave_alone(observed, agent, "its memory cannot be read: " + why);
        const Answer answer = ask(observed, memories, token);
        if (answer.interrupted || stop_.raised()) return interrupted();
        if (!answer.failure.empty()) log_.error("", answer.failure);

        Stager stager(layout_, config_, tools_, *http_, log_, stop_);
        const Plan plan = make_plan(observed, memories, answer, stager);
        if (options_.dry_run) return show(plan, answer);

        stager.share_rate(static_cast<std::size_t>(
            std::count_if(plan.agents.begin(), plan.agents.end(),
                          [](const AgentPlan& agent) { return agent.stages(); })));
        const Hands hands{layout_, config_, control_, store_, stager, log_, stop_, boot_id()};
        const auto outcomes = execute(plan, memories, hands);
        const int code = exit_code(plan, answer, outcomes);
        results.record(plan, outcomes, answer, observed, code);
        return code;
    }

  private:
    [[nodiscard]] int interrupted() const {
        log_.warning("", "ended by signal " + std::to_string(stop_.signal()));
        return 128 + stop_.signal();
    }

    /// False where a signal came.
    bool sleep_splay(Claim& claim) {
        if (!options_.splay || options_.dry_run || options_.desired_file) return true;
        const auto delay =
            splay_delay(config_.hostname, unix_now_nanoseconds(), effective_splay(config_));
        if (delay.count() == 0) return true;
        const auto seconds = std::chrono::ceil<std::chrono::seconds>(delay).count();
        log_.debug("", "splay: " + std::to_string(seconds) + " s");
        if (log_.terminal())
            log_.progress("splay", "waiting " + human_duration(static_cast<double>(seconds)) +
                                       " (--once: now)");
        claim.announce_splay(unix_now() + seconds);
        const bool over = stop_.sleep_for(delay);
        claim.announce_splay(0);
        log_.progress("splay", "");
        return over;
    }

    Answer ask(const std::vector<Observed>& observed, const Memories& memories,
               const std::string& token) {
        if (options_.desired_file) return desired_from_file(*options_.desired_file);
        OpsMeta meta(config_, token, layout_, *http_, log_, options_.dry_run);
        return meta.report(report_entries(observed, memories));
    }

    Plan make_plan(const std::vector<Observed>& observed, const Memories& memories,
                   const Answer& answer, Stager& stager) {
        PlanRules rules;
        rules.rollback = config_.rollback;
        rules.keep_versions = config_.keep_versions;
        rules.retry = options_.retry;
        rules.may_switch = answer.fresh;
        rules.answered = answer.desired.has_value();
        rules.only = {config_.agents.begin(), config_.agents.end()};
        rules.now = unix_now();
        rules.boot_id = boot_id();
        const Desired desired = answer.desired.value_or(Desired{});
        Plan made =
            plan(observed, desired, memories, published_digests(desired, memories, stager), rules);
        for (const std::string& name : options_.must_know) {
            const bool known =
                std::any_of(made.agents.begin(), made.agents.end(),
                            [&](const AgentPlan& agent) { return agent.name == name; });
            if (!known && answer.desired)
                made.errors.push_back({name, "there is no such agent here or in the answer"});
        }
        return made;
    }

    /// A failed version's digest file is asked for in each pass: a mended build ends the wait.
    std::map<std::string, Digests> published_digests(const Desired& desired,
                                                     const Memories& memories, Stager& stager) {
        std::map<std::string, Digests> published;
        for (const Entry& entry : digests_to_ask(desired, memories)) {
            try {
                published[entry.name].set(stager.expected_digest(entry));
            } catch (const Error& error) {
                log_.debug(entry.name, error.what());
            } catch (const Stopped&) {
                break;
            }
        }
        return published;
    }

    int show(const Plan& plan, const Answer& answer) const {
        const PlanContext context{
            config_.hostname, options_.desired_file ? "" : redact_url(server_url(config_.server))};
        std::cout << (options_.format == Format::json ? plan_json(plan, context)
                                                      : plan_text(plan, context, options_.style))
                  << std::flush;
        if (!std::cout) throw Error("cannot write the plan to standard output");
        if (!answer.failure.empty()) return static_cast<int>(ExitCode::unavailable);
        return static_cast<int>(plan.errors.empty() ? ExitCode::converged : ExitCode::failed);
    }

    [[nodiscard]] int exit_code(const Plan& plan, const Answer& answer,
                                const std::vector<AgentOutcome>& outcomes) const {
        if (stop_.raised()) return 128 + stop_.signal();
        if (!answer.failure.empty()) return static_cast<int>(ExitCode::unavailable);
        const bool failed = std::any_of(outcomes.begin(), outcomes.end(),
                                        [](const auto& outcome) { return !outcome.error.empty(); });
        return static_cast<int>(failed || !plan.errors.empty() ? ExitCode::failed
                                                               : ExitCode::converged);
    }

    const PassOptions& options_;
    const Config& config_;
    Log& log_;
    const StopSignal& stop_;
    Layout layout_;
    MemoryStore store_;
    Control control_;
    Tools tools_;
    std::unique_ptr<Http> http_;
};

}  // namespace

int run_pass(const PassOptions& options, Log& log, const StopSignal& stop) {
    return Pass(options, log, stop).run();
}

}  // namespace ops
