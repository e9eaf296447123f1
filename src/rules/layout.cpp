#include "rules/layout.hpp"

namespace ops {
namespace fs = std::filesystem;

namespace {

StagePaths stage_in(const fs::path& dir, const std::string& tarball) {
    return {dir, dir / tarball, dir / (tarball + ".part"), dir / (tarball + ".part.validator"),
            dir / (tarball + ".minisig")};
}

}  // namespace

fs::path Layout::pid_file() const {
    return ops_dir_ / "ops-updater.pid";
}

fs::path Layout::agent_dir(const std::string& agent) const {
    return ops_dir_ / agent;
}

fs::path Layout::version_file(const std::string& agent) const {
    return agent_dir(agent) / ".version";
}

fs::path Layout::hold_file(const std::string& agent) const {
    return agent_dir(agent) / ".hold";
}

fs::path Layout::control_log(const std::string& agent) const {
    return agent_dir(agent) / "control.log";
}

fs::path Layout::version_dir(const std::string& agent, const std::string& version) const {
    return agent_dir(agent) / version;
}

fs::path Layout::control(const std::string& agent, const std::string& version) const {
    return version_dir(agent, version) / "control";
}

StagePaths Layout::stage(const std::string& agent, const std::string& version) const {
    return stage_in(version_dir(agent, version), tarball_name(agent, version));
}

StagePaths Layout::stage_aside(const std::string& agent, const std::string& version) const {
    // No name and no version has an '@', so that no two stages share a dir ("a-1" with "2" and
    // "a" with "1-2" would with a '-').
    return stage_in(aside_dir() / (agent + "@" + version), tarball_name(agent, version));
}

fs::path Layout::state_dir() const {
    return ops_dir_ / ".ops-updater";
}

fs::path Layout::agent_memory_dir() const {
    return state_dir() / "agents";
}

fs::path Layout::agent_memory(const std::string& agent) const {
    return agent_memory_dir() / (agent + ".json");
}

fs::path Layout::aside_dir() const {
    return state_dir() / "aside";
}

fs::path Layout::answer() const {
    return state_dir() / "answer.json";
}

fs::path Layout::last_pass() const {
    return state_dir() / "last-pass.json";
}

fs::path Layout::running() const {
    return state_dir() / "running.json";
}

std::string Layout::tarball_name(const std::string& agent, const std::string& version) {
    return agent + "-" + version + ".tar.gz";
}

}  // namespace ops
