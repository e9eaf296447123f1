#include "allow.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace meta {

bool Network::to_bytes(const std::string& address, Bytes& bytes) {
    if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return true;
    // IPv4 is kept as its mapped IPv6 form, so that there is one comparison for both.
    bytes = {};
    bytes[10] = bytes[11] = 0xFF;
    return inet_pton(AF_INET, address.c_str(), bytes.data() + 12) == 1;
}

Network Network::parse(const std::string& text) {
    const std::size_t slash = text.find('/');
    const std::string address = text.substr(0, slash);
    Network network;
    if (!to_bytes(address, network.bytes_)) {
        throw std::runtime_error("\"" + text + "\" is no address and no network");
    }
    if (slash == std::string::npos) return network;

    const bool is_v4 = address.find(':') == std::string::npos;
    unsigned bits = 0;
    const char* first = text.data() + slash + 1;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(first, last, bits);
    if (error != std::errc{} || end != last || bits > (is_v4 ? 32U : 128U)) {
        throw std::runtime_error("\"" + text + "\" has a bad prefix length");
    }
    network.prefix_bits_ = is_v4 ? 96 + bits : bits;
    return network;
}

bool Network::contains(const std::string& address) const {
    Bytes other{};
    if (!to_bytes(address, other)) return false;
    const std::size_t whole = prefix_bits_ / 8;
    if (!std::equal(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(whole),
                    other.begin())) {
        return false;
    }
    const unsigned rest = prefix_bits_ % 8;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xFFU << (8 - rest));
    return (bytes_[whole] & mask) == (other[whole] & mask);
}

bool is_allowed(const std::vector<Network>& networks, const std::string& address) {
    return networks.empty() || std::any_of(networks.begin(), networks.end(),
                                           [&](const auto& n) { return n.contains(address); });
}

}  // namespace meta
