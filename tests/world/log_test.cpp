#include "world/log.hpp"

#include <doctest/doctest.h>
#include <pty.h>
#include <sys/wait.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <thread>
#include <vector>

#include "scratch.hpp"
#include "world/fd.hpp"

using namespace ops;
using namespace ops::test;

namespace {

/// Puts another descriptor in the place of stderr until the end of the block.
class Stderr {
  public:
    explicit Stderr(int fd) : saved_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) {
        ::dup2(fd, STDERR_FILENO);
    }
    ~Stderr() { ::dup2(saved_.get(), STDERR_FILENO); }
    Stderr(const Stderr&) = delete;
    Stderr& operator=(const Stderr&) = delete;

  private:
    Fd saved_;
};

/// What `body` writes to a log with this style, in a file.
template <typename Body>
std::string logged(LogStyle style, Body body) {
    const Scratch dir;
    const Fd file(::open((dir / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    {
        const Stderr redirected(file.get());
        Log log(style);
        body(log);
    }
    return content_of(dir / "log");
}

LogStyle plain() {
    LogStyle style;
    style.times = false;
    return style;
}

/// A terminal of 60 columns and 6 rows, and what is written to it.
class Terminal {
  public:
    Terminal() {
        winsize size{};
        size.ws_row = 6;
        size.ws_col = 60;
        int ends[2];
        REQUIRE(::openpty(&ends[0], &ends[1], nullptr, nullptr, &size) == 0);
        reading_.reset(ends[0]);
        writing_.reset(ends[1]);
        ::fcntl(reading_.get(), F_SETFL, O_NONBLOCK);
    }
    [[nodiscard]] int fd() const { return writing_.get(); }
    std::string read() const {
        std::string text;
        char buffer[4096];
        for (ssize_t count = 0; (count = ::read(reading_.get(), buffer, sizeof buffer)) > 0;) {
            text.append(buffer, static_cast<std::size_t>(count));
        }
        text.erase(std::remove(text.begin(), text.end(), '\r'), text.end());
        return text;
    }

  private:
    Fd reading_, writing_;
};

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        lines.push_back(line);
    return lines;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

class Variable {
  public:
    Variable(const char* name, const std::string& value) : name_(name) {
        if (const char* old = ::getenv(name)) old_ = old;
        ::setenv(name, value.c_str(), 1);
    }
    ~Variable() {
        if (old_.empty()) {
            ::unsetenv(name_);
        } else {
            ::setenv(name_, old_.c_str(), 1);
        }
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

  private:
    const char* name_;
    std::string old_;
};

}  // namespace

TEST_CASE("a line has level, agent and message") {
    LogStyle style = plain();
    style.debug = true;
    CHECK(logged(style,
                 [](Log& log) {
                     log.debug("", "GET /x");
                     log.info("falcon-agent", "started 1.0.1");
                     log.warning("falcon-agent", "slow");
                     log.error("", "ops-meta is down");
                 }) ==
          "DEBUG GET /x\n"
          "INFO  falcon-agent: started 1.0.1\n"
          "WARN  falcon-agent: slow\n"
          "ERROR ops-meta is down\n");
}

TEST_CASE("a line begins with the local time and its offset") {
    const Variable zone("TZ", "CST-8");
    ::tzset();
    const std::string text = logged(LogStyle{}, [](Log& log) { log.info("a", "b"); });
    std::string shape = text.substr(0, 19);
    std::replace_if(
        shape.begin(), shape.end(), [](unsigned char c) { return std::isdigit(c) != 0; }, 'n');
    CHECK(shape == "nnnn-nn-nnTnn:nn:nn");
    CHECK(text.substr(19) == "+0800 INFO  a: b\n");
}

TEST_CASE("debug lines are written on demand only") {
    CHECK(logged(plain(), [](Log& log) { log.debug("a", "b"); }).empty());
}

TEST_CASE("whatever the message is, it is one line without control characters") {
    CHECK(logged(plain(), [](Log& log) { log.info("a\nb", "one\ntwo\x1b[31m\x07"); }) ==
          "INFO  a b: one two?[31m?\n");
    const std::string text = logged(
        LogStyle{}, [](Log& log) { log.info(std::string(300, 'a'), std::string(9000, 'x')); });
    CHECK(text.size() <= 4096);
    CHECK(text.size() > 4000);
    CHECK(text.back() == '\n');
}

TEST_CASE("concurrent writers do not mix their lines") {
    const std::string text = logged(plain(), [](Log& log) {
        std::vector<std::thread> threads;
        for (char letter = 'a'; letter < 'f'; ++letter) {
            threads.emplace_back([&log, letter] {
                for (int i = 0; i < 200; ++i)
                    log.info("", std::string(300, letter));
            });
        }
        for (std::thread& thread : threads)
            thread.join();
    });
    const std::vector<std::string> lines = lines_of(text);
    CHECK(lines.size() == 1000);
    CHECK(std::all_of(lines.begin(), lines.end(), [](const std::string& line) {
        return line == "INFO  " + std::string(300, line.back());
    }));
}

TEST_CASE("a log that cannot be written stops nothing") {
    const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    const Stderr redirected(full.get());
    Log log(plain());
    CHECK_NOTHROW(log.error("a", "b"));
}

TEST_CASE("a file gets times, no colour and no progress") {
    const Scratch dir;
    const Fd file(::open((dir / "log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    const Stderr redirected(file.get());
    const LogStyle style = detect_log_style(true);
    CHECK(style.debug);
    CHECK(style.times);
    CHECK_FALSE(style.terminal);
    CHECK_FALSE(style.colour);
}

TEST_CASE("under the journal a line has no time of its own") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const Fd reading(ends[0]);
    const Fd writing(ends[1]);
    struct stat status {};
    ::fstat(writing.get(), &status);
    const std::string stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    const Stderr redirected(writing.get());
    {
        const Variable journal("JOURNAL_STREAM", stream);
        CHECK_FALSE(detect_log_style(false).times);
    }
    const Variable elsewhere("JOURNAL_STREAM", stream + "0");  // redirected since
    CHECK(detect_log_style(false).times);
}

TEST_CASE("a terminal gets colour and progress, unless it is a dumb one") {
    const Terminal terminal;
    const Stderr redirected(terminal.fd());
    const Variable none("NO_COLOR", "");
    {
        const Variable type("TERM", "xterm");
        const LogStyle style = detect_log_style(false);
        CHECK(style.terminal);
        CHECK(style.colour);
        CHECK(style.columns == 60);
    }
    {
        const Variable type("TERM", "xterm");
        const Variable unwanted("NO_COLOR", "1");
        CHECK(detect_log_style(false).terminal);
        CHECK_FALSE(detect_log_style(false).colour);
    }
    const Variable type("TERM", "dumb");
    CHECK_FALSE(detect_log_style(false).terminal);
    CHECK_FALSE(detect_log_style(false).colour);
}

TEST_CASE("colour marks the level and ends before the message") {
    LogStyle style = plain();
    style.colour = true;
    CHECK(logged(style, [](Log& log) { log.error("a", "b"); }) == "\x1b[1;31mERROR\x1b[0m a: b\n");
}

TEST_CASE("without a terminal there is no progress") {
    CHECK(logged(plain(), [](Log& log) { log.progress("a", "downloading 1.0.1", 1, 2); }).empty());
}

TEST_CASE("progress stays below the log and goes at the end") {
    const Terminal terminal;
    const Stderr redirected(terminal.fd());
    LogStyle style = plain();
    style.terminal = true;
    {
        Log log(style);
        log.progress("a", "stopping 1.0.0");
        CHECK(terminal.read() == "a  stopping 1.0.0\n");
        log.progress("bb", "downloading 2.0", 524288, 1048576);
        const std::vector<std::string> lines = lines_of(terminal.read());
        REQUIRE(lines.size() == 2);
        CHECK(lines[0] == "\x1b[1A\x1b[Ja   stopping 1.0.0");
        CHECK(has(lines[1], "bb  downloading 2.0  [="));
        CHECK(has(lines[1], " 50%"));
        CHECK(lines[1].size() <= 59);
        log.info("c", "started 1.0");
        const std::vector<std::string> more = lines_of(terminal.read());
        REQUIRE(more.size() == 3);
        CHECK(more[0] == "\x1b[2A\x1b[JINFO  c: started 1.0");
        CHECK(more[1] == "a   stopping 1.0.0");
        log.progress("bb", "");
        CHECK(terminal.read() == "\x1b[2A\x1b[Ja  stopping 1.0.0\n");
    }
    CHECK(terminal.read() == "\x1b[1A\x1b[J");
}

TEST_CASE("numbers are drawn ten times a second at most") {
    const Terminal terminal;
    const Stderr redirected(terminal.fd());
    LogStyle style = plain();
    style.terminal = true;
    Log log(style);
    const auto start = std::chrono::steady_clock::now();
    std::string text;
    for (std::uint64_t done = 0; seconds_since(start) < 0.55; ++done) {
        log.progress("a", "downloading 1.0", done, 1'000'000'000);
        text += terminal.read();
    }
    const std::size_t drawn = lines_of(text).size();
    CHECK(drawn >= 3);
    CHECK(static_cast<double>(drawn) <= seconds_since(start) * 10 + 1);
}

TEST_CASE("more agents than rows are counted, and the screen never scrolls by progress") {
    const Terminal terminal;
    const Stderr redirected(terminal.fd());
    LogStyle style = plain();
    style.terminal = true;
    Log log(style);
    for (int i = 10; i < 20; ++i)
        log.progress("agent-" + std::to_string(i), "checking");
    terminal.read();
    log.info("", "x");
    const std::vector<std::string> lines = lines_of(terminal.read());
    REQUIRE(lines.size() == 6);
    CHECK(lines[1] == "agent-10  checking");
    CHECK(lines[5] == "and 6 more");
}

TEST_CASE("a line too long for the terminal is cut, not wrapped") {
    const Terminal terminal;
    const Stderr redirected(terminal.fd());
    LogStyle style = plain();
    style.terminal = true;
    Log log(style);
    log.progress(std::string(50, 'a'), std::string(200, 'b'), 5, 10);
    const std::string text = terminal.read();
    CHECK(lines_of(text).front().size() == 59);
}

TEST_CASE("several threads may show progress and write lines") {
    const Terminal terminal;
    const Stderr redirected(terminal.fd());
    LogStyle style = plain();
    style.terminal = true;
    std::atomic<bool> done{false};
    std::thread reads([&] {
        while (!done)
            terminal.read();
    });
    {
        Log log(style);
        std::vector<std::thread> threads;
        threads.reserve(4);
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&log, t] {
                const std::string agent = "agent-" + std::to_string(t);
                for (std::uint64_t i = 0; i < 500; ++i)
                    log.progress(agent, "downloading", i, 500);
                log.progress(agent, "");
                log.info(agent, "done");
            });
        }
        for (std::thread& thread : threads)
            thread.join();
    }
    done = true;
    reads.join();
    CHECK(terminal.read().size() < 4096);
}
