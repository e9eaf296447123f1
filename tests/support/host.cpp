#include "host.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <set>
#include <sstream>
#include <stdexcept>

namespace e2e {

namespace {

constexpr uid_t nobody_id = 65534;

/// The daemons' pids: whatever files called `pid` or `….pid` below `root` say.
std::set<pid_t> known_daemons(const fs::path& root) {
    std::set<pid_t> pids;
    std::error_code error;
    for (fs::recursive_directory_iterator at(root, error), end; at != end; at.increment(error)) {
        const std::string file = at->path().filename();
        if (file != "pid" && at->path().extension() != ".pid") continue;
        if (file == "ops-updater.pid") continue;
        const pid_t pid = std::atoi(read_if_there(at->path()).value_or("").c_str());
        if (pid > 1) pids.insert(pid);
    }
    return pids;
}

bool made_at_run_time(const std::string& path) {
    return path == "pid" || fs::path(path).extension() == ".pid" || path == "notes";
}

}  // namespace

std::vector<User> users() {
    if (::geteuid() == 0) return {User::self, User::nobody};
    return {User::self};
}

std::string to_string(User user) {
    if (user == User::nobody) return "an unprivileged user";
    return ::geteuid() == 0 ? "root" : "the tests' own user";
}

fs::path program_under_test() {
    const char* set = std::getenv("OPS_UPDATER");
    return fs::absolute(set != nullptr ? set : "build/ops-updater");
}

Host::Host(User user) : user_(user) {
    std::string pattern = fs::canonical(fs::temp_directory_path()) / "ops-host-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
    root = pattern;
    ::chmod(root.c_str(), 0755);
    ops = root / "ops";
    for (const char* dir : {"ops", "home", "tmp", "runs"})
        make_dir(root / dir);
    write(root / "journal", "");
    own(root);
}

Host::~Host() {
    if (!forgiven_) {
        std::vector<std::string> left;
        eventually([&] { return (left = strays()).empty(); }, seconds(2));
        if (on_problem)
            for (const auto& stray : left)
                on_problem("a process is left: " + stray);
    }
    if (on_problem)
        for (const auto& path : tree(root / "tmp"))
            on_problem("left in TMPDIR: " + path);
    stop_everything();
    std::error_code error;
    fs::remove_all(root, error);
    if (error && on_problem) on_problem("cannot remove " + root.string() + ": " + error.message());
}

// --- configuration -----------------------------------------------------------------------------

std::string Host::config() const {
    std::map<std::string, int> timeouts = {{"connect", 2}, {"report", 5}, {"download", 20},
                                           {"stall", 5},   {"status", 5}, {"start", 5},
                                           {"stop", 5}};
    for (const auto& [key, value] : timeouts_)
        timeouts[key] = value;
    std::string text;
    for (const auto& [key, value] : settings_)
        text += key + ": " + value + "\n";
    if (settings_.contains("timeouts")) return text;
    text += "timeouts: {";
    const char* comma = "";
    for (const auto& [key, value] : timeouts) {
        text += comma + key + ": " + std::to_string(value);
        comma = ", ";
    }
    return text + "}\n";
}

// --- files -------------------------------------------------------------------------------------

uid_t Host::uid() const {
    return user_ == User::nobody ? nobody_id : ::geteuid();
}

void Host::write(const fs::path& file, std::string_view content, mode_t mode) {
    const fs::path path = file.is_absolute() ? file : ops / file;
    make_dir(path.parent_path());
    write_file(path, content, mode);
    own(path);
}

void Host::make_dir(const fs::path& dir, mode_t mode) {
    const fs::path path = dir.is_absolute() ? dir : ops / dir;
    if (fs::exists(path)) return;
    make_dir(path.parent_path());
    if (::mkdir(path.c_str(), mode) != 0 || ::chmod(path.c_str(), mode) != 0)
        throw std::runtime_error("cannot make " + path.string());
    own(path);
}

void Host::own(const fs::path& path) const {
    if (user_ != User::nobody) return;
    std::vector<fs::path> paths{path};
    if (fs::is_directory(fs::symlink_status(path)))
        for (const auto& entry : fs::recursive_directory_iterator(path))
            paths.push_back(entry.path());
    for (const auto& each : paths)
        if (::lchown(each.c_str(), nobody_id, nobody_id) != 0)
            throw std::runtime_error("cannot chown " + each.string());
}

fs::path Host::dir(const Release& release) const {
    return ops / release.name() / release.version();
}

fs::path Host::tarball(const Release& release) const {
    return dir(release) / release.tarball_name();
}

void Host::raise(const std::string& flag_name) {
    write(flag(flag_name), "");
}

void Host::lower(const std::string& flag_name) {
    fs::remove(flag(flag_name));
}

bool Host::raised(const std::string& flag_name) const {
    return fs::exists(flag(flag_name));
}

// --- agents ------------------------------------------------------------------------------------

void Host::unpack(const Release& release) {
    for (const auto& [path, file] : release.files())
        write(dir(release) / path, file.content, file.mode);
}

void Host::select(const Release& release) {
    write(agent_dir(release.name()) / ".version", release.version() + "\n");
}

void Host::has(const Release& release) {
    unpack(release);
    select(release);
}

void Host::has_running(const Release& release) {
    has(release);
    if (control(release, "start") != 0 || !alive(release))
        throw std::runtime_error("cannot start " + release.name());
    forget_journal();
}

int Host::control(const Release& release, const std::string& verb) {
    RunOptions options;
    options.bare = true;
    options.program = dir(release) / "control";
    options.args = {verb};
    options.directory = dir(release);
    return run(options).code;
}

void Host::crash(const Release& release) {
    const auto pid = daemon_pid(release);
    if (!pid) throw std::runtime_error(release.name() + " does not run");
    ::kill(*pid, SIGKILL);
    if (!eventually([&] { return !is_alive(*pid); })) throw std::runtime_error("it does not die");
}

std::string Host::version(const std::string& agent) const {
    return read_if_there(ops / agent / ".version").value_or("(none)");
}

std::optional<pid_t> Host::daemon_pid(const Release& release) const {
    const auto text = read_if_there(dir(release) / "pid");
    const pid_t pid = text ? std::atoi(text->c_str()) : 0;
    if (pid <= 1 || !is_alive(pid)) return std::nullopt;
    struct stat home {};
    struct stat cwd {};
    if (::stat(dir(release).c_str(), &home) != 0) return std::nullopt;
    if (::stat(("/proc/" + std::to_string(pid) + "/cwd").c_str(), &cwd) != 0) return std::nullopt;
    if (home.st_ino != cwd.st_ino || home.st_dev != cwd.st_dev) return std::nullopt;
    return pid;
}

bool Host::alive(const Release& release) const {
    return daemon_pid(release).has_value();
}

std::vector<std::string> Host::running_versions(const std::string& agent) const {
    std::vector<std::string> running;
    if (!fs::is_directory(ops / agent)) return running;
    for (const auto& entry : fs::directory_iterator(ops / agent)) {
        const std::string version = entry.path().filename();
        if (alive(Release(root, agent, version))) running.push_back(version);
    }
    std::sort(running.begin(), running.end());
    return running;
}

bool Host::runs_only(const Release& release) const {
    return version(release.name()) == release.version() + "\n" &&
           running_versions(release.name()) == std::vector<std::string>{release.version()};
}

std::string Host::difference(const Release& release) const {
    std::string text;
    const auto wanted = release.files();
    for (const auto& [path, file] : wanted) {
        struct stat info {};
        const fs::path here = dir(release) / path;
        if (::lstat(here.c_str(), &info) != 0)
            text += path + " is missing\n";
        else if (!S_ISREG(info.st_mode))
            text += path + " is no file\n";
        else if (read_if_there(here) != file.content)
            text += path + " has other content\n";
        else if ((info.st_mode & 0111U) != (file.mode & 0111U))
            text += path + " has another mode\n";
    }
    for (const auto& path : tree(dir(release))) {
        const bool folder = path.back() == '/';
        const auto at = wanted.lower_bound(path);
        const bool expected = folder ? at != wanted.end() && at->first.rfind(path, 0) == 0
                                     : wanted.contains(path) || made_at_run_time(path);
        if (!expected) text += path + " is too much\n";
    }
    return text;
}

std::vector<std::string> Host::leftovers() const {
    std::vector<std::string> found;
    for (const auto& path : tree(ops)) {
        const std::string name = fs::path(path).filename();
        const bool in_memory = path.rfind(".ops-updater/", 0) == 0;
        const bool download = contains(name, ".part") || contains(name, ".tar.gz") ||
                              contains(name, ".md5") || contains(name, ".sha256") ||
                              contains(name, ".minisig");
        if (download || (in_memory && name == "control")) found.push_back(path);
    }
    return found;
}

std::vector<Event> Host::journal() const {
    std::vector<Event> events;
    for (const auto& line : lines_of(read_file(root / "journal"))) {
        Event event;
        std::istringstream words(line);
        words >> event.at >> event.agent >> event.version >> event.verb;
        events.push_back(event);
    }
    return events;
}

std::vector<std::string> Host::deeds(const std::string& agent) const {
    std::vector<std::string> deeds;
    for (const auto& event : journal())
        if (event.agent == agent && event.verb != "status")
            deeds.push_back(event.version + " " + event.verb);
    return deeds;
}

int Host::count(const Release& release, const std::string& verb) const {
    const auto events = journal();
    return static_cast<int>(std::count_if(events.begin(), events.end(), [&](const Event& event) {
        return event.agent == release.name() && event.version == release.version() &&
               event.verb == verb;
    }));
}

void Host::forget_journal() {
    write(root / "journal", "");
}

// --- runs --------------------------------------------------------------------------------------

std::vector<std::string> Host::usual_args() const {
    std::vector<std::string> args = {"--config=" + config_file().string(),
                                     "--ops-dir=" + ops.string(), "--hostname=" + name, "--once"};
    if (!server.empty()) args.push_back("--server=" + server);
    return args;
}

std::map<std::string, std::string> Host::usual_env() const {
    return {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
            {"HOME", (root / "home").string()},
            {"TMPDIR", (root / "tmp").string()}};
}

Launch Host::launch(const RunOptions& options) {
    Launch launch;
    fs::path program = options.program.empty() ? program_under_test() : options.program;
    if (options.program.empty() && user_ == User::nobody) {
        // The tree may lie where only root can go.
        program = root / "bin" / "ops-updater";
        if (!fs::exists(program)) {
            make_dir(root / "bin");
            fs::copy_file(program_under_test(), program);
        }
    }
    launch.argv = {program.string()};
    if (!options.bare) {
        write(config_file(), config());
        const bool only_looks =
            std::find(options.args.begin(), options.args.end(), "--status") != options.args.end();
        for (const auto& arg : usual_args())
            if (arg != "--once" || !only_looks) launch.argv.push_back(arg);
    }
    launch.argv.insert(launch.argv.end(), options.args.begin(), options.args.end());

    std::map<std::string, std::string> env;
    if (!options.empty_env) env = usual_env();
    for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"})
        if (const char* value = std::getenv(name)) env[name] = value;
    for (const auto& [name, value] : options.env) {
        env.erase(name);
        if (value) env[name] = *value;
    }
    for (const auto& [name, value] : env)
        launch.env.push_back(name + "=" + value);

    launch.directory = options.directory.empty() ? root : options.directory;
    launch.input = options.input;
    if (user_ == User::nobody) launch.user = nobody_id;
    launch.output_prefix = root / "runs" / std::to_string(++runs_);
    launch.in_child = options.in_child;
    return launch;
}

Result Host::run(const RunOptions& options) {
    return Process(launch(options)).wait(options.limit);
}

Process Host::start(const RunOptions& options) {
    return Process(launch(options));
}

std::vector<std::string> Host::strays() const {
    const auto known = known_daemons(root);
    std::vector<std::string> found;
    for (const pid_t pid : processes_within(root))
        if (!known.contains(pid)) found.push_back(describe_process(pid));
    return found;
}

void Host::stop_everything() const {
    const bool gone = eventually(
        [&] {
            const auto pids = processes_within(root);
            for (const pid_t pid : pids)
                ::kill(pid, SIGKILL);
            return pids.empty();
        },
        seconds(5));
    if (!gone && on_problem) on_problem("processes within " + root.string() + " do not die");
}

}  // namespace e2e
