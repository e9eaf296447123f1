#include "world/http_exchange.hpp"

#include <curl/curl.h>

#include <exception>
#include <new>

#include "rules/url.hpp"
#include "world/http_failure.hpp"
#include "world/http_handle.hpp"

namespace ops {

namespace {

using std::chrono::steady_clock;

constexpr int max_redirects = 5;
constexpr std::size_t max_header_bytes = 256UL * 1024;

bool is_redirect(const HttpHead& head) {
    const long s = head.status;
    return (s == 301 || s == 302 || s == 303 || s == 307 || s == 308) &&
           !head.fields.location.empty();
}

/// Another answer follows. (After 101 it would be another protocol, which we did not ask for.)
bool is_interim(long status) {
    return status < 200 && status != 101;
}

HttpFailure refused(const std::string& message) {
    return {HttpFailure::Kind::refused, 0, message};
}

HttpTarget redirect_target(const SplitUrl& first, const SplitUrl& to) {
    HttpTarget target{to, to.origin == first.origin};
    if (target.first_origin) {
        target.address.user = first.user;
        target.address.password = first.password;
    }
    return target;
}

/// Why a redirect is not followed; "" where it is.
std::string redirect_fault(const SplitUrl& from, const std::optional<SplitUrl>& to) {
    if (!to) return "to an address that is no URL";
    const std::string& scheme = to->origin.scheme;
    if (scheme != "http" && scheme != "https") return "to " + redact_url(to->url);
    if (from.origin.scheme == "https" && scheme == "http") {
        return "from https to " + redact_url(to->url);
    }
    return {};
}

}  // namespace

/// One request of a chain of redirects.
struct HttpExchange::Hop {
    const HttpCall& call;
    HttpReceiver& receiver;
    HttpTarget target;
    std::string where;
    CURL* easy;

    HttpHead head{};
    bool begun = false;
    bool wanted = true;
    bool headers_too_long = false;
    std::exception_ptr thrown{};
    char detail[CURL_ERROR_SIZE] = "";

    /// Judges the head, now that it is complete. False: what follows is not wanted.
    bool begin(long status) {
        begun = true;
        head.status = status;
        head.length = head.fields.length();
        wanted = !is_redirect(head) && receiver.begin(head);
        return wanted || head.length == 0U;
    }

    bool take_line(std::string_view line) {
        if (begun) return true;  // trailers
        head.fields.take(line);
        headers_too_long = head.fields.bytes > max_header_bytes;
        if (headers_too_long) return false;
        if (line != "\r\n" && line != "\n") return true;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        return is_interim(status) || begin(status);
    }

    bool take_piece(std::string_view bytes) {
        if (wanted) wanted = begun && receiver.take(bytes);
        return wanted;
    }

    /// What libcurl calls: no exception may pass through it.
    template <bool (Hop::*handle)(std::string_view)>
    static std::size_t callback(char* data, std::size_t, std::size_t size, void* self) {
        auto& hop = *static_cast<Hop*>(self);
        try {
            return (hop.*handle)({data, size}) ? size : 0;
        } catch (...) {
            hop.thrown = std::current_exception();
            return 0;
        }
    }
};

HttpExchange::HttpExchange(const HttpSettings& settings, Log& log, const StopSignal& stop)
    : settings_(settings), log_(log), stop_(stop), handle_(std::make_unique<HttpHandle>()) {}

HttpExchange::~HttpExchange() = default;

HttpOutcome HttpExchange::run(const HttpCall& call, HttpReceiver& receiver) {
    HttpOutcome outcome;
    outcome.where = redact_url(call.url);
    const std::string fault = url_fault(call.url);
    const std::optional<SplitUrl> first = split_url(call.url);
    if (!fault.empty() || !first) {
        outcome.failure = refused(outcome.where + " " + (fault.empty() ? "is no URL" : fault));
        return outcome;
    }
    HttpTarget target{*first};
    for (int redirects = 0;; ++redirects) {
        Hop hop{call, receiver, target, outcome.where, handle_->easy()};
        outcome.failure = run_hop(hop);
        outcome.cut = !hop.wanted;
        outcome.head = hop.head;
        if (outcome.failure || !is_redirect(hop.head)) break;

        const auto next = resolve_redirect(target.address.url, hop.head.fields.location);
        std::string not_followed = redirect_fault(target.address, next);
        if (not_followed.empty() && redirects == max_redirects) {
            not_followed = "more than " + std::to_string(max_redirects) + " times";
        }
        if (!not_followed.empty()) {
            outcome.failure = refused(outcome.where + ": redirected " + not_followed);
            break;
        }
        target = redirect_target(*first, *next);
        outcome.where = redact_url(call.url) + " (redirected to " + redact_url(next->url) + ")";
    }
    outcome.where = without_secret(outcome.where, call.bearer);
    if (outcome.failure) {
        outcome.cut = false;
        outcome.failure->message = without_secret(outcome.failure->message, call.bearer);
    }
    return outcome;
}

std::optional<HttpFailure> HttpExchange::run_hop(Hop& hop) {
    handle_->prepare(settings_, hop.call, hop.target);
    handle_->set(CURLOPT_ERRORBUFFER, &hop.detail[0]);
    handle_->set(CURLOPT_HEADERFUNCTION, &Hop::callback<&Hop::take_line>);
    handle_->set(CURLOPT_HEADERDATA, &hop);
    handle_->set(CURLOPT_WRITEFUNCTION, &Hop::callback<&Hop::take_piece>);
    handle_->set(CURLOPT_WRITEDATA, &hop);
    const auto started = steady_clock::now();
    const CURLcode code = handle_->transfer(stop_);

    if (hop.thrown) std::rethrow_exception(hop.thrown);
    std::optional<HttpFailure> failure;
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        failure = HttpFailure{HttpFailure::Kind::interrupted, 0, hop.where + ": interrupted"};
    } else if (hop.headers_too_long) {
        failure = HttpFailure{HttpFailure::Kind::too_large, 0,
                              hop.where + ": the answer's header lines are too long"};
    } else if (code != CURLE_OK && hop.wanted) {
        failure =
            transfer_failure(hop.easy, code, hop.detail, hop.where, hop.target.address.origin.host);
    } else if (!hop.begun) {
        failure = HttpFailure{HttpFailure::Kind::down, 0, hop.where + ": no answer"};
    }
    log_hop(hop, steady_clock::now() - started, failure ? failure->message : "");
    return failure;
}

void HttpExchange::log_hop(const Hop& hop, steady_clock::duration taken,
                           const std::string& failure) {
    if (!log_.debugging()) return;
    curl_off_t bytes = 0;
    curl_easy_getinfo(hop.easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
    const std::string result = failure.empty() ? redact_url(hop.target.address.url) + ": HTTP " +
                                                     std::to_string(hop.head.status)
                                               : failure;
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(taken).count();
    const std::string text = (hop.call.body ? "POST " : "GET ") + result + ", " +
                             std::to_string(bytes) + " bytes, " + std::to_string(ms) + " ms";
    log_.debug("", without_secret(text, hop.call.bearer));
}

std::string without_secret(std::string text, const std::string& secret) {
    if (secret.empty()) return text;
    for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += 3) {
        text.replace(at, secret.size(), "***");
    }
    return text;
}

}  // namespace ops
