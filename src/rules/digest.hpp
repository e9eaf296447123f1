// Digests of tarballs: which kinds there are and how they are written.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ops {

enum class DigestKind { md5, sha256 };

/// "md5", "sha256"; with "sum" behind it the name of the tool.
std::string to_string(DigestKind kind);

/// 32 for md5, 64 for sha256.
std::size_t hex_length(DigestKind kind);

/// A digest of one kind, lower case hex.
struct Digest {
    DigestKind kind = DigestKind::md5;
    std::string hex;
    bool operator==(const Digest&) const = default;
};

/// What is known of one build's digests; an empty one is unknown.
struct Digests {
    std::string md5;
    std::string sha256;
    bool operator==(const Digests&) const = default;

    [[nodiscard]] bool empty() const { return md5.empty() && sha256.empty(); }
    void set(const Digest& digest);
};

/// True where both know a digest of the same kind and it is not the same: another build.
/// What only one side knows says nothing.
bool differ(const Digests& a, const Digests& b);

/// `text` in lower case if it is exactly a bare digest of that kind.
std::optional<std::string> bare_hex(DigestKind kind, std::string_view text);

/// The digest out of a digest file: a bare digest, or lines as md5sum and sha256sum write them
/// ("HEX  name", "HEX *name", "\\HEX  escaped"). Of several lines, the one whose last path
/// component is `file_name` counts; of a single line the name is not looked at (build machines
/// write their own paths). Throws Error that says what is wrong.
Digest parse_digest_file(DigestKind kind, std::string_view text, std::string_view file_name);

/// The digest that `md5sum` or `sha256sum` printed for its standard input ("HEX  -").
std::optional<std::string> parse_tool_output(DigestKind kind, std::string_view output);

}  // namespace ops
