#include "rules/url.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "rules/error.hpp"
#include "rules/text.hpp"

namespace ops {
namespace {

constexpr auto npos = std::string_view::npos;

/// scheme://user@host:port/rest as pieces of one text.
struct Pieces {
    std::string_view scheme;
    std::string_view user;
    std::string_view host;  ///< IPv6 with its brackets
    std::string_view port;  ///< without the colon
    bool has_port = false;
    std::string_view rest;  ///< path, query, fragment
};

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Where the scheme ends; npos where there is none ("host:80/?to=http://x" has none).
std::size_t scheme_length(std::string_view url) {
    const std::size_t end = url.find("://");
    if (end == npos || end == 0) return npos;
    const auto fits = [](char c) {
        return is_letter_or_digit(c) || c == '+' || c == '-' || c == '.';
    };
    return std::all_of(url.begin(), url.begin() + static_cast<std::ptrdiff_t>(end), fits) ? end
                                                                                          : npos;
}

Pieces split(std::string_view url) {
    Pieces pieces;
    if (const std::size_t end = scheme_length(url); end != npos) {
        pieces.scheme = url.substr(0, end);
        url.remove_prefix(end + 3);
    }
    const std::size_t authority_end = std::min(url.find_first_of("/?#"), url.size());
    std::string_view authority = url.substr(0, authority_end);
    pieces.rest = url.substr(authority_end);
    if (const std::size_t at = authority.rfind('@'); at != npos) {
        pieces.user = authority.substr(0, at);
        authority.remove_prefix(at + 1);
    }
    const std::size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
    const std::size_t colon = bracket == npos ? npos : authority.find(':', bracket);
    pieces.host = authority.substr(0, colon);
    if (colon != npos) {
        pieces.has_port = true;
        pieces.port = authority.substr(colon + 1);
    }
    return pieces;
}

bool is_host(std::string_view host) {
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        in6_addr address{};
        return inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(),
                         &address) == 1 &&
               host.find('\0') == npos;
    }
    const auto fits = [](char c) {
        return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
    };
    return std::all_of(host.begin(), host.end(), fits) &&
           std::any_of(host.begin(), host.end(), is_letter_or_digit);
}

bool is_port(std::string_view port) {
    unsigned number = 0;
    const char* end = port.data() + port.size();
    const auto [rest, error] = std::from_chars(port.data(), end, number);
    return error == std::errc{} && rest == end && number >= 1 && number <= 65535;
}

std::string pieces_fault(const Pieces& pieces) {
    const std::string scheme = lower(pieces.scheme);
    if (scheme != "http" && scheme != "https") return "is no http or https URL";
    if (pieces.host.empty()) return "has no host";
    // Some programs take a backslash for a slash: to them "h\\@x" is the host h, to others it is x.
    if (!is_host(pieces.host) || pieces.user.find('\\') != npos) return "has no valid host";
    if (pieces.has_port && !is_port(pieces.port)) return "has no valid port (1 to 65535)";
    return "";
}

std::string text_fault(std::string_view url) {
    if (url.empty()) return "is empty";
    if (url.find(' ') != npos) return "has blanks in it";
    if (one_line(url, url.size()) != url) return "has control characters in it";
    if (url.find('#') != npos) return "has a fragment (#) in it";
    return "";
}

/// How much of the text before the last '@' may be a user and a password: all of it, in a text that
/// is no URL (a password with a slash in it makes one), else what stands before the host.
std::size_t secret_end(std::string_view after_scheme, const Pieces& pieces) {
    const bool sound = is_host(pieces.host) && (!pieces.has_port || is_port(pieces.port));
    const std::size_t authority = after_scheme.size() - pieces.rest.size();
    return after_scheme.substr(0, sound ? authority : npos).rfind('@');
}

}  // namespace

std::string server_url(std::string_view address) {
    const std::string text =
        (scheme_length(address) == npos ? "http://" : "") + std::string(address);
    const Pieces pieces = split(text);
    std::string fault = text_fault(address);
    if (fault.empty()) fault = pieces_fault(pieces);
    if (!fault.empty()) {
        throw Error("the server \"" + one_line(redact_url(address)) + "\" " + fault);
    }
    std::string_view rest = pieces.rest;
    if (rest == "/" || rest.starts_with("/?")) rest.remove_prefix(1);
    const std::string_view path = rest.starts_with('/') ? "" : "/heartbeat";
    const std::string_view authority = std::string_view(text).substr(
        pieces.scheme.size(), text.size() - pieces.scheme.size() - pieces.rest.size());
    return lower(pieces.scheme).append(authority).append(path).append(rest);
}

std::string url_fault(std::string_view url) {
    std::string fault = text_fault(url);
    return fault.empty() ? pieces_fault(split(url)) : fault;
}

std::string join_url(std::string_view prefix, std::string_view file) {
    while (prefix.ends_with('/')) {
        prefix.remove_suffix(1);
    }
    const std::string_view scheme = split(prefix).scheme;
    return lower(scheme).append(prefix.substr(scheme.size())).append("/").append(file);
}

std::string redact_urls(std::string_view text) {
    // JSON may escape slashes.
    std::string shown;
    for (;;) {
        const std::size_t plain = text.find("://");
        const std::size_t escaped = text.find(":\\/\\/");
        const std::size_t start = plain < escaped ? plain + 3 : escaped + 5;
        if (plain == npos && escaped == npos) break;
        shown += text.substr(0, start);
        text.remove_prefix(start);
        // A password may itself hold an '@': the last one before the end of the authority counts.
        const std::size_t end = text.find_first_of("/?#\"'<> \\\t\r\n");
        const std::size_t at = text.substr(0, end).rfind('@');
        if (at == npos) continue;
        shown += "***";
        text.remove_prefix(at);
    }
    return shown.append(text);
}

std::string redact_url(std::string_view url) {
    const std::size_t scheme = scheme_length(url);
    const std::size_t start = scheme == npos ? 0 : scheme + 3;
    const std::size_t secret = secret_end(url.substr(start), split(url));
    std::string shown(url.substr(0, start));
    if (secret != npos) {
        shown += "***";
        url.remove_prefix(start + secret);
        shown += url;
    } else {
        shown = url;
    }
    for (char& c : shown) {
        if (static_cast<unsigned char>(c) < 0x20) c = '?';
    }
    return one_line(shown, shown.size());
}

std::string url_host(std::string_view url) {
    const Pieces pieces = split(url);
    if (!pieces_fault(pieces).empty()) return "";
    std::string_view host = pieces.host;
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    return lower(host);
}

}  // namespace ops
