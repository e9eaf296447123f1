#include "world/gunzip.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <string>

#include "scratch.hpp"
#include "world/fd.hpp"

using namespace ops;

namespace {

std::string gzip(const std::string& text) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string packed(deflateBound(&stream, text.size()) + 32, '\0');
    std::string input = text;
    stream.next_in = reinterpret_cast<unsigned char*>(input.data());
    stream.avail_in = static_cast<unsigned>(input.size());
    stream.next_out = reinterpret_cast<unsigned char*>(packed.data());
    stream.avail_out = static_cast<unsigned>(packed.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    return packed;
}

std::string noise(std::size_t size) {
    std::string text(size, '\0');
    unsigned state = 1;
    for (char& c : text) {
        state = state * 1103515245U + 12345U;
        c = static_cast<char>(state >> 16U);
    }
    return text;
}

struct Unpacked {
    std::string text;
    std::string fault;
};

/// Reads at most `limit` bytes of what comes out.
Unpacked unpack(const std::string& file, std::size_t limit = std::string::npos) {
    ::signal(SIGPIPE, SIG_IGN);
    const test::Scratch scratch;
    const auto path = scratch.file("file.gz", file);
    const Fd input(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    Gunzip gunzip(input.get());
    Unpacked result;
    std::array<char, 65536> buffer;
    while (result.text.size() < limit) {
        const ssize_t count = ::read(gunzip.output(), buffer.data(), buffer.size());
        if (count <= 0) break;
        result.text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    result.fault = gunzip.finish();
    return result;
}

}  // namespace

TEST_CASE("a gzip file comes out as it went in, whatever its size") {
    for (const std::size_t size : {0U, 1U, 65536U, 3'000'000U}) {
        CAPTURE(size);
        const std::string text = noise(size);
        const Unpacked got = unpack(gzip(text));
        CHECK(got.fault == "");
        CHECK(got.text == text);
    }
}

TEST_CASE("several members and the NULs behind them are one file") {
    const Unpacked got = unpack(gzip("one ") + gzip("") + gzip("two") + std::string(5000, '\0'));
    CHECK(got.fault == "");
    CHECK(got.text == "one two");
}

TEST_CASE("what is no whole gzip file is said to be bad") {
    const std::string whole = gzip(noise(100'000));
    std::string flipped = whole;
    flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
    std::string checksum = whole;
    checksum[checksum.size() - 6] = static_cast<char>(checksum[checksum.size() - 6] ^ 1);
    for (const std::string& file :
         {std::string(), std::string("no gzip"), whole.substr(0, whole.size() - 1),
          whole.substr(0, 500), flipped, checksum, whole + whole.substr(0, 50)}) {
        CAPTURE(file.size());
        CHECK(unpack(file).fault != "");
    }
}

TEST_CASE("a reader that ends early ends the unpacking, and nothing is wrong with the file") {
    const Unpacked got = unpack(gzip(noise(8'000'000)), 10);
    CHECK(got.fault == "");
    CHECK(got.text.size() >= 10);
}
