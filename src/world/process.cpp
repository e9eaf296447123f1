#include "world/process.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <list>
#include <span>

#include "world/host.hpp"
#include "world/spawn.hpp"

namespace ops {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

constexpr milliseconds term_grace{2000};  ///< from SIGTERM to SIGKILL
constexpr milliseconds kill_grace{3000};  ///< from SIGKILL to giving it up
constexpr milliseconds watch_period{100};
constexpr milliseconds young_age{1000};
constexpr milliseconds first_look{2};  ///< where there is nothing to poll for: then ever rarer
constexpr milliseconds last_look{50};
constexpr std::size_t most_running = 200;  ///< whatever their age: descriptors are finite
constexpr milliseconds longest_timeout = std::chrono::hours(24 * 365);

using Buffer = std::array<char, 65536>;  ///< as large as a pipe

/// The last bytes of a stream, in no more memory than they take.
class Tail {
  public:
    explicit Tail(std::size_t keep) : keep_(keep) {}

    void add(std::string_view piece) {
        if (piece.size() > keep_) piece.remove_prefix(piece.size() - keep_);
        const std::size_t growth = std::min(piece.size(), keep_ - text_.size());
        text_.append(piece.substr(0, growth));
        piece.remove_prefix(growth);
        while (!piece.empty()) {
            const std::size_t count = std::min(piece.size(), keep_ - oldest_);
            std::copy_n(piece.begin(), count, text_.begin() + static_cast<std::ptrdiff_t>(oldest_));
            oldest_ = (oldest_ + count) % keep_;
            piece.remove_prefix(count);
        }
    }

    std::string take() {
        std::rotate(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(oldest_),
                    text_.end());
        return std::move(text_);
    }

  private:
    std::size_t keep_;
    std::string text_;
    std::size_t oldest_ = 0;  ///< where the text begins, once it has its full size
};

/// What the loop sleeps on.
struct Waiting {
    std::vector<pollfd> polled;
    Time wake = Time::max();

    std::size_t add(int fd) {
        polled.push_back({fd, POLLIN, 0});
        return polled.size() - 1;
    }
    /// Once, however many programs it may end.
    void add_stop(const StopSignal* stop) {
        if (stop == nullptr || stop == stop_) return;
        add(stop->fd());
        stop_ = stop;
    }
    void until(Time time) { wake = std::min(wake, time); }
    [[nodiscard]] bool happened(std::size_t place) const { return polled[place].revents != 0; }

    void sleep() {
        using std::chrono::seconds;
        const auto left = std::max(wake - Clock::now(), Clock::duration::zero());
        const auto whole = std::chrono::duration_cast<seconds>(left);
        const timespec timeout{whole.count(), (left - whole).count()};
        if (::ppoll(polled.data(), polled.size(), &timeout, nullptr) >= 0) return;
        // Interrupted, or out of memory for a moment: nothing is known to have happened.
        for (pollfd& entry : polled)
            entry.revents = 0;
    }

  private:
    const StopSignal* stop_ = nullptr;
};

/// A program from its start to its end: wait_for() says what it waits for, step() does what is due.
class Child {
  public:
    Child(const Command& command, Result& result, Buffer& buffer);
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    [[nodiscard]] bool ended() const { return phase_ == Phase::ended; }
    [[nodiscard]] Time young_until() const { return started_ + young_age; }
    void wait_for(Waiting& waiting);
    void step(const Waiting& waiting);

  private:
    enum class Phase { running, terminating, killing, ended };

    void check(Time now, bool exit_seen);
    void begin_kill(const Outcome& why, Time now);
    void pursue_kill(Time now);
    void signal_group(int signal) const { ::kill(-process_.pid, signal); }
    [[nodiscard]] std::optional<Outcome> reap() const;
    void read_output();
    void finish(const Outcome& outcome);

