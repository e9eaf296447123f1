#include "world/lock.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/file.h>

#include <thread>

#include "rules/error.hpp"
#include "scratch.hpp"
#include "world/process.hpp"

using namespace ops;
using namespace ops::test;

namespace {

/// What util-linux's flock says of the folder: 0 free, 1 held.
int shell_lock(const fs::path& dir) {
    Command command;
    command.argv = {"/usr/bin/flock", "-n", dir, "true"};
    command.environment = script_environment();
    const Result result = run(command);
    const auto* exited = std::get_if<Exited>(&result.outcome);
    return exited != nullptr ? exited->code : -1;
}

}  // namespace

TEST_CASE("the lock is held once, until its object goes") {
    const Scratch dir;
    {
        const auto first = DirLock::try_take(dir.path());
        REQUIRE(first);
        CHECK_FALSE(DirLock::try_take(dir.path()));
    }
    CHECK(DirLock::try_take(dir.path()));
}

TEST_CASE("a moved lock is held on") {
    const Scratch dir;
    auto first = DirLock::try_take(dir.path());
    std::optional<DirLock> second = std::move(first);
    CHECK_FALSE(DirLock::try_take(dir.path()));
    second.reset();
    CHECK(DirLock::try_take(dir.path()));
}

TEST_CASE("flock in a shell sees the lock") {
    const Scratch dir;
    auto lock = DirLock::try_take(dir.path());
    CHECK(shell_lock(dir.path()) == 1);
    lock.reset();
    CHECK(shell_lock(dir.path()) == 0);
}

TEST_CASE("a lock that a shell's flock holds is seen") {
    const Scratch dir;
    std::thread holds([&] {
        Command command;
        command.argv = {"/usr/bin/flock",
                        dir.path(),
                        "/bin/sh",
                        "-c",
                        "cd \"$1\"; : >held; while [ ! -e done ]; do sleep 0.01; done",
                        "sh",
                        dir.path()};
        command.environment = script_environment();
        run(command);
    });
    const bool held = eventually([&] { return fs::exists(dir / "held"); });
    const bool taken = DirLock::try_take(dir.path()).has_value();
    dir.file("done", "");
    holds.join();
    CHECK(held);
    CHECK_FALSE(taken);
    CHECK(DirLock::try_take(dir.path()));
}

TEST_CASE("a daemon that a holder starts does not inherit the lock") {
    const Scratch dir;
    auto lock = DirLock::try_take(dir.path());
    Command command;
    command.argv = {"/bin/sh", "-c", "sleep 600 & echo $!"};
    command.environment = script_environment();
    const Result result = run(command);
    lock.reset();
    CHECK(DirLock::try_take(dir.path()));
    ::kill(std::stoi(result.output), SIGKILL);
}

TEST_CASE("a lock that is held for an instant only is waited for") {
    const Scratch dir;
    auto lock = DirLock::try_take(dir.path());
    std::thread frees([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        lock.reset();
    });
    const bool taken = DirLock::try_take(dir.path()).has_value();
    frees.join();
    CHECK(taken);
}

TEST_CASE("a lock that stays held is given up soon") {
    const Scratch dir;
    const auto lock = DirLock::try_take(dir.path());
    const auto start = std::chrono::steady_clock::now();
    CHECK_FALSE(DirLock::try_take(dir.path()));
    CHECK(seconds_since(start) >= 0.05);
    CHECK(seconds_since(start) < 1);
}

TEST_CASE("a link to the ops dir means the ops dir's lock") {
    const Scratch dir;
    fs::create_directory(dir / "ops");
    fs::create_directory_symlink("ops", dir / "link");
    const auto lock = DirLock::try_take(dir / "link");
    CHECK_FALSE(DirLock::try_take(dir / "ops"));
}

TEST_CASE("a folder that is missing, or is none, is a matter of configuration") {
    const Scratch dir;
    dir.file("file", "");
    for (const char* name : {"missing", "file"}) {
        try {
            DirLock::try_take(dir / name);
            FAIL("no error");
        } catch (const Error& error) {
            CHECK(error.code() == ExitCode::config);
            CHECK(std::string(error.what()).find((dir / name).native()) != std::string::npos);
        }
    }
}
