// HTTP for the floors above: one exchange of small texts, and a download that can be resumed.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "world/log.hpp"
#include "world/stop.hpp"

namespace ops {

struct HttpSettings {
    std::chrono::seconds connect_timeout{10};
    std::chrono::seconds stall_timeout{30};       ///< slower than 1 KiB/s for so long: ends
    std::chrono::seconds download_timeout{900};   ///< all tries of one file
    int retries = 3;                              ///< tries of a download after the first
    std::chrono::milliseconds first_pause{1000};  ///< before the second try; doubles, ±50 %
    std::string ca_file, cert_file, key_file;     ///< "": the system's CAs, no client certificate
    std::string netrc_file;
    std::string proxy;
    std::string user_agent;
};

/// One request with a text for an answer.
struct Request {
    std::string url;
    std::optional<std::string> body;   ///< given: POST as application/json, else GET
    std::vector<std::string> headers;  ///< "Name: value"
    std::string bearer;                ///< sent to this URL's host alone; never logged
    std::chrono::seconds timeout{30};  ///< the whole exchange, all tries included
    std::size_t max_bytes = 4UL * 1024 * 1024;
    int retries = 0;
};

/// Why a transfer did not succeed.
struct HttpFailure {
    enum class Kind {
        down,         ///< no connection, DNS, timeout, stall, reset, 5xx, 429: may pass
        refused,      ///< any other status than expected, certificate, redirect, protocol: will not
        too_large,    ///< more bytes than allowed
        interrupted,  ///< a stop signal came
        local,        ///< our disk or memory
    };
    Kind kind = Kind::down;
    long status = 0;      ///< HTTP status, 0 where there was none
    std::string message;  ///< one line: what, which host or URL (without secrets)
};

struct HttpText {
    std::optional<HttpFailure> failure;
    long status = 0;
    std::string body;
};

struct Download {
    std::string url;
    std::filesystem::path part;       ///< where the bytes go; continued if it is there and valid
    std::filesystem::path validator;  ///< what the part was made from; written beside it
    std::uint64_t max_bytes = 0;      ///< of the whole file
    std::uint64_t max_rate = 0;       ///< bytes per second; 0: none
    /// Called once the size is known, before anything is written (also before a resume, with what
    /// is still to come), in each try; with 0 where the server does not tell the size. What it
    /// returns, if not empty, ends the download as `local`.
    std::function<std::string(std::uint64_t bytes_to_come)> admit;
    /// Called now and then: bytes so far and in all (0: unknown), of the file.
    std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

struct Downloaded {
    std::optional<HttpFailure> failure;
    std::uint64_t bytes = 0;    ///< size of the complete file
    std::uint64_t resumed = 0;  ///< bytes that were there already
};

/// The transport as the floors above see it; tests of those may replace it.
class Http {
  public:
    virtual ~Http() = default;
    virtual HttpText fetch(const Request& request) = 0;
    /// On success `part` is the whole file (not yet verified) and the validator is gone. After a
    /// failure they are there if they can be continued; nothing is after `too_large` or a failed
    /// write: what fills the disk goes.
    virtual Downloaded download(const Download& download) = 0;
};

/// libcurl's. http and https alone, at most 5 redirects, never from https to http, credentials
/// never to another scheme, host or port. Thread-safe: each call has its own handle. `log` and
/// `stop` must outlive it, and SIGPIPE must be ignored (StopSignal::install() does).
std::unique_ptr<Http> make_curl_http(const HttpSettings& settings, Log& log,
                                     const StopSignal& stop);

}  // namespace ops
