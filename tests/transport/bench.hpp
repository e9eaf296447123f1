// What most transport tests need: a folder of their own, a transport, and short words for its use.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "world/http.hpp"

namespace transport {

namespace fs = std::filesystem;
using Kind = ops::HttpFailure::Kind;

/// A folder that goes with the object.
class TempDir {
  public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    const fs::path path;
};

class Bench {
  public:
    Bench();

    TempDir dir;
    ops::StopSignal stop;
    ops::HttpSettings settings;  ///< short timeouts and pauses; read anew at each call
    bool debug = false;
    fs::path part = dir.path / "agent-1.0.0.tar.gz.part";
    fs::path validator = dir.path / "agent-1.0.0.tar.gz.part.from";
    std::uint64_t max_bytes = 1'000'000'000;

    ops::HttpText fetch(const ops::Request& request);
    ops::HttpText get(const std::string& url);
    ops::HttpText post(const std::string& url, const std::string& body,
                       const std::string& bearer = "");
    ops::Downloaded download(const std::string& url);
    ops::Downloaded download(ops::Download download);

    /// The part's content; nothing where there is none.
    [[nodiscard]] std::optional<std::string> parted() const;
    /// Begins a download and stops it as soon as some bytes are there; throws where it ended
    /// before. The server must be slow to `user_agent` "slow".
    void begin_download(const std::string& url);

    /// A download that a kill ended: so much of the content, and the note that goes with it.
    void leave_part(const std::string& url, const std::string& content, const std::string& note_of,
                    std::optional<std::uint64_t> total);
    /// Names in the folder, sorted, with blanks between.
    [[nodiscard]] std::string files() const;
};

/// Raises the stop signal from another thread after a while.
class StopLater {
  public:
    StopLater(ops::StopSignal& stop, std::chrono::milliseconds after);
    ~StopLater() { thread_.join(); }
    std::chrono::steady_clock::time_point raised_at() const { return at_; }

  private:
    std::chrono::steady_clock::time_point at_;
    std::thread thread_;
};

/// Takes everything that is written to stderr meanwhile.
class StderrCapture {
  public:
    StderrCapture();
    ~StderrCapture();
    StderrCapture(const StderrCapture&) = delete;
    StderrCapture& operator=(const StderrCapture&) = delete;
    std::string text();

  private:
    int saved_;
    int file_;
};

/// An environment variable's value for a while.
class WithEnv {
  public:
    WithEnv(const char* name, const std::string& value);
    ~WithEnv();
    WithEnv(const WithEnv&) = delete;
    WithEnv& operator=(const WithEnv&) = delete;

  private:
    const char* name_;
    std::optional<std::string> before_;
};

/// The failure's kind in words, "none" for success: what a failing check prints.
std::string kind_of(const std::optional<ops::HttpFailure>& failure);
std::string message_of(const std::optional<ops::HttpFailure>& failure);

class Stopwatch {
  public:
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    }

  private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace transport
