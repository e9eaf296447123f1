#include "world/host.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <ctime>

#include "scratch.hpp"

using namespace ops;
using namespace ops::test;

namespace {

/// A forked process with a name of its own that waits to be killed.
class Sleeper {
  public:
    explicit Sleeper(const char* name) : pid_(::fork()) {
        if (pid_ != 0) return;
        ::setpgid(0, 0);
        ::prctl(PR_SET_NAME, name);
        for (;;)
            ::pause();
    }
    ~Sleeper() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;
    [[nodiscard]] int pid() const { return pid_; }
    [[nodiscard]] bool is_named(const std::string& name) const {
        return eventually([&] {
            const auto info = process_info(pid_);
            return info && info->name == name;
        });
    }

  private:
    pid_t pid_;
};

}  // namespace

TEST_CASE("the clock is the system's") {
    CHECK(unix_now() - std::time(nullptr) <= 1);
    CHECK(std::time(nullptr) - unix_now() <= 1);
    CHECK(unix_now_nanoseconds() / 1'000'000'000 - unix_now() <= 1);
}

TEST_CASE("the boot has an id that stays") {
    CHECK(boot_id().size() == 36);
    CHECK(boot_id() == boot_id());
}

TEST_CASE("the host has a name") {
    CHECK_FALSE(host_name().empty());
}

TEST_CASE("the executable is a real file, and this one") {
    CHECK(fs::path(executable_path()).is_absolute());
    CHECK(fs::equivalent(executable_path(), "/proc/self/exe"));
}

TEST_CASE("this process is known") {
    const auto info = process_info(::getpid());
    REQUIRE(info);
    CHECK(info->executable == executable_path());
    CHECK(info->start_ticks > 0);
    REQUIRE_FALSE(info->arguments.empty());
    CHECK(info->name == fs::path(executable_path()).filename().native().substr(0, 15));
}

TEST_CASE("a process may have any name") {
    for (const char* name : {"a) S 1 2 (b", ")", "((", "Z)", "a b"}) {
        const Sleeper sleeper(name);
        CHECK(sleeper.is_named(name));
        const auto self = process_info(::getpid());
        const auto info = process_info(sleeper.pid());
        REQUIRE(info);
        CHECK(info->start_ticks >= self->start_ticks);
        CHECK(info->executable == executable_path());
    }
}

TEST_CASE("arguments are told apart, empty ones too") {
    const Scratch dir;
    REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
    const std::string script = "read line <" + (dir / "fifo").native();
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::execl("/bin/sh", "sh", "-c", script.c_str(), "", "a b", "", nullptr);
        ::_exit(127);
    }
    CHECK(eventually([&] {
        const auto info = process_info(pid);
        return info &&
               info->arguments == std::vector<std::string>{"sh", "-c", script, "", "a b", ""};
    }));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
}

TEST_CASE("an executable that was replaced is known by its old name") {
    const Scratch dir;
    fs::copy_file("/bin/sleep", dir / "updater");
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::execl((dir / "updater").c_str(), "updater", "600", nullptr);
        ::_exit(127);
    }
    const std::string path = dir / "updater";
    const auto is_known = [&] {
        const auto info = process_info(pid);
        return info && info->executable == path;
    };
    CHECK(eventually(is_known));
    fs::remove(path);
    CHECK(is_known());
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
}

TEST_CASE("a zombie is no live process, and no live group") {
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::setpgid(0, 0);
        ::_exit(0);
    }
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
    CHECK_FALSE(process_info(pid));
    CHECK_FALSE(group_lives(pid));
    CHECK(::kill(pid, 0) == 0);
    ::waitpid(pid, nullptr, 0);
    CHECK_FALSE(process_info(pid));
}

TEST_CASE("pids that cannot be are no process") {
    for (const int pid : {0, -1, -42, 2147483647})
        CHECK_FALSE(process_info(pid));
}

TEST_CASE("a group lives as long as one of it") {
    int group = 0;
    {
        const Sleeper sleeper("sleeper");
        group = sleeper.pid();
        CHECK(sleeper.is_named("sleeper"));
        CHECK(group_lives(group));
    }
    CHECK_FALSE(group_lives(group));
    CHECK_FALSE(group_lives(0));
    CHECK_FALSE(group_lives(-1));
    CHECK(group_lives(::getpgrp()));
}
