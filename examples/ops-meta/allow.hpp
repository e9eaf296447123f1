// Which client addresses may ask. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace meta {

/// One address or network, IPv4 or IPv6: "10.0.0.0/8", "::1". An IPv4 address that arrives
/// mapped into IPv6 ("::ffff:10.1.2.3") counts as the IPv4 address.
class Network {
  public:
    /// Throws std::runtime_error where `text` is neither an address nor a network.
    static Network parse(const std::string& text);

    [[nodiscard]] bool contains(const std::string& address) const;

  private:
    using Bytes = std::array<std::uint8_t, 16>;
    static bool to_bytes(const std::string& address, Bytes& bytes);

    Bytes bytes_{};
    unsigned prefix_bits_ = 128;
};

/// True where `networks` is empty or one of them contains the address.
bool is_allowed(const std::vector<Network>& networks, const std::string& address);

}  // namespace meta
