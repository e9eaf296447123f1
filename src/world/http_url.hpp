// Parts of URLs, by libcurl's own parser: what is judged here is what it will then connect to.
#pragma once

#include <optional>
#include <string>

namespace ops {

/// What decides whether a credential may be sent.
struct Origin {
    std::string scheme, host, port;
    bool operator==(const Origin&) const = default;
};

/// A URL taken apart; user and password are no longer in `url`.
struct SplitUrl {
    std::string url;
    Origin origin;
    std::string user, password;
};

/// Nothing where libcurl's parser refuses the URL. Any scheme.
std::optional<SplitUrl> split_url(const std::string& url);

/// What `location` means in an answer from `base`, taken apart; its own user and password, if
/// any, are dropped: a server does not choose credentials for us.
std::optional<SplitUrl> resolve_redirect(const std::string& base, const std::string& location);

}  // namespace ops
