#include "world/process.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include "scratch.hpp"
#include "world/host.hpp"

using namespace ops;
using namespace ops::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

Command command_of(std::vector<std::string> argv) {
    Command command;
    command.argv = std::move(argv);
    command.environment = script_environment();
    return command;
}

Command shell(const std::string& text) {
    return command_of({"/bin/sh", "-c", text});
}

int exit_code(const Result& result) {
    const auto* exited = std::get_if<Exited>(&result.outcome);
    return exited != nullptr ? exited->code : -1;
}

int start_error(const Result& result) {
    const auto* not_started = std::get_if<NotStarted>(&result.outcome);
    return not_started != nullptr ? not_started->error : 0;
}

template <typename Kind>
bool is(const Result& result) {
    return std::holds_alternative<Kind>(result.outcome);
}

/// The pids that scripts wrote into files; none of them may be alive in the end.
int pid_in(const fs::path& path) {
    int pid = 0;
    std::ifstream(path) >> pid;
    return pid;
}

bool lives(int pid) {
    return process_info(pid).has_value();
}

/// A process that a test lets live, ended with it.
struct Ending {
    fs::path pid_file;
    ~Ending() {
        if (const int pid = pid_in(pid_file); pid > 1) ::kill(pid, SIGKILL);
    }
};

/// Keeps what is done to this process's own descriptors within a forked child: what `body` returns
/// is its exit code.
template <typename Body>
int in_a_fork(Body body) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        int code = 99;
        try {
            code = body();
        } catch (...) {
        }
        ::_exit(code);
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

long peak_memory_kb() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

}  // namespace

TEST_CASE("an exit code is handed on, with stdout and stderr together") {
    const Result result = run(shell("echo one; echo two >&2; exit 3"));
    CHECK(exit_code(result) == 3);
    CHECK(result.output == "one\ntwo\n");
    CHECK_FALSE(succeeded(result.outcome));
    CHECK(to_string(result.outcome) == "exit 3");
}

TEST_CASE("exit code 0 alone is success") {
    CHECK(succeeded(run(shell("exit 0")).outcome));
    CHECK_FALSE(succeeded(run(shell("exit 1")).outcome));
}

TEST_CASE("a program that a signal killed has no exit code") {
    const Result result = run(shell("kill -9 $$"));
    REQUIRE(is<Signalled>(result));
    CHECK(std::get<Signalled>(result.outcome).signal == SIGKILL);
    CHECK(to_string(result.outcome) == "killed by signal 9 (Killed)");
}

TEST_CASE("an outcome reads as words") {
    CHECK(to_string(TimedOut{seconds(10)}) == "timed out after 10 s");
    CHECK(to_string(TimedOut{milliseconds(250)}) == "timed out after 250 ms");
    CHECK(to_string(TimedOut{milliseconds(1500)}) == "timed out after 1.5 s");
    CHECK(to_string(Interrupted{}) == "interrupted");
    CHECK(to_string(NotStarted{ENOEXEC}) == "could not be started: Exec format error");
}

TEST_CASE("a missing script is not started") {
    const Scratch dir;
    CHECK(start_error(run(command_of({dir / "control"}))) == ENOENT);
}

TEST_CASE("a script that is not executable is not started") {
    const Scratch dir;
    const auto path = dir.file("control", "#!/bin/sh\necho started\n", 0644);
    CHECK(start_error(run(command_of({path}))) == EACCES);
}

TEST_CASE("a script without an interpreter line is not started") {
    const Scratch dir;
    const auto path = dir.file("control", "echo started\n", 0755);
    CHECK(start_error(run(command_of({path}))) == ENOEXEC);
}

TEST_CASE("a folder that is missing keeps the program from starting") {
    const Scratch dir;
    Command command = shell("echo here");
    command.directory = dir / "nowhere";
    CHECK(start_error(run(command)) == ENOENT);
}

TEST_CASE("no program at all is not started") {
    CHECK(start_error(run(Command{})) == EINVAL);
}

