#include <sys/stat.h>

#include <algorithm>

#include "agents/unpack.hpp"
#include "rules/error.hpp"
#include "rules/text.hpp"
#include "world/files.hpp"

namespace ops {
namespace {

bool has_control_character(const std::string& name) {
    return std::any_of(name.begin(), name.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
}

/// Whether a link at `depth` folders below the root stays inside the tree. ".." may only lead:
/// after a name it could climb out of another link's target.
bool stays_inside(const fs::path& target, int depth) {
    if (target.is_absolute() || target.empty()) return false;
    bool named = false;
    for (const fs::path& part : target) {
        if (part == "..") {
            if (named || --depth < 0) return false;
        } else if (part != "." && !part.empty()) {
            named = true;
        }
    }
    return true;
}

class TreeCheck {
  public:
    TreeCheck(fs::path root, std::string tarball_name, const UnpackLimits& limits)
        : root_(std::move(root)), tarball_name_(std::move(tarball_name)), limits_(limits) {}

    void run() {
        std::error_code error;
        fs::recursive_directory_iterator it(root_, fs::directory_options::none, error);
        for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
            // The tarball itself lies here until the commit.
            if (it.depth() == 0 && it->path().filename() == tarball_name_) continue;
            member(it->path(), it.depth());
        }
        if (error) throw Error("cannot look through the unpacked tree: " + error.message());
        control();
    }

  private:
    [[noreturn]] void refuse(const fs::path& path, const std::string& why) const {
        throw Error("the archive is refused: member " +
                    one_line(path.lexically_relative(root_).string(), 200) + " " + why);
    }

    void member(const fs::path& path, int depth) {
        struct stat info {};
        if (::lstat(path.c_str(), &info) != 0) fail("cannot look at", path, errno);
        if (has_control_character(path.filename().string()))
            refuse(path, "has control characters in its name");
        if (S_ISLNK(info.st_mode)) {
            if (!stays_inside(fs::read_symlink(path), depth))
                refuse(path, "is a link that leads out of the version dir");
        } else if (S_ISREG(info.st_mode)) {
            bytes_ += static_cast<std::uint64_t>(info.st_size);
        } else if (!S_ISDIR(info.st_mode)) {
            refuse(path, "is a device, FIFO or socket");
        }
        if (!S_ISLNK(info.st_mode) && (info.st_mode & (S_ISUID | S_ISGID)) != 0)
            refuse(path, "is setuid or setgid");
        if (bytes_ > limits_.max_bytes)
            refuse(path, "makes the tree larger than download.max_unpacked (" +
                             std::to_string(limits_.max_bytes) + " bytes)");
        if (++entries_ > limits_.max_entries)
            refuse(path, "is one file too many (" + std::to_string(limits_.max_entries) + ")");
    }

    void control() const {
        const fs::path path = root_ / "control";
        const auto info = status_of(path);
        if (!info) throw Error("the archive is refused: it has no control at its root");
        if (!S_ISREG(info->st_mode)) refuse(path, "is not a regular file");
        if ((info->st_mode & S_IXUSR) == 0) refuse(path, "is not executable");
    }

    fs::path root_;
    std::string tarball_name_;
    const UnpackLimits& limits_;
    std::uint64_t bytes_ = 0;
    std::uint64_t entries_ = 0;
};

}  // namespace

void check_tree(const fs::path& root, const std::string& tarball_name, const UnpackLimits& limits) {
    TreeCheck(root, tarball_name, limits).run();
}

}  // namespace ops
