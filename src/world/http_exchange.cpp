#include "world/http_exchange.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <exception>
#include <new>

#include "rules/error.hpp"
#include "rules/url.hpp"
#include "world/http_failure.hpp"
#include "world/http_url.hpp"

namespace ops {

namespace {

using std::chrono::steady_clock;

constexpr int max_redirects = 5;
constexpr std::size_t max_header_bytes = 256 * 1024;
constexpr long stall_bytes_per_second = 1024;
constexpr int longest_poll_ms = 10'000;  // libcurl shortens it to its own timers

/// libcurl reads up to a hundred buffers before it looks at the rate: with a rate, about a second's
/// worth.
long buffer_size(std::uint64_t max_rate) {
    constexpr std::uint64_t smallest = 1024;
    constexpr std::uint64_t usual = CURL_MAX_WRITE_SIZE;
    return static_cast<long>(max_rate == 0 ? usual : std::clamp(max_rate / 100, smallest, usual));
}

std::int64_t milliseconds_until(steady_clock::time_point when) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(when - steady_clock::now())
        .count();
}

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

struct HttpExchange::Handles {
    CURLM* multi = curl_multi_init();
    CURL* easy = curl_easy_init();
    curl_slist* headers = nullptr;

    Handles() = default;
    Handles(const Handles&) = delete;
    Handles& operator=(const Handles&) = delete;
    ~Handles() {
        curl_easy_cleanup(easy);
        curl_multi_cleanup(multi);
        curl_slist_free_all(headers);
    }
    void set_headers(const std::vector<std::string>& lines) {
        curl_slist_free_all(headers);
        headers = nullptr;
        for (const std::string& line : lines) {
            curl_slist* longer = curl_slist_append(headers, line.c_str());
            if (longer == nullptr) throw std::bad_alloc();
            headers = longer;
        }
        set(CURLOPT_HTTPHEADER, headers);
    }
    template <typename Value>
    void set(CURLoption option, Value value) {
        const CURLcode code = curl_easy_setopt(easy, option, value);
        if (code != CURLE_OK) {
            throw Error("libcurl refuses option " + std::to_string(option) + ": " +
                        curl_easy_strerror(code));
        }
    }
    void set_text(CURLoption option, const std::string& value) {
        if (!value.empty()) set(option, value.c_str());
    }
};

/// One request of a chain of redirects.
struct HttpExchange::Hop {
    const HttpCall& call;
    HttpReceiver& receiver;
    SplitUrl target;
    bool first_origin;  ///< the call's own credentials may be sent
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
    : settings_(settings), log_(log), stop_(stop), handles_(std::make_unique<Handles>()) {
    if (handles_->multi == nullptr || handles_->easy == nullptr) throw std::bad_alloc();
}

HttpExchange::~HttpExchange() = default;

HttpOutcome HttpExchange::run(const HttpCall& call, HttpReceiver& receiver) {
    HttpOutcome outcome;
    outcome.where = redact_url(call.url);
    const std::string fault = url_fault(call.url);
    std::optional<SplitUrl> target = split_url(call.url);
    if (!fault.empty() || !target) {
        outcome.failure = refused(outcome.where + " " + (fault.empty() ? "is no URL" : fault));
        return outcome;
    }
    const SplitUrl first = *target;
    for (int redirects = 0;; ++redirects) {
        Hop hop{call,          receiver,      *target, target->origin == first.origin,
                outcome.where, handles_->easy};
        if (hop.first_origin) {
            hop.target.user = first.user;
            hop.target.password = first.password;
        }
        outcome.failure = run_hop(hop);
        outcome.cut = !hop.wanted;
        outcome.head = hop.head;
        if (outcome.failure || !is_redirect(hop.head)) break;

        target = resolve_redirect(hop.target.url, hop.head.fields.location);
        std::string not_followed = redirect_fault(hop.target, target);
        if (not_followed.empty() && redirects == max_redirects) {
            not_followed = "more than " + std::to_string(max_redirects) + " times";
        }
        if (!not_followed.empty()) {
            outcome.failure = refused(outcome.where + ": redirected " + not_followed);
            break;
        }
        outcome.where = redact_url(call.url) + " (redirected to " + redact_url(target->url) + ")";
    }
    outcome.where = without_secret(outcome.where, call.bearer);
    if (outcome.failure) {
        outcome.cut = false;
        outcome.failure->message = without_secret(outcome.failure->message, call.bearer);
    }
    return outcome;
}

std::optional<HttpFailure> HttpExchange::run_hop(Hop& hop) {
    set_up(hop);
    const auto started = steady_clock::now();
    CURLM* multi = handles_->multi;
    if (curl_multi_add_handle(multi, hop.easy) != CURLM_OK) throw std::bad_alloc();
    CURLcode code = CURLE_FAILED_INIT;
    int running = 1;
    while (!stop_.raised() && curl_multi_perform(multi, &running) == CURLM_OK && running != 0) {
        curl_waitfd stop_event{stop_.fd(), CURL_WAIT_POLLIN, 0};
        curl_multi_poll(multi, &stop_event, 1, longest_poll_ms, nullptr);
    }
    int left = 0;
    if (const CURLMsg* message = curl_multi_info_read(multi, &left)) code = message->data.result;
    curl_multi_remove_handle(multi, hop.easy);

    if (hop.thrown) std::rethrow_exception(hop.thrown);
    std::optional<HttpFailure> failure;
    if (running != 0 && stop_.raised()) {
        failure = HttpFailure{HttpFailure::Kind::interrupted, 0, hop.where + ": interrupted"};
    } else if (hop.headers_too_long) {
        failure = HttpFailure{HttpFailure::Kind::too_large, 0,
                              hop.where + ": the answer's header lines are too long"};
    } else if (code != CURLE_OK && hop.wanted) {
        failure = transfer_failure(hop.easy, code, hop.detail, hop.where, hop.target.origin.host);
    } else if (!hop.begun) {
        failure = HttpFailure{HttpFailure::Kind::down, 0, hop.where + ": no answer"};
    }
    log_hop(hop, -milliseconds_until(started), failure ? failure->message : "");
    return failure;
}

void HttpExchange::set_up(Hop& hop) {
    Handles& to = *handles_;
    const HttpCall& call = hop.call;
    curl_easy_reset(to.easy);

    to.set(CURLOPT_URL, hop.target.url.c_str());
    to.set(CURLOPT_PROTOCOLS_STR, "http,https");
    to.set(CURLOPT_FOLLOWLOCATION, 0L);
    to.set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    to.set_text(CURLOPT_USERAGENT, settings_.user_agent);
    to.set(CURLOPT_ERRORBUFFER, hop.detail);
    to.set(CURLOPT_HEADERFUNCTION, &Hop::callback<&Hop::take_line>);
    to.set(CURLOPT_HEADERDATA, &hop);
    to.set(CURLOPT_WRITEFUNCTION, &Hop::callback<&Hop::take_piece>);
    to.set(CURLOPT_WRITEDATA, &hop);

    std::vector<std::string> lines = call.headers;
    if (call.body) {
        to.set(CURLOPT_POST, 1L);
        to.set(CURLOPT_POSTFIELDS, call.body->data());
        to.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body->size()));
        lines.emplace_back("Content-Type: application/json");
        lines.emplace_back("Expect:");  // no round trip before a long report
    }
    to.set_headers(lines);