TEST_CASE("a script that is still open for writing for a moment is started all the same") {
    const Scratch dir;
    const auto path = dir.script("control", "echo started");
    const int writer = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    REQUIRE(writer >= 0);
    std::thread closes([writer] {
        std::this_thread::sleep_for(milliseconds(20));
        ::close(writer);
    });
    const Result result = run(command_of({path}));
    closes.join();
    CHECK(succeeded(result.outcome));
    CHECK(result.output == "started\n");
}

TEST_CASE("a script that stays open for writing is given up soon") {
    const Scratch dir;
    const auto path = dir.script("control", "echo started");
    const int writer = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    const auto start = steady_clock::now();
    CHECK(start_error(run(command_of({path}))) == ETXTBSY);
    CHECK(seconds_since(start) < 2);
    ::close(writer);
}

TEST_CASE("a program runs in its folder and gets its environment and nothing else") {
    const Scratch dir;
    Command command = command_of(
        {"/bin/sh", "-c", "pwd -P; env | grep -v -e ^PWD= -e ^_= -e ^OLDPWD= -e ^SHLVL="});
    command.directory = dir.path();
    command.environment = {"WORD=a b", "PATH=/usr/bin:/bin"};
    const Result result = run(command);
    CHECK(result.output.find(dir.path().native() + "\n") == 0);
    CHECK(result.output.find("WORD=a b\n") != std::string::npos);
    CHECK(std::count(result.output.begin(), result.output.end(), '\n') == 3);
}

TEST_CASE("a script may remove its own folder") {
    const Scratch dir;
    fs::create_directory(dir / "1.0.0");
    const auto path = dir.script("1.0.0/control", "rm -rf \"$PWD\"; echo gone");
    Command command = command_of({path});
    command.directory = dir / "1.0.0";
    const Result result = run(command);
    CHECK(succeeded(result.outcome));
    CHECK(result.output == "gone\n");
    CHECK_FALSE(fs::exists(dir / "1.0.0"));
}

TEST_CASE("stdin is /dev/null") {
    const Result result = run(shell("readlink /proc/self/fd/0; cat; echo end"));
    CHECK(result.output == "/dev/null\nend\n");
}

TEST_CASE("stdin is what the caller gives") {
    const Scratch dir;
    const auto path = dir.file("line", "0123  file\n");
    const int input = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    Command command = command_of({"/bin/cat"});
    command.input = input;
    CHECK(run(command).output == "0123  file\n");
    ::close(input);
}

TEST_CASE("output goes where the caller wants it") {
    const Scratch dir;
    const auto path = dir.file("control.log", "before\n");
    const int output = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    Command command = shell("echo one; echo two >&2");
    command.output = output;
    const Result result = run(command);
    ::close(output);
    CHECK(result.output.empty());
    CHECK(content_of(path) == "before\none\ntwo\n");
}

TEST_CASE("a program inherits descriptors 0 to 2 only") {
    const Scratch dir;
    const int inherited = ::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY);  // no O_CLOEXEC
    REQUIRE(inherited >= 3);
    const int high = ::fcntl(inherited, F_DUPFD, 500);
    REQUIRE(high >= 500);
    // The fourth is what ls itself reads the folder with.
    const Result result = run(command_of({"/bin/ls", "/proc/self/fd"}));
    CHECK(result.output == "0\n1\n2\n3\n");
    ::close(high);
    ::close(inherited);
}

TEST_CASE("a descriptor whose lock a program shall hold is its number 3") {
    const Scratch dir;
    const auto path = dir.file("locked", "");
    for (const bool low : {false, true}) {
        CAPTURE(low);
        const int code = in_a_fork([&] {
            if (low) ::close(0);
            const int locked = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
            Command command = command_of({"/bin/readlink", "/proc/self/fd/3"});
            command.held = locked;
            const Result result = run(command);
            return result.output == path.string() + "\n" ? 0 : 1;
        });
        CHECK(code == 0);
    }
}

