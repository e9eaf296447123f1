#include "rules/setting.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "rules/error.hpp"
#include "rules/identity.hpp"
#include "rules/text.hpp"
#include "rules/url.hpp"

namespace ops {
namespace {

std::string quoted(std::string_view text) {
    return '"' + one_line(text, 80) + '"';
}

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

}  // namespace

std::int64_t parse_number(std::string_view text, Range range) {
    const bool digits =
        !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
    if (!digits) throw Error(quoted(text) + " is no whole number");
    if (text.size() > 1 && text.front() == '0') {
        throw Error(quoted(text) + " begins with a zero; write a plain decimal number");
    }
    std::int64_t number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc{} || number < range.min || number > range.max) {
        throw Error(quoted(text) + " is out of range: " + std::to_string(range.min) + " to " +
                    std::to_string(range.max));
    }
    return number;
}

std::uint64_t parse_bytes(std::string_view text, std::uint64_t min) {
    const auto bytes = parse_size(text);
    if (!bytes) {
        throw Error(quoted(text) + " is no size; write bytes, or a number with K, M or G");
    }
    if (*bytes < min || *bytes > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
        throw Error(quoted(text) + " is out of range: " + "at least " + std::to_string(min) +
                    ", less than 8 EiB");
    }
    return *bytes;
}

Protocol parse_protocol(std::string_view text) {
    for (Protocol protocol : {Protocol::list, Protocol::heartbeat}) {
        if (text == to_string(protocol)) return protocol;
    }
    throw Error(quoted(text) + " is no protocol; there are list and heartbeat");
}

std::string agent_name(std::string_view text) {
    const std::string fault = name_fault(text);
    if (!fault.empty()) throw Error(fault);
    return std::string(text);
}

void require_server(std::string_view text) {
    static_cast<void>(server_url(text));
}

void require_hostname(std::string_view text) {
    if (text.empty()) throw Error("is empty");
    if (text.size() > 253) throw Error("is longer than 253 characters");
    const bool visible =
        std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (!visible) throw Error(quoted(text) + " is no hostname: visible ASCII characters only");
}

void require_path(std::string_view text) {
    if (text.empty() || text.front() != '/') {
        throw Error(quoted(text) + " is no absolute path; write all of it, from / on");
    }
    if (std::any_of(text.begin(), text.end(), is_control)) {
        throw Error(quoted(text) + " is no path: it has a control character in it");
    }
}

void require_proxy(std::string_view text) {
    const bool has_scheme = text.find("://") != std::string_view::npos;
    const std::string url = (has_scheme ? "" : "http://") + std::string(text);
    const std::string fault = url_fault(url);
    if (!fault.empty()) throw Error("is neither host:port nor an http(s) URL: " + fault);
}

}  // namespace ops