    if (hop.first_origin && !call.bearer.empty()) {
        to.set(CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        to.set(CURLOPT_XOAUTH2_BEARER, call.bearer.c_str());
    } else {
        to.set(CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        to.set_text(CURLOPT_USERNAME, hop.target.user);
        to.set_text(CURLOPT_PASSWORD, hop.target.password);
        if (!settings_.netrc_file.empty()) {
            to.set(CURLOPT_NETRC, long{CURL_NETRC_OPTIONAL});
            to.set(CURLOPT_NETRC_FILE, settings_.netrc_file.c_str());
        }
    }

    // libcurl itself heeds http_proxy, https_proxy, all_proxy, and no_proxy in either case.
    to.set_text(CURLOPT_PROXY, settings_.proxy);
    to.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);

    to.set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
    to.set(CURLOPT_SSL_VERIFYPEER, 1L);
    to.set(CURLOPT_SSL_VERIFYHOST, 2L);
    if (!settings_.ca_file.empty()) {
        // Instead of the system's CAs, not beside them.
        to.set(CURLOPT_CAINFO, settings_.ca_file.c_str());
        to.set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
        to.set(CURLOPT_PROXY_CAINFO, settings_.ca_file.c_str());
        to.set(CURLOPT_PROXY_CAPATH, static_cast<const char*>(nullptr));
    }
    to.set_text(CURLOPT_SSLCERT, settings_.cert_file);
    to.set_text(CURLOPT_SSLKEY, settings_.key_file);

    const std::int64_t left = std::max<std::int64_t>(1, milliseconds_until(call.deadline));
    const std::int64_t connect = std::chrono::milliseconds(settings_.connect_timeout).count();
    to.set(CURLOPT_NOSIGNAL, 1L);
    to.set(CURLOPT_QUICK_EXIT, 1L);  // a resolver that hangs does not hold up the clean-up
    to.set(CURLOPT_TIMEOUT_MS, static_cast<long>(left));
    to.set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(left, connect)));
    if (call.bulk) {
        to.set(CURLOPT_LOW_SPEED_LIMIT, stall_bytes_per_second);
        to.set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(settings_.stall_timeout.count()));
        to.set(CURLOPT_MAX_RECV_SPEED_LARGE, static_cast<curl_off_t>(settings_.max_rate));
        to.set(CURLOPT_BUFFERSIZE, buffer_size(settings_.max_rate));
    }
}

void HttpExchange::log_hop(const Hop& hop, std::int64_t milliseconds, const std::string& result) {
    if (!log_.debugging()) return;
    curl_off_t bytes = 0;
    curl_easy_getinfo(hop.easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
    std::string text = std::string(hop.call.body ? "POST " : "GET ");
    if (result.empty()) {
        text += redact_url(hop.target.url) + ": HTTP " + std::to_string(hop.head.status);
    } else {
        text += result;
    }
    text += ", " + std::to_string(bytes) + " bytes, " + std::to_string(milliseconds) + " ms";
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
