#include "world/http.hpp"

#include <curl/curl.h>

#include <algorithm>

#include "rules/error.hpp"
#include "rules/text.hpp"
#include "rules/url.hpp"
#include "world/curl_library.hpp"
#include "world/http_download.hpp"
#include "world/http_exchange.hpp"
#include "world/http_failure.hpp"
#include "world/http_retry.hpp"

namespace ops {

namespace {

using Kind = HttpFailure::Kind;

constexpr std::size_t logged_bytes = 2048;
constexpr std::size_t max_error_page = 64UL * 1024;

/// Keeps a body in memory; of an answer that is no success only the beginning.
class TextReceiver : public HttpReceiver {
  public:
    explicit TextReceiver(std::size_t max_bytes) : max_bytes_(max_bytes) {}

    bool begin(const HttpHead& head) override {
        status_ = head.status;
        if (status_ != 200) return true;
        too_large_ = head.length && *head.length > max_bytes_;
        return !too_large_;
    }
    bool take(std::string_view piece) override {
        const std::size_t allowed = status_ == 200 ? max_bytes_ : max_error_page;
        if (body.size() + piece.size() > allowed) {
            too_large_ = status_ == 200;
            return false;
        }
        body += piece;
        return true;
    }
    [[nodiscard]] bool too_large() const { return too_large_; }

    std::string body;

  private:
    std::size_t max_bytes_;
    long status_ = 0;
    bool too_large_ = false;
};

/// A line break in a value would make a header line of its own.
bool has_control_characters(const std::string& text) {
    return std::any_of(text.begin(), text.end(),
                       [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

class CurlHttp : public Http {
  public:
    CurlHttp(HttpSettings settings, Log& log, const StopSignal& stop)
        : settings_(std::move(settings)), log_(log), stop_(stop) {}

    HttpText fetch(const Request& request) override {
        HttpText text;
        try {
            HttpExchange exchange(settings_, log_, stop_);
            const RetryRule rule{request.retries, settings_.first_pause,
                                 std::chrono::steady_clock::now() + request.timeout};
            text.failure = try_repeatedly(
                rule, log_, stop_, [&] { return attempt(exchange, request, rule.deadline, text); });
        } catch (const Error& error) {
            text.failure = HttpFailure{Kind::local, 0, error.what()};
        }
        return text;
    }

    Downloaded download(const Download& download) override {
        return curl_download(settings_, log_, stop_, download);
    }

  private:
    Attempt attempt(HttpExchange& exchange, const Request& request,
                    std::chrono::steady_clock::time_point deadline, HttpText& text) {
        const bool spoilt =
            has_control_characters(request.bearer) ||
            std::any_of(request.headers.begin(), request.headers.end(), has_control_characters);
        if (spoilt) {
            return {HttpFailure{Kind::local, 0,
                                redact_url(request.url) +
                                    ": control characters in what is to be sent as a header"},
                    ""};
        }
        HttpCall call;
        call.url = request.url;
        call.body = request.body;
        call.headers = request.headers;
        call.bearer = request.bearer;
        call.deadline = deadline;
        if (request.body) log_body("sending", *request.body, request.bearer);

        TextReceiver receiver(request.max_bytes);
        const HttpOutcome outcome = exchange.run(call, receiver);
        text.status = outcome.head.status;
        text.body = std::move(receiver.body);
        if (text.status != 0) log_body("received", text.body, request.bearer);
        return {judge(outcome, receiver.too_large(), request), outcome.head.fields.retry_after};
    }

    static std::optional<HttpFailure> judge(const HttpOutcome& outcome, bool too_large,
                                            const Request& request) {
        const bool answered = outcome.head.status != 0 && outcome.head.status != 200;
        if (outcome.failure && !(answered && outcome.failure->kind == Kind::down)) {
            return outcome.failure;
        }
        if (answered) return status_failure(outcome.head.status, outcome.where);
        if (too_large) {
            return HttpFailure{
                Kind::too_large, outcome.head.status,
                outcome.where + ": more than the allowed " + human_size(request.max_bytes)};
        }
        return std::nullopt;
    }

    void log_body(const char* verb, const std::string& body, const std::string& secret) {
        if (!log_.debugging() || body.empty()) return;
        const std::string shown = redact_urls(without_secret(body, secret)).substr(0, logged_bytes);
        log_.debug("", std::string(verb) + ": " + one_line(shown, 2 * logged_bytes) +
                           (body.size() > logged_bytes ? "…" : ""));
    }

    const HttpSettings settings_;
    Log& log_;
    const StopSignal& stop_;
};

}  // namespace

std::unique_ptr<Http> make_curl_http(const HttpSettings& settings, Log& log,
                                     const StopSignal& stop) {
    load_curl();
    return std::make_unique<CurlHttp>(settings, log, stop);
}

}  // namespace ops
