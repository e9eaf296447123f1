#include <algorithm>
#include <map>

#include "rules/screen.hpp"
#include "rules/text.hpp"
#include "rules/views.hpp"

namespace ops {
namespace {

/// What a plan comes to for one agent; the summary counts these.
enum class Verdict { change, as_desired, not_as_desired, held, left_alone };

Verdict verdict_of(const AgentPlan& plan) {
    if (plan.held) return Verdict::held;
    if (!plan.steps.empty()) return Verdict::change;
    if (!plan.problem.empty()) return Verdict::not_as_desired;
    return plan.entry ? Verdict::as_desired : Verdict::left_alone;
}

/// The version that will be in use, where that is another one than now.
std::optional<std::string> version_after(const AgentPlan& plan) {
    std::optional<std::string> version = plan.current;
    for (const Step& step : plan.steps)
        if (step.action == Action::switch_version || step.action == Action::rollback)
            version = step.version;
    return version == plan.current ? std::nullopt : version;
}

std::string versions_of(const AgentPlan& plan) {
    const std::string current = plan.current ? one_line(*plan.current) : "none";
    if (const auto after = version_after(plan)) return current + " -> " + one_line(*after);
    const bool another = plan.desired && !plan.desired->empty() && plan.desired != plan.current;
    return another ? current + ", not " + one_line(*plan.desired) : current;
}

/// One step for people, who know already which version is desired.
std::string words_for(const Step& step, const AgentPlan& plan) {
    const std::string version = one_line(step.version);
    switch (step.what) {
        case Prune::relic:
            return "prune the old tarball of " + version;
        case Prune::leftover:
            return "prune the unfinished " + version;
        case Prune::aside:
            return "prune the other build of " + version;
        case Prune::old_version:
        case Prune::none:
            break;
    }
    const bool desired = plan.desired == step.version;
    switch (step.action) {
        case Action::download:
        case Action::resume:
        case Action::unpack:
            return desired ? to_string(step.action) : to_string(step.action) + " " + version;
        case Action::switch_version:
            if (plan.republish) return "exchange the builds";
            return desired && step.version != plan.current ? "switch"
                                                           : "write " + version + " to .version";
        case Action::rollback:
            return "rollback to " + version;
        case Action::stop:
        case Action::start:
        case Action::prune:
            break;
    }
    return to_string(step.action) + " " + version;
}

std::string words_for(const std::vector<Step>& steps, const AgentPlan& plan) {
    std::string words;
    for (const Step& step : steps)
        words += (words.empty() ? "" : ", ") + words_for(step, plan);
    return words;
}

std::string reason_of(const AgentPlan& plan) {
    const std::string reason = one_line(plan.reason);
    // The versions are in a column of their own.
    return reason == versions_of(plan) ? "another version is wanted" : reason;
}

bool is_said_by_reason(const AgentPlan& plan) {
    return plan.reason.find(plan.problem) != std::string::npos;
}

TableRow row_of(const AgentPlan& plan) {
    const bool trouble = !plan.problem.empty();
    const Verdict verdict = verdict_of(plan);
    const Paint why = trouble && is_said_by_reason(plan) ? Paint::red
                      : verdict == Verdict::held         ? Paint::yellow
                                                         : Paint::plain;
    const Paint row = verdict == Verdict::change || trouble ? Paint::plain : Paint::dim;
    const Paint name = trouble                      ? Paint::red
                       : verdict == Verdict::change ? Paint::bold
                                                    : Paint::plain;
    return {{{one_line(plan.name), name},
             {versions_of(plan)},
             {plan.cmd == Cmd::none ? "-" : to_string(plan.cmd)},
             {plan.current ? to_string(plan.status) : "-"},
             {reason_of(plan), why}},
            row};
}

/// The lines below the agent's row: what will be done, and what a reader must not miss.
std::string details_of(const AgentPlan& plan, int margin, const ViewStyle& style) {
    const auto line = [&](std::string_view mark, const std::string& text, Paint paint) {
        return indented(margin, mark, text, paint, style.columns, style.colour);
    };
    std::string text;
    if (!plan.steps.empty()) text += line("=> ", words_for(plan.steps, plan), Paint::green);
    if (!plan.if_unstaged.empty())
        text += line("if that cannot be staged: ", words_for(plan.if_unstaged, plan), Paint::dim);
    if (!plan.problem.empty() && !is_said_by_reason(plan))
        text += line("problem: ", one_line(plan.problem), Paint::red);
    if (!plan.warning.empty()) text += line("warning: ", one_line(plan.warning), Paint::yellow);
    return text;
}

std::string wrong_entries(const std::vector<EntryError>& errors, const ViewStyle& style) {
    if (errors.empty()) return "";
    std::string text =
        "\n" + painted("Wrong entries of the answer", Paint::bold, style.colour) + "\n";
    for (const EntryError& error : errors)
        text += indented(2, "", named(error.agent, error.message), Paint::red, style.columns,
                         style.colour);
    return text;
}

std::string summary_of(const Plan& plan) {
    std::map<Verdict, int> counts;
    int problems = 0;
    for (const AgentPlan& agent : plan.agents) {
        ++counts[verdict_of(agent)];
        if (!agent.problem.empty()) ++problems;
    }
    std::string text = counted(static_cast<int>(plan.agents.size()), "agent");
    std::string_view before = ": ";
    for (const auto& [verdict, words] :
         {std::pair{Verdict::change, "to change"}, std::pair{Verdict::as_desired, "as desired"},
          std::pair{Verdict::not_as_desired, "not as desired"}, std::pair{Verdict::held, "held"},
          std::pair{Verdict::left_alone, "left alone"}}) {
        if (counts[verdict] == 0) continue;
        text.append(before).append(std::to_string(counts[verdict])).append(" ").append(words);
        before = ", ";
    }
    if (problems > 0) text += "; " + counted(problems, "problem");
    const auto wrong = plan.errors.size();
    if (wrong == 1) text += "; 1 entry is wrong";
    if (wrong > 1) text += "; " + std::to_string(wrong) + " entries are wrong";
    return text;
}

std::string title_of(const PlanContext& context) {
    const std::string whose = context.server.empty() ? "the given file" : one_line(context.server);
    return "Plan for " + one_line(context.host) + " as " + whose + " wants it";
}

}  // namespace

std::string plan_text(const Plan& plan, const PlanContext& context, const ViewStyle& style) {
    std::vector<TableRow> rows{{{{"AGENT"}, {"VERSION"}, {"CMD"}, {"STATE"}, {"WHY"}}, Paint::dim}};
    for (const AgentPlan& agent : plan.agents)
        rows.push_back(row_of(agent));
    const std::vector<std::string> lines = laid_out(rows, style.columns, style.colour);
    const int margin = column_offset(rows, 1);

    std::string text = painted(title_of(context), Paint::bold, style.colour) + "\n\n";
    if (!plan.agents.empty()) text += lines.front();
    for (std::size_t i = 0; i < plan.agents.size(); ++i)
        text += lines[i + 1] + details_of(plan.agents[i], margin, style);
    text += wrong_entries(plan.errors, style);
    if (!plan.agents.empty() || !plan.errors.empty()) text += "\n";
    return text + painted(summary_of(plan), Paint::bold, style.colour) + "\n";
}

}  // namespace ops
