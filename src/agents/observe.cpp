#include "agents/observe.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "rules/text.hpp"
#include "world/files.hpp"

namespace ops {
namespace {

constexpr std::size_t max_small_file = 4096;

VersionDir look_at_version(const Layout& layout, const std::string& agent,
                           const std::string& version, const struct stat& dir) {
    const StagePaths stage = layout.stage(agent, version);
    VersionDir seen;
    seen.version = version;
    seen.inode = dir.st_ino;
    // Followed: a hand-made version dir may link to a script of its own. What cannot be looked at
    // is not taken for missing: a second version would be started beside the one that runs.
    const auto control = target_of(layout.control(agent, version));
    seen.has_control = control && S_ISREG(control->st_mode);
    seen.has_tarball = status_of(stage.tarball).has_value();
    seen.has_digest_file = status_of(stage.tarball.string() + ".md5").has_value();
    seen.has_part = status_of(stage.part).has_value();
    return seen;
}

/// `.version`: missing, good, or what is wrong with it. Throws Error where it cannot be read: that
/// says nothing of what is in it.
void read_version_file(const Layout& layout, Observed& agent) {
    const fs::path path = layout.version_file(agent.name);
    const auto info = status_of(path);
    if (!info) return;
    agent.has_version_file = true;
    if (!S_ISREG(info->st_mode)) {
        agent.trouble = ".version is no regular file";
        return;
    }
    if (static_cast<std::size_t>(info->st_size) > max_small_file) {
        agent.trouble = ".version is larger than a version";
        return;
    }
    const std::string version(trim(read_file(path, max_small_file).value_or("")));
    if (version.empty()) {
        agent.trouble = ".version is empty";
    } else if (const std::string why = identity_fault(agent.name, version); !why.empty()) {
        agent.trouble = ".version is invalid: " + one_line(why, 200);
    } else {
        agent.version_file = version;
    }
}

void look_aside(const Layout& layout, Observed& agent, const std::string& version) {
    const StagePaths aside = layout.stage_aside(agent.name, version);
    agent.aside_exists = is_real_dir(aside.dir);
    if (!agent.aside_exists) return;
    agent.aside_tarball = status_of(aside.tarball).has_value();
    agent.aside_part = status_of(aside.part).has_value();
    agent.aside_complete = is_regular(aside.dir / "control") && !agent.aside_tarball;
}

void look_at_versions(const Layout& layout, Observed& agent) {
    for (const std::string& name : list_dir(layout.agent_dir(agent.name))) {
        if (!is_version(name) || !identity_fault(agent.name, name).empty()) continue;
        const auto info = status_of(layout.version_dir(agent.name, name));
        if (!info || !S_ISDIR(info->st_mode)) continue;  // a link to a folder is not ours to follow
        agent.versions.push_back(look_at_version(layout, agent.name, name, *info));
    }
}

/// Not followed, as its folder is not; and not passed over, since it may well be running.
void refuse_linked_version(const Layout& layout, Observed& agent) {
    if (agent.version_file.empty()) return;
    const auto info = status_of(layout.version_dir(agent.name, agent.version_file));
    if (info && S_ISLNK(info->st_mode))
        agent.fault = agent.trouble =
            "its version dir " + agent.version_file + " is a symbolic link: make it a real folder";
}

std::optional<Observed> look_at_agent(const Layout& layout, const std::string& name,
                                      const std::map<std::string, std::string>& hold) {
    Observed agent;
    agent.name = name;
    const auto info = status_of(layout.agent_dir(name));
    if (!info) return std::nullopt;
    if (S_ISLNK(info->st_mode)) {
        // Not followed: whoever may write to its target would choose what root runs.
        if (!status_of(layout.version_file(name))) return std::nullopt;
        agent.has_version_file = true;
        agent.fault = agent.trouble = "its folder is a symbolic link: make it a real folder";
        return agent;
    }
    if (!S_ISDIR(info->st_mode)) return std::nullopt;
    try {
        agent.held = hold_reason(layout, name, hold);
        read_version_file(layout, agent);
        look_at_versions(layout, agent);
        refuse_linked_version(layout, agent);
        const VersionDir* named = agent.find(agent.version_file);
        if (named != nullptr && named->has_control) {
            agent.current = agent.version_file;
            look_aside(layout, agent, agent.version_file);
        } else if (!agent.version_file.empty() && agent.trouble.empty()) {
            agent.trouble = "its version dir has no control";
        }
    } catch (const Error& error) {
        agent.fault = error.what();
    }
    return agent;
}

/// Which versions of an agent are asked for their status: C, or all that could be.
std::vector<std::string> versions_to_ask(const Observed& agent) {
    if (!agent.fault.empty()) return {};
    if (agent.current) return {*agent.current};
    std::vector<std::string> versions;
    for (const VersionDir& dir : agent.versions)
        if (dir.complete()) versions.push_back(dir.version);
    return versions;
}

/// Without a usable `.version`, the version that is started is C.
void recover_current(const Layout& layout, Observed& agent,
                     const std::vector<std::string>& started) {
    if (started.size() > 1) {
        agent.fault = "several versions are started (";
        for (std::size_t i = 0; i < started.size(); ++i)
            agent.fault += (i == 0 ? "" : ", ") + started[i];
        agent.fault += ") and .version does not say which is in use: stop all but one";
    } else if (started.size() == 1) {
        agent.current = started.front();
        agent.current_recovered = true;
        agent.state = RunState::started;
        look_aside(layout, agent, started.front());
    }
}

}  // namespace

std::optional<std::string> hold_reason(const Layout& layout, const std::string& agent,
                                       const std::map<std::string, std::string>& hold) {
    const fs::path path = layout.hold_file(agent);
    if (status_of(path)) {
        // Whatever it is, its presence is the order; only a regular file can give a reason.
        try {
            const std::string text = read_file(path, 64 * 1024).value_or("");
            return one_line(trim(text.substr(0, text.find('\n'))), 200);
        } catch (const Error&) {
            return "";
        }
    }
    const auto configured = hold.find(agent);
    if (configured == hold.end()) return std::nullopt;
    return configured->second.empty() ? "by the configuration" : configured->second;
}

namespace {

/// "agent@version" of each folder aside.
std::map<std::string, std::vector<std::string>> list_asides(const Layout& layout) {
    std::map<std::string, std::vector<std::string>> asides;
    if (!is_real_dir(layout.aside_dir())) return asides;
    for (const std::string& name : list_dir(layout.aside_dir()))
        if (const auto at = name.find('@'); at != std::string::npos)
            if (is_version(name.substr(at + 1)))
                asides[name.substr(0, at)].push_back(name.substr(at + 1));
    return asides;
}

}  // namespace

std::vector<Observed> observe_disk(const Layout& layout,
                                   const std::map<std::string, std::string>& hold) {
    std::vector<Observed> agents;
    auto held_without_folder = hold;
    const auto asides = list_asides(layout);
    for (const std::string& name : list_dir(layout.ops_dir())) {
        if (!is_agent_name(name)) continue;
        auto agent = look_at_agent(layout, name, hold);
        if (!agent) continue;
        held_without_folder.erase(name);
        if (const auto found = asides.find(name); found != asides.end())
            agent->asides = found->second;
        agents.push_back(std::move(*agent));
    }
    for (const auto& [name, reason] : held_without_folder) {
        Observed agent;
        agent.name = name;
        agent.held = hold_reason(layout, name, hold);
        agents.push_back(std::move(agent));
    }
    return agents;
}

std::vector<Observed> observe(const Layout& layout, const Control& control,
                              const std::map<std::string, std::string>& hold,
                              const StopSignal* stop) {
    std::vector<Observed> agents = observe_disk(layout, hold);
    std::vector<std::pair<std::string, std::string>> asked;
    std::vector<std::size_t> asked_of;
    for (std::size_t i = 0; i < agents.size(); ++i) {
        for (const std::string& version : versions_to_ask(agents[i])) {
            asked.emplace_back(agents[i].name, version);
            asked_of.push_back(i);
        }
    }
    const std::vector<StatusReading> readings = control.statuses(asked, stop);
    std::map<std::size_t, std::vector<std::string>> found_started;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        Observed& agent = agents[asked_of[i]];
        if (agent.current) {
            agent.state = readings[i].state;
            agent.trouble = readings[i].trouble;
        } else if (readings[i].state == RunState::started) {
            found_started[asked_of[i]].push_back(asked[i].second);
        }
    }
    for (const auto& [index, versions] : found_started)
        recover_current(layout, agents[index], versions);
    return agents;
}

}  // namespace ops
