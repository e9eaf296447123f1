#include "world/stop.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "rules/error.hpp"

namespace ops {

namespace {

// A signal handler is given nothing but a number: what it is to tell must be found from here. The
// only variable of the program that outlives its functions.
std::atomic<StopSignal*> installed{nullptr};
static_assert(std::atomic<StopSignal*>::is_always_lock_free &&
                  std::atomic<int>::is_always_lock_free,
              "a signal handler may not wait for a lock");

void set_action(int signal, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (::sigaction(signal, &action, nullptr) != 0) {
        throw Error(std::string("cannot set up signals: ") + ::strerrordesc_np(errno),
                    ExitCode::config);
    }
}

bool is_ignored(int signal) {
    struct sigaction action {};
    return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

StopSignal::StopSignal() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!event_) {
        throw Error(std::string("cannot set up signals: ") + ::strerrordesc_np(errno),
                    ExitCode::config);
    }
}

StopSignal::~StopSignal() {
    if (installed.load() != this) return;
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        if (!is_ignored(signal)) ::signal(signal, SIG_DFL);
    }
    installed.store(nullptr);
}

void StopSignal::install() {
    installed.store(this);
    set_action(SIGTERM, &StopSignal::handle);
    set_action(SIGINT, &StopSignal::handle);
    if (!is_ignored(SIGHUP)) set_action(SIGHUP, &StopSignal::handle);
    set_action(SIGPIPE, SIG_IGN);
    set_action(SIGXFSZ, SIG_IGN);
    set_action(SIGCHLD, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

void StopSignal::handle(int signal) noexcept {
    const int saved = errno;
    if (StopSignal* stop = installed.load()) stop->receive(signal);
    errno = saved;
}

void StopSignal::receive(int signal) noexcept {
    int none = 0;
    received_.compare_exchange_strong(none, signal);
    const std::uint64_t one = 1;
    // Can only fail when it is readable already, 2^64 signals later.
    [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
}

int StopSignal::signal() const noexcept {
    return received_.load();
}

bool StopSignal::sleep_for(std::chrono::nanoseconds duration) const {
    using std::chrono::steady_clock;
    const auto end = steady_clock::now() + duration;
    for (;;) {
        if (raised()) return false;
        const auto left = std::max(end - steady_clock::now(), steady_clock::duration::zero());
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
        const timespec timeout{seconds.count(), (left - seconds).count()};
        pollfd event{event_.get(), POLLIN, 0};
        if (::ppoll(&event, 1, &timeout, nullptr) == 0) return !raised();
    }
}

}  // namespace ops
