// One request and its answer over libcurl, redirects followed here and not by libcurl: what may be
// followed and which credentials go where is decided in one place that can be read.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "world/http.hpp"
#include "world/http_headers.hpp"

namespace ops {

class HttpHandle;

/// What is asked.
struct HttpCall {
    std::string url;
    std::optional<std::string> body;   ///< given: POST as application/json, else GET
    std::vector<std::string> headers;  ///< "Name: value"
    std::string bearer;                ///< sent to the URL's scheme, host and port alone
    std::chrono::steady_clock::time_point deadline;
    bool bulk = false;           ///< a file: the stall limit and the rate limit hold
    std::uint64_t max_rate = 0;  ///< bytes per second; 0: none
};

/// The head of the final answer (one that is no redirect).
struct HttpHead {
    long status = 0;
    HttpHeaders fields;
    std::optional<std::uint64_t> length;  ///< of the body, where the answer says it
};

/// Who gets the answer. What either throws comes out of HttpExchange::run().
class HttpReceiver {
  public:
    virtual ~HttpReceiver() = default;
    /// Once per call of run(), before any byte of the body. False: the body is not wanted.
    virtual bool begin(const HttpHead& head) = 0;
    /// A piece of the body. False: no more of it is wanted.
    virtual bool take(std::string_view piece) = 0;
};

/// What came of it. Exactly one of three holds: `failure` is set; the receiver wanted no more
/// (`cut`); or the answer is complete. The status is the caller's to judge.
struct HttpOutcome {
    std::optional<HttpFailure> failure;
    bool cut = false;
    HttpHead head;      ///< status 0 where no answer came
    std::string where;  ///< the URL, and the one redirected to, fit for a message
};

/// One connection's worth of exchanges, in turn. For one thread.
class HttpExchange {
  public:
    HttpExchange(const HttpSettings& settings, Log& log, const StopSignal& stop);
    ~HttpExchange();
    HttpExchange(const HttpExchange&) = delete;
    HttpExchange& operator=(const HttpExchange&) = delete;

    HttpOutcome run(const HttpCall& call, HttpReceiver& receiver);

  private:
    struct Hop;
    std::optional<HttpFailure> run_hop(Hop& hop);
    void log_hop(const Hop& hop, std::chrono::steady_clock::duration taken,
                 const std::string& failure);

    const HttpSettings& settings_;
    Log& log_;
    const StopSignal& stop_;
    std::unique_ptr<HttpHandle> handle_;
};

/// `text` with every occurrence of `secret` replaced: a server may echo what it was sent.
std::string without_secret(std::string text, const std::string& secret);

}  // namespace ops
