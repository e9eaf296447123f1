#include "ustar.hpp"

#include <zlib.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace e2e {

namespace {

using Header = std::array<char, 512>;

void put(Header& header, std::size_t at, std::string_view text, std::size_t room) {
    if (text.size() > room) throw std::runtime_error("too long for a tar header");
    std::memcpy(header.data() + at, text.data(), text.size());
}

void put_octal(Header& header, std::size_t at, std::uint64_t number, int digits) {
    std::array<char, 32> text{};
    const int length =
        std::snprintf(text.data(), text.size(), "%0*llo", digits,
                      static_cast<unsigned long long>(number));  // NOLINT(google-runtime-int)
    put(header, at, {text.data(), static_cast<std::size_t>(length)},
        static_cast<std::size_t>(digits));
}

Header header_of(const Ustar::Member& member, std::uint64_t size) {
    Header header{};
    put(header, 0, member.name, 100);
    put_octal(header, 100, member.mode, 7);
    put_octal(header, 108, member.owner, 7);
    put_octal(header, 116, member.owner, 7);
    put_octal(header, 124, size, 11);
    put_octal(header, 136, 1700000000, 11);
    header[156] = member.type;
    put(header, 157, member.link, 100);
    put(header, 257, std::string_view("ustar  \0", 8), 8);
    put_octal(header, 329, 1, 7);  // device numbers: /dev/mem's
    put_octal(header, 337, 1, 7);
    return header;
}

std::string sealed(Header header) {
    std::memset(header.data() + 148, ' ', 8);
    unsigned sum = 0;
    for (const char byte : header)
        sum += static_cast<unsigned char>(byte);
    put_octal(header, 148, sum, 6);
    header[154] = '\0';
    return {header.data(), header.size()};
}

}  // namespace

Ustar& Ustar::add(const Member& member) {
    bytes_ += sealed(header_of(member, member.content.size())) + member.content;
    bytes_.resize((bytes_.size() + 511) / 512 * 512);
    return *this;
}

Ustar& Ustar::sparse(const std::string& name, std::uint64_t size) {
    Header header = header_of({name, 0644, 'S', "", "", 0}, 0);
    put_octal(header, 386, size, 11);  // its only piece: nothing, at the very end
    put_octal(header, 398, 0, 11);
    put_octal(header, 483, size, 11);
    bytes_ += sealed(header);
    return *this;
}

std::string gzip(std::string_view bytes) {
    z_stream stream{};
    if (::deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::runtime_error("no gzip");
    std::string packed(::deflateBound(&stream, bytes.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    const int outcome = ::deflate(&stream, Z_FINISH);
    packed.resize(stream.total_out);
    ::deflateEnd(&stream);
    if (outcome != Z_STREAM_END) throw std::runtime_error("gzip failed");
    return packed;
}

}  // namespace e2e
