#include "world/http_url.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <memory>

namespace ops {

namespace {

struct UrlDeleter {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, UrlDeleter>;

constexpr unsigned any_scheme = CURLU_NON_SUPPORT_SCHEME;

std::string part_of(const Url& url, CURLUPart part, unsigned flags = 0) {
    char* text = nullptr;
    if (curl_url_get(url.get(), part, &text, flags) != CURLUE_OK) return {};
    std::string result(text);
    curl_free(text);
    return result;
}

std::optional<SplitUrl> split(const Url& url) {
    SplitUrl result;
    result.user = part_of(url, CURLUPART_USER, CURLU_URLDECODE);
    result.password = part_of(url, CURLUPART_PASSWORD, CURLU_URLDECODE);
    curl_url_set(url.get(), CURLUPART_USER, nullptr, 0);
    curl_url_set(url.get(), CURLUPART_PASSWORD, nullptr, 0);
    curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
    result.url = part_of(url, CURLUPART_URL);
    result.origin.scheme = part_of(url, CURLUPART_SCHEME);
    result.origin.host = part_of(url, CURLUPART_HOST);
    std::transform(result.origin.host.begin(), result.origin.host.end(), result.origin.host.begin(),
                   [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; });
    result.origin.port = part_of(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    if (result.url.empty()) return std::nullopt;
    return result;
}

}  // namespace

std::optional<SplitUrl> split_url(const std::string& text) {
    const Url url(curl_url());
    if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), any_scheme) != CURLUE_OK) {
        return std::nullopt;
    }
    return split(url);
}

std::optional<SplitUrl> resolve_redirect(const std::string& base, const std::string& location) {
    const Url url(curl_url());
    if (!url || curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK ||
        curl_url_set(url.get(), CURLUPART_URL, location.c_str(), any_scheme | CURLU_URLENCODE) !=
            CURLUE_OK) {
        return std::nullopt;
    }
    auto result = split(url);
    if (result) result->user = result->password = {};
    return result;
}

}  // namespace ops
