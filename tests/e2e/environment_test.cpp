// Odd circumstances: who starts a pass, and with what.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "expect.hpp"

using namespace e2e;

namespace {

/// A first install, an upgrade and a crashed agent under these circumstances: all must be well.
void all_is_well(User user, const RunOptions& options) {
    CAPTURE(to_string(user));
    Scene scene(user);
    const Release fresh = scene.release("a-fresh-one", "1.0.0");
    const Release old = scene.release("b-old-one", "1.0.0");
    const Release next = scene.release("b-old-one", "1.0.1");
    const Release crashed = scene.release("c-crashed-one", "1.0.0");
    scene.host.has_running(old);
    scene.host.has(crashed);
    for (const auto* agent : {&fresh, &next, &crashed})
        scene.want(*agent);
    const Result result = scene.host.run(options);
    CHECK_EXIT(result, 0);
    for (const auto* agent : {&fresh, &next, &crashed}) {
        CHECK(scene.host.runs_only(*agent));
        CHECK(scene.host.difference(*agent) == "");
        const auto pid = scene.host.daemon_pid(*agent);
        REQUIRE(pid);
        std::string status;
        CHECK(eventually([&] {
            status = read_file("/proc/" + std::to_string(*pid) + "/status");
            return contains(status, "Name:\tsleep");  // before, it is a copy of the script's sh
        }));
        CHECK_CONTAINS(status, "SigBlk:\t0000000000000000");
        // sh itself has SIGINT and SIGQUIT ignored in what it puts in the background.
        CHECK_CONTAINS(status, "SigIgn:\t0000000000000006");
        CHECK_CONTAINS(status, "Umask:\t0022");
    }
    CHECK(scene.host.leftovers() == Words{});
    CHECK_EXIT(scene.host.run(options), 0);
    struct stat info {};
    for (const auto& path : tree(scene.host.ops)) {
        CAPTURE(path);
        REQUIRE(::lstat((scene.host.ops / path).c_str(), &info) == 0);
        CHECK((info.st_mode & 0022U) == 0);  // nobody else may write
        if (path.rfind(".ops-updater/", 0) != 0) CHECK((info.st_mode & 0400U) != 0);
    }
    REQUIRE(::stat((scene.host.ops / ".ops-updater").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0700);
}

void all_is_well(const RunOptions& options) {
    for (const User user : users())
        all_is_well(user, options);
}

}  // namespace

TEST_CASE("with env -i") {
    RunOptions options;
    options.empty_env = true;
    all_is_well(options);
}

TEST_CASE("under cron's bare environment") {
    RunOptions options;
    options.empty_env = true;
    options.env = {
        {"HOME", "/"}, {"LOGNAME", "root"}, {"SHELL", "/bin/sh"}, {"PATH", "/usr/bin:/bin"}};
    options.directory = "/";
    all_is_well(options);
}

TEST_CASE("with any of the descriptors 0 to 2 closed") {
    for (int closed = 1; closed < 8; ++closed) {
        CAPTURE(closed);
        RunOptions options;
        options.in_child = [closed] {
            for (int fd = 0; fd < 3; ++fd)
                if ((closed >> fd & 1) != 0) ::close(fd);
        };
        all_is_well(User::self, options);
    }
    RunOptions options;
    options.in_child = [] { ::close_range(0, 2, 0); };
    all_is_well(options);
}

TEST_CASE("with umask 0777 and with umask 0") {
    for (const mode_t mask : {0777, 0, 077}) {
        CAPTURE(mask);
        RunOptions options;
        options.in_child = [mask] { ::umask(mask); };
        all_is_well(options);
    }
}

TEST_CASE("with every signal blocked") {
    RunOptions options;
    options.in_child = [] {
        sigset_t all;
        sigfillset(&all);
        ::sigprocmask(SIG_BLOCK, &all, nullptr);
    };
    all_is_well(options);
}

TEST_CASE("with SIGCHLD ignored, and everything else, too") {
    for (const bool everything : {false, true}) {
        CAPTURE(everything);
        RunOptions options;
        options.in_child = [everything] {
            for (int number = 1; number < 32; ++number)
                if (everything || number == SIGCHLD) ::signal(number, SIG_IGN);
        };
        all_is_well(options);
    }
}

TEST_CASE("with variables that change what tools do") {
    RunOptions options;
    options.env = {{"TAR_OPTIONS", "--exclude=* --no-such-option"},
                   {"GZIP", "--no-such-option"},
                   {"POSIXLY_CORRECT", "1"},
                   {"LC_ALL", "zh_CN.GB18030"},
                   {"LANG", "tr_TR.UTF-8"},
                   {"LANGUAGE", "de"},
                   {"TAPE", "/nonexistent"},
                   {"TAR_READER_OPTIONS", "x"},
                   {"IFS", "/"},
                   {"CDPATH", "/"},
                   {"TZ", "Asia/Shanghai"},
                   {"HOME", "/nonexistent"},
                   {"TMPDIR", "/nonexistent"}};
    all_is_well(options);
}

TEST_CASE("with few descriptors left") {
    RunOptions options;
    options.in_child = [] {
        const struct rlimit few { 64, 64 };
        ::setrlimit(RLIMIT_NOFILE, &few);
    };
    all_is_well(User::self, options);
}

TEST_CASE("with descriptors that the caller left open") {
    RunOptions options;
    options.in_child = [] {
        const int fd = ::open("/dev/null", O_RDONLY);
        for (int i = 3; i < 40; ++i)
            ::dup2(fd, i);
    };
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    CHECK_EXIT(scene.host.run(options), 0);
    const auto pid = scene.host.daemon_pid(agent);
    REQUIRE(pid);
    const auto open = [&] {
        int count = 0;
        for ([[maybe_unused]] const auto& entry :
             fs::directory_iterator("/proc/" + std::to_string(*pid) + "/fd"))
            ++count;
        return count;
    };
    CHECK(eventually([&] { return open() == 3; }));  // once it is no copy of the script's sh
}

TEST_CASE("closed outputs do not let the log into a file of the ops dir") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.start_fails();
    scene.want(agent);
    RunOptions options;
    options.in_child = [] { ::close_range(0, 2, 0); };
    CHECK_EXIT(scene.host.run(options), 1);
    for (const auto& path : tree(scene.host.ops)) {
        if (path.rfind(".ops-updater/", 0) == 0 || path.back() == '/') continue;
        CAPTURE(path);
        CHECK_LACKS(read_if_there(scene.host.ops / path).value_or(""), "ERROR");
    }
}

