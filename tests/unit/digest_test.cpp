#include "rules/digest.hpp"

#include <doctest/doctest.h>

#include "rules/error.hpp"
#include "rules/text.hpp"

using namespace ops;

namespace {

const std::string a32(32, 'a');
const std::string b32(32, 'b');
const std::string c64(64, 'c');
const std::string file = "falcon-agent-1.0.1.tar.gz";

std::string parsed_md5(const std::string& text) {
    return parse_digest_file(DigestKind::md5, text, file).hex;
}

std::string fault(DigestKind kind, const std::string& text) {
    try {
        parse_digest_file(kind, text, file);
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("kinds of digests have their tools' names and lengths") {
    CHECK(to_string(DigestKind::md5) == "md5");
    CHECK(to_string(DigestKind::sha256) == "sha256");
    CHECK(hex_length(DigestKind::md5) == 32);
    CHECK(hex_length(DigestKind::sha256) == 64);
}

TEST_CASE("a bare digest is exactly its hex digits, in lower case") {
    CHECK(bare_hex(DigestKind::md5, "D41D8CD98F00B204E9800998ECF8427E") ==
          "d41d8cd98f00b204e9800998ecf8427e");
    CHECK(bare_hex(DigestKind::sha256, c64) == c64);
    for (const std::string& text : {std::string(), a32 + "a", a32.substr(1), a32.substr(1) + "g",
                                    a32 + "\n", " " + a32, c64, a32.substr(1) + '\0'}) {
        CAPTURE(text);
        CHECK_FALSE(bare_hex(DigestKind::md5, text).has_value());
    }
}

TEST_CASE("two builds differ only by a digest of the same kind") {
    const Digests none;
    const Digests md5_a{"a", ""};
    const Digests md5_b{"b", ""};
    const Digests sha_c{"", "c"};
    CHECK_FALSE(differ(none, none));
    CHECK_FALSE(differ(none, md5_a));
    CHECK_FALSE(differ(md5_a, sha_c));
    CHECK_FALSE(differ(md5_a, md5_a));
    CHECK(differ(md5_a, md5_b));
    CHECK(differ({"a", "c"}, {"a", "d"}));
    CHECK_FALSE(differ({"a", "c"}, {"a", ""}));
}

TEST_CASE("digests are set by their kind") {
    Digests digests;
    CHECK(digests.empty());
    digests.set({DigestKind::md5, a32});
    CHECK_FALSE(digests.empty());
    digests.set({DigestKind::sha256, c64});
    CHECK(digests == Digests{a32, c64});
}

TEST_CASE("a digest file may be a bare digest or a line as md5sum writes it") {
    CHECK(parsed_md5(a32) == a32);
    CHECK(parsed_md5(a32 + "\n") == a32);
    CHECK(parsed_md5("\n " + a32 + " \r\n\n") == a32);
    CHECK(parsed_md5(a32 + "  " + file + "\n") == a32);
    CHECK(parsed_md5(a32 + " *" + file + "\r\n") == a32);
    CHECK(parsed_md5("D41D8CD98F00B204E9800998ECF8427E  x") == "d41d8cd98f00b204e9800998ecf8427e");
    CHECK(parse_digest_file(DigestKind::sha256, c64 + "  x", file) ==
          Digest{DigestKind::sha256, c64});
}

TEST_CASE("a digest file of one line may name the build machine's path, or any other") {
    CHECK(parsed_md5(a32 + "  /home/build/out/" + file) == a32);
    CHECK(parsed_md5(a32 + "  ./pack.tgz") == a32);
    CHECK(parsed_md5(a32 + "  -") == a32);
    CHECK(parsed_md5("\\" + a32 + "  odd\\\\name") == a32);
}

TEST_CASE("a digest file with several lines gives the line of this very file") {
    CHECK(parsed_md5(b32 + "  other-1.0.tar.gz\n" + a32 + "  " + file + "\n") == a32);
    CHECK(parsed_md5(a32 + " *out/dir/" + file + "\n" + b32 + "  " + file + ".old\n") == a32);
    CHECK(parsed_md5(b32 + "  x" + file + "\n" + a32 + "  " + file + "\n") == a32);
    CHECK(parsed_md5("# built by hand\n" + a32 + "  " + file + "\n") == a32);
    CHECK(parsed_md5(a32 + "  " + file + "\n" + a32 + "  " + file + "\n") == a32);
}

TEST_CASE("an escaped name is read as the tool meant it") {
    CHECK(parsed_md5("\\" + b32 + "  odd\\nname\n" + "\\" + a32 + "  back\\\\slash/" + file) ==
          a32);
    const std::string odd = "a\n\r\\b";
    const std::string text = "\\" + a32 + "  a\\n\\r\\\\b\n" + b32 + "  b\n";
    CHECK(parse_digest_file(DigestKind::md5, text, odd).hex == a32);
}

TEST_CASE("several lines without one of this file are refused") {
    CHECK(fault(DigestKind::md5, a32 + "  x\n" + b32 + "  y\n") ==
          "none of 2 lines has the md5 digest (32 hex digits) of " + file);
    CHECK(fault(DigestKind::md5, a32 + "\n" + b32 + "\n") != "");  // which of the two?
}

TEST_CASE("two different digests of this file are refused") {
    CHECK(fault(DigestKind::md5, a32 + "  " + file + "\n" + b32 + "  dir/" + file) ==
          "two different md5 digests of " + file);
}

TEST_CASE("what is no digest file is refused with what it was") {
    CHECK(fault(DigestKind::md5, "") == "the md5 file is empty");
    CHECK(fault(DigestKind::sha256, " \n\n") == "the sha256 file is empty");
    CHECK(fault(DigestKind::md5, "404 not found") ==
          "no md5 digest (32 hex digits): \"404 not found\"");
    CHECK(fault(DigestKind::md5, c64 + "  " + file) != "");           // sha256sum's
    CHECK(fault(DigestKind::sha256, a32 + "  " + file) != "");        // md5sum's
    CHECK(fault(DigestKind::md5, a32 + "x") != "");                   // a digit too many
    CHECK(fault(DigestKind::md5, a32 + std::string("\0", 1)) != "");  // and a hidden one
    const std::string hostile = fault(DigestKind::md5, "\x1b]0;x\x07\xff");
    CHECK(hostile == one_line(hostile));
}

TEST_CASE("the tools' output for standard input is a digest and a dash") {
    CHECK(parse_tool_output(DigestKind::md5, a32 + "  -\n") == a32);
    CHECK(parse_tool_output(DigestKind::md5, a32 + " *-\n") == a32);
    CHECK(parse_tool_output(DigestKind::sha256, c64 + "  -\n") == c64);
    CHECK_FALSE(parse_tool_output(DigestKind::md5, ""));
    CHECK_FALSE(parse_tool_output(DigestKind::md5, a32 + "\n"));
    CHECK_FALSE(parse_tool_output(DigestKind::md5, a32 + "  file\n"));
    CHECK_FALSE(parse_tool_output(DigestKind::md5, "md5sum: -: I/O error\n"));
    CHECK_FALSE(parse_tool_output(DigestKind::md5, a32 + "  -\n" + b32 + "  -\n"));
    CHECK_FALSE(parse_tool_output(DigestKind::sha256, a32 + "  -\n"));
}
