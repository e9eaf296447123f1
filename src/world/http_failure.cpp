#include "world/http_failure.hpp"

#include "rules/text.hpp"

namespace ops {

namespace {

using Kind = HttpFailure::Kind;

bool may_pass(long status) {
    return status >= 500 || status == 429;
}

bool contains(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}

/// A TLS error that the peers' settings cause, as opposed to a connection that broke.
bool tls_disagreement(const std::string& detail) {
    return contains(detail, "SSL routines") && !contains(detail, "unexpected eof");
}

/// The request is out, so what libcurl ran out of is its allowance for header lines.
bool request_was_sent(CURL* easy) {
    curl_off_t microseconds = 0;
    curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &microseconds);
    return microseconds > 0;
}

long connect_status(CURL* easy) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
    return status;
}

Kind kind_of(CURL* easy, CURLcode code, const std::string& detail) {
    switch (code) {
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
        case CURLE_OPERATION_TIMEDOUT:
        case CURLE_PARTIAL_FILE:
        case CURLE_GOT_NOTHING:
        case CURLE_PROXY:
            return Kind::down;
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_SSL_CONNECT_ERROR:
            if (connect_status(easy) >= 300 && !may_pass(connect_status(easy))) {
                return Kind::refused;
            }
            return tls_disagreement(detail) ? Kind::refused : Kind::down;
        case CURLE_OUT_OF_MEMORY:
            return request_was_sent(easy) ? Kind::too_large : Kind::local;
        case CURLE_FAILED_INIT:
        case CURLE_READ_ERROR:
            return Kind::local;
        default:
            return Kind::refused;
    }
}

}  // namespace

HttpFailure transfer_failure(CURL* easy, CURLcode code, const std::string& detail,
                             const std::string& where, const std::string& host) {
    HttpFailure failure;
    failure.kind = kind_of(easy, code, detail);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &failure.status);
    std::string why = detail.empty() ? curl_easy_strerror(code) : detail;
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        why = "the certificate of " + host + " is refused: " + why;
    } else if (code == CURLE_SSL_CONNECT_ERROR && failure.kind == Kind::refused) {
        why = "no TLS connection with " + host + ": " + why;
    } else if (failure.kind == Kind::too_large) {
        why = "the answer's header lines are too long";
    }
    failure.message = one_line(where + ": " + why, 1000);
    return failure;
}

HttpFailure status_failure(long status, const std::string& where) {
    HttpFailure failure;
    failure.kind = may_pass(status) ? Kind::down : Kind::refused;
    failure.status = status;
    failure.message = where + ": HTTP " + std::to_string(status);
    if (status == 401) failure.message += " (no or wrong credentials)";
    if (status == 407) failure.message += " (the proxy wants credentials)";
    return failure;
}

}  // namespace ops
