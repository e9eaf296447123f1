// A tar writer that refuses nothing: for archives that no honest tar would make.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace e2e {

/// Members in the order in which they are added. Old-GNU header, so that every type works.
class Ustar {
  public:
    struct Member {
        std::string name;
        mode_t mode = 0644;
        char type = '0';   ///< '0' file, '1' hard link, '2' symlink, '3' char, '5' dir, '6' FIFO
        std::string link;  ///< target of types 1 and 2
        std::string content;
        unsigned owner = 0;  ///< uid and gid
    };

    Ustar& add(const Member& member);
    Ustar& file(const std::string& name, const std::string& content, mode_t mode = 0644) {
        return add({name, mode, '0', "", content, 0});
    }
    Ustar& symlink(const std::string& name, const std::string& to) {
        return add({name, 0777, '2', to, "", 0});
    }
    Ustar& directory(const std::string& name, mode_t mode = 0755) {
        return add({name, mode, '5', "", "", 0});
    }
    /// A file of `size` bytes (below 8 GiB) of nothing, in 512 bytes.
    Ustar& sparse(const std::string& name, std::uint64_t size);

    /// The archive so far without its end: as when it was cut at a member boundary.
    [[nodiscard]] const std::string& cut() const { return bytes_; }
    /// The archive, ended by two zero blocks.
    [[nodiscard]] std::string whole() const { return bytes_ + std::string(1024, '\0'); }

  private:
    std::string bytes_;
};

/// What `gzip -n` makes of it, in process.
std::string gzip(std::string_view bytes);

}  // namespace e2e