    const Command& command_;
    Result& result_;
    Buffer& buffer_;
    Spawned process_;
    Tail tail_;
    Phase phase_ = Phase::running;
    Outcome ending_;  ///< the outcome, once it was decided to kill it
    Time started_ = Clock::now();
    Time deadline_;    ///< of this phase
    Time next_watch_;  ///< where there is something to watch
    Time next_look_;   ///< for what no descriptor tells
    milliseconds pause_ = first_look;
    std::size_t output_place_ = 0;  ///< in the last Waiting
    std::size_t exit_place_ = 0;
};

Child::Child(const Command& command, Result& result, Buffer& buffer)
    : command_(command), result_(result), buffer_(buffer), tail_(command.keep) {
    if (command.stop != nullptr && command.stop->raised()) {
        finish(Interrupted{});
        return;
    }
    process_ = spawn(command);
    if (process_.pid < 0) {
        finish(NotStarted{process_.error});
        return;
    }
    deadline_ = started_ + std::min(command.timeout, longest_timeout);
    next_watch_ = started_ + watch_period;
    next_look_ = started_ + pause_;
}

/// Only where a callback threw is there anything left to do.
Child::~Child() {
    if (ended()) return;
    signal_group(SIGKILL);
    while (::waitpid(process_.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

void Child::wait_for(Waiting& waiting) {
    waiting.until(deadline_);
    if (process_.output) output_place_ = waiting.add(process_.output.get());
    if (phase_ != Phase::running || !process_.exit) waiting.until(next_look_);
    if (phase_ != Phase::running) return;
    if (process_.exit) exit_place_ = waiting.add(process_.exit.get());
    waiting.add_stop(command_.stop);
    if (command_.watch) waiting.until(next_watch_);
}

void Child::step(const Waiting& waiting) {
    const Time now = Clock::now();
    if (process_.output && waiting.happened(output_place_)) read_output();
    if (phase_ == Phase::running) {
        const bool exit_seen = process_.exit ? waiting.happened(exit_place_) : now >= next_look_;
        check(now, exit_seen);
    } else if (now >= std::min(next_look_, deadline_)) {
        pursue_kill(now);
    }
}

void Child::check(Time now, bool exit_seen) {
    if (exit_seen) {
        if (const auto outcome = reap()) return finish(*outcome);
        pause_ = std::min(pause_ * 2, last_look);
        next_look_ = now + pause_;
    }
    if (command_.stop != nullptr && command_.stop->raised()) return begin_kill(Interrupted{}, now);
    if (now >= deadline_) return begin_kill(TimedOut{command_.timeout}, now);
    if (command_.watch && now >= next_watch_) {
        next_watch_ = now + watch_period;
        result_.aborted = command_.watch();
        if (!result_.aborted.empty()) begin_kill(Interrupted{}, now);
    }
}

void Child::begin_kill(const Outcome& why, Time now) {
    // It may have ended by itself just now: then that is how it ended.
    if (const auto outcome = reap()) {
        result_.aborted.clear();
        return finish(*outcome);
    }
    ending_ = why;
    phase_ = Phase::terminating;
    signal_group(SIGTERM);
    signal_group(SIGCONT);  // one that is stopped would not see it
    deadline_ = now + term_grace;
    pause_ = first_look;
    next_look_ = now + pause_;
}

/// Sees to it that all of the group goes. Its leader is reaped at the very end: until then its
/// number, which is the group's, cannot come to mean another.
void Child::pursue_kill(Time now) {
    const bool gone = !group_lives(process_.pid);
    const bool late = now >= deadline_;
    if (gone || (late && phase_ == Phase::killing)) {
        signal_group(SIGKILL);
        static_cast<void>(reap());
        return finish(ending_);
    }
    pause_ = std::min(pause_ * 2, last_look);
    if (late) {
        signal_group(SIGKILL);
        phase_ = Phase::killing;
        deadline_ = now + kill_grace;
        pause_ = first_look;
    }
    next_look_ = now + pause_;
}

/// How it ended, if it has.
std::optional<Outcome> Child::reap() const {
    int status = 0;
    pid_t pid = 0;
    do {
        pid = ::waitpid(process_.pid, &status, WNOHANG);
    } while (pid < 0 && errno == EINTR);
    if (pid == 0) return std::nullopt;
    if (pid < 0) return NotStarted{errno};
    if (WIFSIGNALED(status)) return Signalled{WTERMSIG(status)};
    return Exited{WEXITSTATUS(status)};
}

/// One piece: as the buffer is as large as the pipe, all that is in it at this moment.
void Child::read_output() {
    const ssize_t count = ::read(process_.output.get(), buffer_.data(), buffer_.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (count <= 0) return process_.output.reset();
    const std::string_view piece(buffer_.data(), static_cast<std::size_t>(count));
    tail_.add(piece);
    if (command_.on_output) command_.on_output(piece);
}

/// A daemon may hold the pipe for as long as it lives: what the program itself has written is in it
/// by now, nothing else is waited for.
void Child::finish(const Outcome& outcome) {
    phase_ = Phase::ended;
    if (process_.output) read_output();
    process_.output.reset();
    process_.exit.reset();
    result_.outcome = outcome;
    result_.output = tail_.take();
}

/// Programs that run at once.
class Crew {
  public:
    Crew(std::span<const Command> commands, std::size_t parallel)
        : commands_(commands),
          parallel_(std::max<std::size_t>(parallel, 1)),
          results_(commands.size()) {}

    std::vector<Result> work() {
        while (next_ < commands_.size() || !running_.empty()) {
            start();
            if (running_.empty()) continue;
            Waiting waiting;
            for (Child& child : running_)
                child.wait_for(waiting);
            if (next_ < commands_.size()) waiting.until(next_place());
            waiting.sleep();
            for (Child& child : running_)
                child.step(waiting);
            running_.remove_if([](const Child& child) { return child.ended(); });
        }
        return std::move(results_);
    }

  private:
    void start() {
        while (next_ < commands_.size() && next_place() <= Clock::now()) {
            running_.emplace_back(commands_[next_], results_[next_], buffer_);
            ++next_;
            if (running_.back().ended()) running_.pop_back();
        }
    }

    /// When the next may start even if none of the running ends. They are in the order of their
    /// start: the one that must have grown up by then is `parallel_` from the end.
    [[nodiscard]] Time next_place() const {
        if (running_.size() >= most_running) return Time::max();
        if (running_.size() < parallel_) return Time::min();
        return std::prev(running_.end(), static_cast<std::ptrdiff_t>(parallel_))->young_until();
    }

    std::span<const Command> commands_;
    std::size_t parallel_;
    std::vector<Result> results_;
    std::list<Child> running_;
    std::size_t next_ = 0;
    Buffer buffer_;
};

}  // namespace

Result run(const Command& command) {
    return std::move(Crew({&command, 1}, 1).work().front());
}

std::vector<Result> run_all(const std::vector<Command>& commands, std::size_t parallel) {
    return Crew(commands, parallel).work();
}

}  // namespace ops