TEST_CASE("a script runs in its version dir, in its own session, with /dev/null as stdin") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    const fs::path seen = scene.host.root / "seen";
    for (const std::string verb : {"start", "stop", "status"})
        agent.before(verb,
                     "read -r pid comm state parent group session rest </proc/self/stat\n"
                     "{ echo \"" +
                         verb +
                         " in $(pwd -P)\"; echo \"argv $0 $#\"; "
                         "echo \"session $(cut -d' ' -f6 /proc/$$/stat) pid $$\"; "
                         "echo \"stdin $(readlink /proc/$$/fd/0)\"; "
                         "ls /proc/$$/fd | tr '\\n' ' '; echo; } >>" +
                         seen.string());
    scene.want(agent);
    REQUIRE_EXIT(scene.pass(), 0);
    scene.want(agent, "stop");
    REQUIRE_EXIT(scene.pass(), 0);
    const auto lines = lines_of(read_file(seen));
    int scripts = 0;
    for (const auto& line : lines) {
        if (contains(line, " in ")) {
            ++scripts;
            CHECK_CONTAINS(line, scene.host.dir(agent).string());
        }
        if (line.rfind("session ", 0) == 0) {
            const auto pid = line.substr(line.rfind(' ') + 1);
            CHECK(line == "session " + pid + " pid " + pid);
        }
        if (line.rfind("stdin ", 0) == 0) CHECK(line == "stdin /dev/null");
        if (line.rfind("argv ", 0) == 0) CHECK_CONTAINS(line, " 1");
    }
    CHECK(scripts >= 4);
}

TEST_CASE("a script has the pass's environment, PATH completed by the sbin folders") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    const fs::path seen = scene.host.root / "seen";
    agent.before("start", "env >" + seen.string());
    scene.want(agent);
    RunOptions options;
    options.env = {{"PATH", "/usr/bin:/bin"}, {"MY_SETTING", "a b\tc"}, {"LC_ALL", "zh_CN.UTF-8"}};
    REQUIRE_EXIT(scene.host.run(options), 0);
    const std::string env = "\n" + read_file(seen);
    CHECK_CONTAINS(env, "\nMY_SETTING=a b\tc\n");
    CHECK_CONTAINS(env, "\nLC_ALL=zh_CN.UTF-8\n");
    const auto at = env.find("\nPATH=");
    REQUIRE(at != std::string::npos);
    const std::string path = ":" + env.substr(at + 6, env.find('\n', at + 6) - at - 6) + ":";
    CHECK(path.rfind(":/usr/bin:/bin:", 0) == 0);
    CHECK_CONTAINS(path, ":/usr/sbin:");
    CHECK_CONTAINS(path, ":/sbin:");
}

TEST_CASE("the usual proxy variables are used, and no_proxy is honoured") {
    Scene scene;
    RunOptions options;
    options.env = {{"http_proxy", "http://" + scene.meta.address()}};
    scene.host.server = "http://meta.invalid:2200";
    CHECK_EXIT(scene.host.run(options), 0);  // our server stands in as the proxy
    CHECK(scene.meta.reports().size() == 1);
    options.env["no_proxy"] = "127.0.0.1,meta.invalid";
    CHECK_EXIT(scene.host.run(options), 69);
}

TEST_CASE("as another user than root nothing needs root") {
    for (const User user : users()) {
        if (user == User::self && ::geteuid() == 0) continue;
        Scene scene(user);
        const Release agent = scene.release("falcon-agent", "1.0.0");
        scene.want(agent);
        CHECK_EXIT(scene.pass(), 0);
        struct stat info {};
        for (const auto& path : tree(scene.host.ops)) {
            REQUIRE(::lstat((scene.host.ops / path).c_str(), &info) == 0);
            CHECK(info.st_uid == scene.host.uid());
        }
    }
}