TEST_CASE("a program has its own session and process group") {
    // Fields 5 and 6 of stat: group and session.
    const Result result =
        run(shell("read -r pid name state parent group session rest "
                  "</proc/$$/stat; echo $pid $group $session"));
    int pid = 0, group = 0, session = 0;
    std::istringstream(result.output) >> pid >> group >> session;
    CHECK(pid > 1);
    CHECK(group == pid);
    CHECK(session == pid);
    CHECK(session != ::getsid(0));
}

TEST_CASE("a program has no signal ignored or blocked, whatever this process has") {
    const auto old_pipe = ::signal(SIGPIPE, SIG_IGN);
    const auto old_hup = ::signal(SIGHUP, SIG_IGN);
    const auto old_xfsz = ::signal(SIGXFSZ, SIG_IGN);
    sigset_t all, old_mask;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &old_mask);
    const Result result =
        run(command_of({"/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"}));
    ::pthread_sigmask(SIG_SETMASK, &old_mask, nullptr);
    ::signal(SIGPIPE, old_pipe);
    ::signal(SIGHUP, old_hup);
    ::signal(SIGXFSZ, old_xfsz);
    CHECK(result.output == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_CASE("a parent without descriptors 0 to 2 gets the output all the same") {
    for (const int input : {-1, 0}) {
        CAPTURE(input);
        const Scratch dir;
        const auto text = dir.file("text", "given\n");
        const auto answer = dir / "answer";
        const int code = in_a_fork([&] {
            ::close(0);
            ::close(1);
            ::close(2);
            Command command = shell("cat; echo out; echo err >&2; ls /proc/self/fd | tail -n 1");
            if (input == 0 && ::open(text.c_str(), O_RDONLY | O_CLOEXEC) != 0) return 2;
            command.input = input;
            const Result result = run(command);
            std::ofstream(answer) << result.output;
            return exit_code(result);
        });
        CHECK(code == 0);
        CHECK(content_of(answer) == (input == 0 ? "given\nout\nerr\n3\n" : "out\nerr\n3\n"));
    }
}

TEST_CASE("the standard descriptors may be given crosswise") {
    const Scratch dir;
    const auto text = dir.file("text", "given\n");
    const auto log = dir.file("log", "");
    const int code = in_a_fork([&] {
        ::close(0);
        ::close(1);
        if (::open(log.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC) != 0) return 2;
        if (::open(text.c_str(), O_RDONLY | O_CLOEXEC) != 1) return 3;
        Command command = shell("cat; echo err >&2");
        command.input = 1;
        command.output = 0;
        return exit_code(run(command));
    });
    CHECK(code == 0);
    CHECK(content_of(log) == "given\nerr\n");
}

TEST_CASE("output is kept from its end, and memory stays flat however much comes") {
    const long before = peak_memory_kb();
    Command command = shell("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo the end");
    std::size_t seen = 0;
    command.on_output = [&](std::string_view piece) { seen += piece.size(); };
    const Result result = run(command);
    CHECK(succeeded(result.outcome));
    CHECK(seen == 50000000 + 9);
    CHECK(result.output.size() == 64 * 1024);
    CHECK(result.output.substr(result.output.size() - 10) == "x\nthe end\n");
    CHECK(peak_memory_kb() - before < 4096);
}

TEST_CASE("the kept end is right wherever the pieces are cut") {
    for (const std::size_t keep : {0, 1, 7, 10, 11, 100, 1000, 4096}) {
        CAPTURE(keep);
        Command command = shell("i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done");
        command.keep = keep;
        std::string all;
        command.on_output = [&](std::string_view piece) { all += piece; };
        const Result result = run(command);
        CHECK(all.size() == 10 * 7 + 90 * 8 + 200 * 9);
        CHECK(result.output == all.substr(all.size() - std::min(keep, all.size())));
    }
}

TEST_CASE("binary output comes as it is") {
    const Result result = run(shell("printf 'a\\000b\\377\\033[31m'"));
    CHECK(result.output == std::string("a\0b\xff\x1b[31m", 9));
}

TEST_CASE("what was written just before the exit is not lost") {
    for (int i = 0; i < 50; ++i) {
        const Result result = run(shell("head -c 60000 /dev/zero; exit 4"));
        REQUIRE(exit_code(result) == 4);
        REQUIRE(result.output.size() == 60000);
    }
}

TEST_CASE("a daemon that keeps the output open does not delay its script") {
    const Scratch dir;
    const Ending ending{dir / "pid"};
    const auto start = steady_clock::now();
    Command command = shell("sleep 600 & echo $! >pid; echo started");
    command.directory = dir.path();
    const Result result = run(command);
    CHECK(seconds_since(start) < 5);
    CHECK(succeeded(result.outcome));
    CHECK(result.output == "started\n");
    CHECK(lives(pid_in(dir / "pid")));
}

TEST_CASE("a daemon that writes without end does not delay its script") {
    const Scratch dir;
    const Ending ending{dir / "pid"};
    const auto start = steady_clock::now();
    Command command = shell("yes & echo $! >pid; echo started >&2; exit 5");
    command.directory = dir.path();
    const Result result = run(command);
    CHECK(seconds_since(start) < 5);
    CHECK(exit_code(result) == 5);
}

TEST_CASE("a program that closes its output early is waited for") {
    const Scratch dir;
    Command command = shell("exec >&- 2>&-; sleep 0.2; : >done; exit 6");
    command.directory = dir.path();
    CHECK(exit_code(run(command)) == 6);
    CHECK(fs::exists(dir / "done"));
}

TEST_CASE("at the timeout a program that heeds SIGTERM ends at once") {
    const auto start = steady_clock::now();
    Command command =
        shell("trap 'echo bye; exit 0' TERM; echo hello; while :; do sleep 0.05; done");
    command.timeout = milliseconds(300);
    const Result result = run(command);
    REQUIRE(is<TimedOut>(result));
    CHECK(std::get<TimedOut>(result.outcome).after == milliseconds(300));
    CHECK(result.output.find("hello\n") == 0);
    CHECK(result.output.find("bye\n") != std::string::npos);
    CHECK(seconds_since(start) >= 0.3);
    CHECK(seconds_since(start) < 2.2);
}

TEST_CASE("at the timeout a group of which all ignore SIGTERM is gone nevertheless") {
    const Scratch dir;
    const auto child =
        dir.script("child", "trap '' TERM; echo $$ >child.pid; while :; do sleep 1; done");
    Command command =
        shell("trap '' TERM; ./child & echo $$ >leader.pid; while :; do sleep 1; done");
    command.directory = dir.path();
    command.timeout = milliseconds(300);
    const auto start = steady_clock::now();
    const Result result = run(command);
    CHECK(is<TimedOut>(result));
    CHECK(seconds_since(start) < 8);
    const int leader = pid_in(dir / "leader.pid");
    CHECK(leader > 1);
    CHECK_FALSE(lives(leader));
    CHECK_FALSE(lives(pid_in(dir / "child.pid")));
    CHECK_FALSE(group_lives(leader));
    CHECK(::waitpid(leader, nullptr, WNOHANG) == -1);  // reaped
}

TEST_CASE("children that ignore SIGTERM go even if their leader heeded it") {
    const Scratch dir;
    dir.script("child", "trap '' TERM; echo $$ >child.pid; while :; do sleep 1; done");
    Command command = shell("./child & echo $$ >leader.pid; wait");
    command.directory = dir.path();
    command.timeout = milliseconds(500);
    const Result result = run(command);
    CHECK(is<TimedOut>(result));
    CHECK(pid_in(dir / "child.pid") > 1);
    CHECK_FALSE(lives(pid_in(dir / "child.pid")));
    CHECK_FALSE(group_lives(pid_in(dir / "leader.pid")));
}

TEST_CASE("a program that is stopped goes at the timeout too") {
    const auto start = steady_clock::now();
    Command command = shell("kill -STOP $$; sleep 100");
    command.timeout = milliseconds(200);
    CHECK(is<TimedOut>(run(command)));
    CHECK(seconds_since(start) < 2.2);
}

TEST_CASE("a program that floods its output is ended by the timeout") {
    Command command = shell("exec yes");
    command.timeout = milliseconds(200);
    const auto start = steady_clock::now();
    const Result result = run(command);
    CHECK(is<TimedOut>(result));
    CHECK(seconds_since(start) < 2);
}

TEST_CASE("a stop signal ends a program whose caller allows that") {
    StopSignal stop;
    Command command = shell("sleep 600");
    command.stop = &stop;
    std::thread raises([&] {
        std::this_thread::sleep_for(milliseconds(100));
        stop.raise_for_test(SIGTERM);
    });
    const auto start = steady_clock::now();
    const Result result = run(command);
    raises.join();
    CHECK(is<Interrupted>(result));
    CHECK(seconds_since(start) < 2.2);
}

TEST_CASE("after a stop signal such a program is not even started") {
    const Scratch dir;
    StopSignal stop;
    stop.raise_for_test(SIGTERM);
    Command command = shell(": >started");
    command.directory = dir.path();
    command.stop = &stop;
    CHECK(is<Interrupted>(run(command)));
    CHECK_FALSE(fs::exists(dir / "started"));
    command.stop = nullptr;
    CHECK(succeeded(run(command).outcome));
    CHECK(fs::exists(dir / "started"));
}

TEST_CASE("a watch ends the program and says why") {
    Command command = shell("sleep 600");
    int looks = 0;
    command.watch = [&]() -> std::string { return ++looks < 3 ? "" : "the disk is full"; };
    const auto start = steady_clock::now();
    const Result result = run(command);
    CHECK(is<Interrupted>(result));
    CHECK(result.aborted == "the disk is full");
    CHECK(looks == 3);
    CHECK(seconds_since(start) >= 0.3);
    CHECK(seconds_since(start) < 2);
}

TEST_CASE("a callback that throws leaves no process") {
    const Scratch dir;
    Command command = shell("echo $$ >pid; echo text; sleep 600");
    command.directory = dir.path();
    command.on_output = [](std::string_view) { throw std::runtime_error("full"); };
    CHECK_THROWS_AS(run(command), std::runtime_error);
    CHECK(pid_in(dir / "pid") > 1);
    CHECK_FALSE(lives(pid_in(dir / "pid")));
}

TEST_CASE("a file size limit ends the program that exceeds it") {
    const Scratch dir;
    // The sleep makes sure of the limit being set: it comes right after the start.
    Command command = shell("sleep 0.1; exec head -c 2000000 /dev/zero >big");
    command.directory = dir.path();
    command.max_file_size = 1000000;
    const Result result = run(command);
    REQUIRE(is<Signalled>(result));
    CHECK(std::get<Signalled>(result.outcome).signal == SIGXFSZ);
    CHECK(fs::file_size(dir / "big") == 1000000);
}

TEST_CASE("with SIGCHLD ignored a run ends, and never as a success") {
    const int code = in_a_fork([] {
        ::signal(SIGCHLD, SIG_IGN);
        const Result result = run(shell("exit 0"));
        return start_error(result) == ECHILD && !succeeded(result.outcome) ? 0 : 1;
    });
    CHECK(code == 0);
}

TEST_CASE("without a free descriptor a program is not started, and nothing leaks") {
    const int code = in_a_fork([] {
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = 3;
        ::setrlimit(RLIMIT_NOFILE, &limit);
        for (int i = 0; i < 100; ++i) {
            if (start_error(run(shell("exit 0"))) != EMFILE) return 1;
        }
        limit.rlim_cur = 32;
        ::setrlimit(RLIMIT_NOFILE, &limit);
        for (int i = 0; i < 100; ++i) {
            if (!succeeded(run(shell("exit 0")).outcome)) return 2;
        }
        return 0;
    });
    CHECK(code == 0);
}

TEST_CASE("many run at once, and the results are in the order of the commands") {
    std::vector<Command> commands;
    commands.reserve(300);
    for (int i = 0; i < 300; ++i) {
        commands.push_back(shell("echo " + std::to_string(i) + "; exit " + std::to_string(i % 7)));
    }
    const std::vector<Result> results = run_all(commands, 8);
    REQUIRE(results.size() == commands.size());
    for (int i = 0; i < 300; ++i) {
        const auto& result = results[static_cast<std::size_t>(i)];
        REQUIRE(result.output == std::to_string(i) + "\n");
        REQUIRE(exit_code(result) == i % 7);
    }
}

TEST_CASE("no commands have no results") {
    CHECK(run_all({}, 4).empty());
}

TEST_CASE("no more young ones than allowed run at once") {
    const Scratch dir;
    std::vector<Command> commands;
    for (int i = 0; i < 12; ++i) {
        commands.push_back(shell("mkdir run.$$; set -- run.*; echo $#; sleep 0.05; rmdir run.$$"));
        commands.back().directory = dir.path();
    }
    std::set<int> seen;
    for (const Result& result : run_all(commands, 3))
        seen.insert(std::stoi(result.output));
    CHECK(*seen.rbegin() <= 3);
    CHECK(*seen.rbegin() >= 2);
}

TEST_CASE("those that wait long hold back no other, be the limit as low as it may") {
    const Scratch dir;
    std::vector<Command> commands;
    // The first and another end only after the very last has run.
    for (int i = 0; i < 20; ++i) {
        const bool waits = i == 0 || i == 7;
        commands.push_back(shell(waits     ? "while [ ! -e done ]; do sleep 0.05; done"
                                 : i == 19 ? ": >done"
                                           : "exit 0"));
        commands.back().directory = dir.path();
        commands.back().timeout = seconds(30);
    }
    for (const Result& result : run_all(commands, 1))
        CHECK(succeeded(result.outcome));
}

TEST_CASE("the timeout of each counts from its own start") {
    std::vector<Command> commands;
    for (int i = 0; i < 3; ++i) {
        commands.push_back(shell("sleep 0.3"));
        commands.back().timeout = milliseconds(800);
    }
    commands.push_back(shell("sleep 600"));
    commands.back().timeout = milliseconds(100);
    const std::vector<Result> results = run_all(commands, 1);
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(succeeded(results[i].outcome));
    CHECK(is<TimedOut>(results[3]));
}

TEST_CASE("one that cannot start does not disturb the others") {
    const Scratch dir;
    const std::vector<Result> results =
        run_all({shell("echo a"), command_of({dir / "missing"}), shell("echo b")}, 2);
    CHECK(results[0].output == "a\n");
    CHECK(start_error(results[1]) == ENOENT);
    CHECK(results[2].output == "b\n");
}

TEST_CASE("threads may run programs at the same time") {
    std::vector<std::thread> threads;
    threads.reserve(4);
    std::atomic<int> good{0};
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&good, t] {
            for (int i = 0; i < 25; ++i) {
                const std::string word = std::to_string(t * 1000 + i);
                if (run(shell("echo " + word)).output == word + "\n") ++good;
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    CHECK(good == 100);
}

TEST_CASE("a script written by one thread starts while others fork") {
    const Scratch dir;
    std::atomic<bool> done{false};
    std::thread forks([&] {
        while (!done)
            run(shell(":"));
    });
    int started = 0;
    for (int i = 0; i < 50; ++i) {
        const auto path = dir.script("control" + std::to_string(i), "exit 0");
        if (succeeded(run(command_of({path})).outcome)) ++started;
    }
    done = true;
    forks.join();
    CHECK(started == 50);
}
