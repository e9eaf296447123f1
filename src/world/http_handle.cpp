#include "world/http_handle.hpp"

#include <algorithm>
#include <new>

#include "rules/error.hpp"

namespace ops {

namespace {

constexpr long stall_bytes_per_second = 1024;
constexpr int longest_poll_ms = 10'000;  // libcurl shortens it to its own timers

/// libcurl reads up to a hundred buffers before it looks at the rate: with a rate, about a second's
/// worth.
long buffer_size(std::uint64_t max_rate) {
    constexpr std::uint64_t smallest = 1024;
    constexpr std::uint64_t usual = CURL_MAX_WRITE_SIZE;
    return static_cast<long>(max_rate == 0 ? usual : std::clamp(max_rate / 100, smallest, usual));
}

}  // namespace

HttpHandle::HttpHandle() : multi_(curl_multi_init()), easy_(curl_easy_init()) {
    if (multi_ != nullptr && easy_ != nullptr) return;
    curl_easy_cleanup(easy_);
    curl_multi_cleanup(multi_);
    throw std::bad_alloc();
}

HttpHandle::~HttpHandle() {
    curl_easy_cleanup(easy_);
    curl_multi_cleanup(multi_);
    curl_slist_free_all(headers_);
}

void HttpHandle::prepare(const HttpSettings& settings, const HttpCall& call,
                         const HttpTarget& target) {
    curl_easy_reset(easy_);
    set(CURLOPT_URL, target.address.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    // libcurl itself heeds http_proxy, https_proxy, all_proxy, and no_proxy in either case.
    set_text(CURLOPT_PROXY, settings.proxy);
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set_request(settings, call);
    set_credentials(settings, call, target);
    set_trust(settings);
    set_limits(settings, call);
}

CURLcode HttpHandle::transfer(const StopSignal& stop) {
    if (curl_multi_add_handle(multi_, easy_) != CURLM_OK) throw std::bad_alloc();
    int running = 1;
    while (!stop.raised() && curl_multi_perform(multi_, &running) == CURLM_OK && running != 0) {
        curl_waitfd stop_event{stop.fd(), CURL_WAIT_POLLIN, 0};
        curl_multi_poll(multi_, &stop_event, 1, longest_poll_ms, nullptr);
    }
    CURLcode code = stop.raised() ? CURLE_ABORTED_BY_CALLBACK : CURLE_FAILED_INIT;
    int left = 0;
    if (const CURLMsg* message = curl_multi_info_read(multi_, &left)) code = message->data.result;
    curl_multi_remove_handle(multi_, easy_);
    return code;
}

void HttpHandle::set_request(const HttpSettings& settings, const HttpCall& call) {
    set_text(CURLOPT_USERAGENT, settings.user_agent);
    std::vector<std::string> lines = call.headers;
    if (call.body) {
        set(CURLOPT_POST, 1L);
        set(CURLOPT_POSTFIELDS, call.body->data());
        set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body->size()));
        lines.emplace_back("Content-Type: application/json");
        lines.emplace_back("Expect:");  // no round trip before a long report
    }
    set_headers(lines);
}

void HttpHandle::set_credentials(const HttpSettings& settings, const HttpCall& call,
                                 const HttpTarget& target) {
    if (target.first_origin && !call.bearer.empty()) {
        set(CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        set(CURLOPT_XOAUTH2_BEARER, call.bearer.c_str());
        return;
    }
    set(CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    set_text(CURLOPT_USERNAME, target.address.user);
    set_text(CURLOPT_PASSWORD, target.address.password);
    if (!settings.netrc_file.empty()) {
        set(CURLOPT_NETRC, long{CURL_NETRC_OPTIONAL});
        set(CURLOPT_NETRC_FILE, settings.netrc_file.c_str());
    }
}

void HttpHandle::set_trust(const HttpSettings& settings) {
    set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    if (!settings.ca_file.empty()) {
        // Instead of the system's CAs, not beside them.
        set(CURLOPT_CAINFO, settings.ca_file.c_str());
        set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
        set(CURLOPT_PROXY_CAINFO, settings.ca_file.c_str());
        set(CURLOPT_PROXY_CAPATH, static_cast<const char*>(nullptr));
    }
    set_text(CURLOPT_SSLCERT, settings.cert_file);
    set_text(CURLOPT_SSLKEY, settings.key_file);
}

void HttpHandle::set_limits(const HttpSettings& settings, const HttpCall& call) {
    using std::chrono::milliseconds;
    const auto left =
        std::chrono::duration_cast<milliseconds>(call.deadline - std::chrono::steady_clock::now());
    const milliseconds whole = std::max(left, milliseconds(1));  // 0 would be no limit
    const milliseconds connect = std::min<milliseconds>(whole, settings.connect_timeout);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // a resolver that hangs does not hold up the clean-up
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(whole.count()));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect.count()));
    if (call.bulk) {
        set(CURLOPT_LOW_SPEED_LIMIT, stall_bytes_per_second);
        set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(settings.stall_timeout.count()));
        set(CURLOPT_MAX_RECV_SPEED_LARGE, static_cast<curl_off_t>(call.max_rate));
        set(CURLOPT_BUFFERSIZE, buffer_size(call.max_rate));
    }
}

void HttpHandle::check(CURLoption option, CURLcode code) {
    if (code == CURLE_OK) return;
    throw Error("libcurl refuses option " + std::to_string(option) + ": " +
                curl_easy_strerror(code));
}

void HttpHandle::set_text(CURLoption option, const std::string& value) {
    if (!value.empty()) set(option, value.c_str());
}

void HttpHandle::set_headers(const std::vector<std::string>& lines) {
    curl_slist_free_all(headers_);
    headers_ = nullptr;
    for (const std::string& line : lines) {
        curl_slist* longer = curl_slist_append(headers_, line.c_str());
        if (longer == nullptr) throw std::bad_alloc();
        headers_ = longer;
    }
    set(CURLOPT_HTTPHEADER, headers_);
}

}  // namespace ops
