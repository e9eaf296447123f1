// Byte ranges of HTTP requests. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace meta {

struct Slice {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool operator==(const Slice&) const = default;
};

enum class RangeKind {
    whole,          ///< no range, or one that this server does not understand: all of the file
    part,           ///< `slice` of it
    unsatisfiable,  ///< a range behind the file's end
};

struct RangeResult {
    RangeKind kind = RangeKind::whole;
    Slice slice;  ///< what to send; nothing of it where unsatisfiable
    bool operator==(const RangeResult&) const = default;
};

/// What the Range header asks of a file of `size` bytes. Several ranges at once are answered
/// with the whole file, which HTTP allows.
RangeResult parse_range(std::string_view header, std::uint64_t size);

}  // namespace meta
