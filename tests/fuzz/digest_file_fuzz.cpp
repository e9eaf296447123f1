// Any bytes as a digest file or a tool's output.
#include <cstdint>

#include "property.hpp"
#include "rules/digest.hpp"
#include "rules/error.hpp"

namespace {

using namespace ops;
using namespace ops::fuzz;

bool contains_ignoring_case(std::string_view text, const std::string& hex) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower.find(hex) != std::string::npos;
}

void check(DigestKind kind, std::string_view text) {
    try {
        const Digest digest = parse_digest_file(kind, text, "falcon-agent-1.0.1.tar.gz");
        require(digest.kind == kind, "a digest is of the kind that was asked for");
        require_hex(digest.hex, hex_length(kind));
        require(contains_ignoring_case(text, digest.hex), "a digest is the file's own");
    } catch (const Error& error) {
        require_one_line(error.what());
    }
    if (const auto hex = parse_tool_output(kind, text)) {
        require_hex(*hex, hex_length(kind));
        require(parse_digest_file(kind, text, "-").hex == *hex,
                "a tool's output is a digest file too");
    }
    if (const auto hex = bare_hex(kind, text)) require_hex(*hex, hex_length(kind));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check(DigestKind::md5, text);
    check(DigestKind::sha256, text);
    return 0;
}
