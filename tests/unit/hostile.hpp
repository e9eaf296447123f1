// What others may write, and what must never come of it.
#pragma once

#include <string>
#include <string_view>

namespace hostile {

/// Terminal escapes (C0 and C1), line breaks, a bidirectional override, DEL, broken UTF-8.
inline const std::string text =
    "x\x1b[2J\x1b]0;title\x07y\r\nz\tt\xc2\x9b"
    "31m\xe2\x80\xae\x7f\xff\xfe\xc3";

/// No byte of `shown` can steer a terminal, colours apart where `colour` says so.
inline bool is_harmless(std::string_view shown, bool colour = false) {
    for (std::size_t i = 0; i < shown.size(); ++i) {
        const auto byte = static_cast<unsigned char>(shown[i]);
        const bool paint = colour && byte == 0x1b && shown.substr(i).starts_with("\x1b[") &&
                           shown.find('m', i) <= i + 4;
        if ((byte < 0x20 && byte != '\n' && !paint) || byte == 0x7f) return false;
        if (byte == 0xc2 && i + 1 < shown.size() && static_cast<unsigned char>(shown[i + 1]) < 0xa0)
            return false;
        if (byte >= 0xf8 || shown.substr(i).starts_with("\xe2\x80\xae")) return false;
    }
    return true;
}

}  // namespace hostile
