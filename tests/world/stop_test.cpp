#include "world/stop.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <thread>

#include "scratch.hpp"

using namespace ops;
using namespace ops::test;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

bool readable(const StopSignal& stop) {
    pollfd event{stop.fd(), POLLIN, 0};
    return ::poll(&event, 1, 0) == 1;
}

/// Signal handlers are a process's: each test of them has its own. 0: `body` returned true.
template <typename Body>
int in_a_fork(Body body) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(body() ? 0 : 1);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool is_ignored(int signal) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    return action.sa_handler == SIG_IGN;
}

bool is_default(int signal) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    return action.sa_handler == SIG_DFL;
}

}  // namespace

TEST_CASE("at first there is no signal, and a sleep takes its time") {
    const StopSignal stop;
    CHECK(stop.signal() == 0);
    CHECK_FALSE(readable(stop));
    const auto start = steady_clock::now();
    CHECK(stop.sleep_for(milliseconds(30)));
    CHECK(seconds_since(start) >= 0.03);
    CHECK(stop.sleep_for(milliseconds(0)));
    CHECK(stop.sleep_for(milliseconds(-5)));
}

TEST_CASE("the first signal counts, and stays") {
    StopSignal stop;
    stop.raise_for_test(SIGINT);
    stop.raise_for_test(SIGTERM);
    CHECK(stop.raised());
    CHECK(stop.signal() == SIGINT);
    CHECK(readable(stop));
    CHECK(readable(stop));
    CHECK_FALSE(stop.sleep_for(std::chrono::hours(1)));
    CHECK_FALSE(stop.sleep_for(milliseconds(0)));
}

TEST_CASE("a signal ends a sleep of another thread") {
    StopSignal stop;
    std::thread raises([&] {
        std::this_thread::sleep_for(milliseconds(30));
        stop.raise_for_test(SIGTERM);
    });
    const auto start = steady_clock::now();
    CHECK_FALSE(stop.sleep_for(std::chrono::hours(1)));
    CHECK(seconds_since(start) < 5);
    raises.join();
}

TEST_CASE("SIGTERM, SIGINT and SIGHUP are received") {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        CAPTURE(signal);
        CHECK(in_a_fork([signal] {
                  ::signal(SIGHUP, SIG_DFL);
                  StopSignal stop;
                  stop.install();
                  std::thread raises([signal] {
                      std::this_thread::sleep_for(milliseconds(20));
                      ::kill(::getpid(), signal);
                  });
                  const bool slept = stop.sleep_for(std::chrono::seconds(20));
                  raises.join();
                  return !slept && stop.signal() == signal && readable(stop);
              }) == 0);
    }
}

TEST_CASE("an interrupted sleep that no stop signal ended goes on") {
    CHECK(in_a_fork([] {
              struct sigaction action {};
              action.sa_handler = [](int) {};
              ::sigaction(SIGUSR1, &action, nullptr);
              StopSignal stop;
              stop.install();
              const pthread_t sleeper = ::pthread_self();
              std::thread disturbs([sleeper] {
                  for (int i = 0; i < 10; ++i) {
                      std::this_thread::sleep_for(milliseconds(5));
                      ::pthread_kill(sleeper, SIGUSR1);
                  }
              });
              const auto start = steady_clock::now();
              const bool slept = stop.sleep_for(milliseconds(150));
              disturbs.join();
              return slept && seconds_since(start) >= 0.15;
          }) == 0);
}

TEST_CASE("under nohup SIGHUP stays ignored") {
    CHECK(in_a_fork([] {
              ::signal(SIGHUP, SIG_IGN);
              StopSignal stop;
              stop.install();
              ::raise(SIGHUP);
              return !stop.raised() && is_ignored(SIGHUP);
          }) == 0);
}

TEST_CASE("what cron or a shell made of the signals is put right") {
    CHECK(in_a_fork([] {
              for (const int signal : {SIGINT, SIGTERM, SIGCHLD})
                  ::signal(signal, SIG_IGN);
              sigset_t all;
              sigfillset(&all);
              ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
              StopSignal stop;
              stop.install();
              sigset_t now;
              ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
              for (int signal = 1; signal < 32; ++signal) {
                  if (sigismember(&now, signal) != 0) return false;
              }
              ::raise(SIGINT);
              return stop.signal() == SIGINT && is_ignored(SIGPIPE) && is_ignored(SIGXFSZ) &&
                     is_default(SIGCHLD);
          }) == 0);
}

TEST_CASE("a signal that came while it was blocked is received on installing") {
    CHECK(in_a_fork([] {
              sigset_t all;
              sigfillset(&all);
              ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
              ::raise(SIGTERM);
              StopSignal stop;
              stop.install();
              return stop.signal() == SIGTERM;
          }) == 0);
}

TEST_CASE("when the object is gone a signal ends the program again") {
    CHECK(in_a_fork([] {
              {
                  StopSignal stop;
                  stop.install();
              }
              ::raise(SIGTERM);
              return true;
          }) == 128 + SIGTERM);
}
