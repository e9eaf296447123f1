// Removal of whole trees: what hostile archives and mistaken operators leave must go, nothing else.
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "rules/error.hpp"
#include "rules/text.hpp"
#include "world/files.hpp"

namespace ops {

namespace {

/// Folders that are open at once. Of deeper trees those at the top are closed for the time being
/// and found again through "..".
constexpr std::size_t max_open = 32;

struct CloseDir {
    void operator()(DIR* dir) const { ::closedir(dir); }
};
using Dir = std::unique_ptr<DIR, CloseDir>;

/// A folder on the way from the root of the removal to where it is at work.
struct Level {
    std::string name;  ///< in the folder above
    dev_t device = 0;
    ino_t inode = 0;
    Dir dir;
};

bool is_dots(const char* name) {
    return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

/// Opens a folder in `parent`; EXDEV if something is mounted there, be it of the same filesystem.
Fd open_below(int parent, const char* name) {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_NO_XDEV;
    Fd fd(static_cast<int>(::syscall(SYS_openat2, parent, name, &how, sizeof how)));
    // Old kernels do not know the call, old containers forbid it; the device is compared anyway.
    if (!fd && (errno == ENOSYS || errno == EPERM)) {
        fd.reset(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    }
    return fd;
}

/// One removal: walks depth first and holds the way back in `levels_`.
class Removal {
  public:
    explicit Removal(fs::path root) : root_(std::move(root)) {}

    /// Removes all within the folder `fd`, which is the root, but the names in `keep`.
    void clear(Fd fd, const std::vector<std::string>& keep) {
        descend("", std::move(fd));
        for (;;) {
            if (step(keep)) continue;
            if (levels_.size() > 1) {
                ascend();
            } else if (!std::exchange(removed_at_root_, false)) {
                return;
            } else {
                rewind(levels_.front());
            }
        }
    }

  private:
    /// Handles the next entry of the deepest folder; false when there is none.
    bool step(const std::vector<std::string>& keep) {
        Level& level = levels_.back();
        errno = 0;
        const dirent* entry = ::readdir(level.dir.get());
        if (entry == nullptr && errno != 0) broken("cannot list", "", errno);
        if (entry == nullptr) return false;
        const char* name = entry->d_name;
        if (is_dots(name)) return true;
        if (levels_.size() == 1 && std::find(keep.begin(), keep.end(), name) != keep.end()) {
            return true;
        }
        const int parent = ::dirfd(level.dir.get());
        if (levels_.size() == 1) removed_at_root_ = true;
        if (entry->d_type != DT_DIR && ::unlinkat(parent, name, 0) == 0) return true;
        if (entry->d_type == DT_DIR || errno == EISDIR) {
            enter(parent, name);
        } else if (errno != ENOENT) {
            broken("cannot remove", name, errno);
        }
        return true;
    }

    void enter(int parent, const std::string& name) {
        Fd fd = open_below(parent, name.c_str());
        if (!fd && errno == EACCES) {
            // Its owner may not read it. fchmodat() would follow a link that took its place, but
            // not with this flag.
            ::fchmodat(parent, name.c_str(), S_IRWXU, AT_SYMLINK_NOFOLLOW);
            fd = open_below(parent, name.c_str());
        }
        if (!fd && errno == EXDEV) mounted(name);
        if (!fd) broken("cannot remove", name, errno);
        descend(name, std::move(fd));
    }

    void descend(const std::string& name, Fd fd) {
        struct stat status {};
        if (::fstat(fd.get(), &status) != 0) broken("cannot look at", name, errno);
        if (!levels_.empty() && status.st_dev != levels_.front().device) mounted(name);
        if ((status.st_mode & S_IRWXU) != S_IRWXU) {
            // Where this is refused, the removal is, and says so.
            ::fchmod(fd.get(), (status.st_mode & 07777) | S_IRWXU);
        }
        Dir dir(::fdopendir(fd.get()));
        if (!dir) broken("cannot list", name, errno);
        static_cast<void>(fd.release());  // now the stream's
        levels_.push_back({name, status.st_dev, status.st_ino, std::move(dir)});
        if (levels_.size() > max_open) levels_[levels_.size() - 1 - max_open].dir.reset();
    }

    /// Leaves the deepest folder, which is empty, and removes it.
    void ascend() {
        Level& above = levels_[levels_.size() - 2];
        if (!above.dir) reopen(above);
        const std::string name = levels_.back().name;
        if (::unlinkat(::dirfd(above.dir.get()), name.c_str(), AT_REMOVEDIR) == 0 ||
            errno == ENOENT) {
            levels_.pop_back();
            return;
        }
        if (errno != ENOTEMPTY && errno != EEXIST) broken("cannot remove", "", errno);
        rewind(levels_.back());
    }

    /// Begins to list a folder again: some filesystems pass over entries while others are removed.
    /// A folder that somebody fills all the time is given up.
    void rewind(Level& level) {
        if (++rewinds_ > 1000) broken("cannot remove", "", ENOTEMPTY);
        ::rewinddir(level.dir.get());
    }

    /// Opens a level that was closed, from the one below it. The reading begins anew, but what is
    /// listed first is gone.
    void reopen(Level& level) {
        const int below = ::dirfd(levels_.back().dir.get());
        Fd fd(::openat(below, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        struct stat status {};
        if (!fd || ::fstat(fd.get(), &status) != 0) broken("cannot leave", "", errno);
        if (status.st_dev != level.device || status.st_ino != level.inode) {
            throw Error("cannot remove " + shown("") + ": it was moved meanwhile");
        }
        level.dir.reset(::fdopendir(fd.get()));
        if (!level.dir) broken("cannot list", "", errno);
        static_cast<void>(fd.release());
    }

    [[nodiscard]] std::string shown(const std::string& name) const {
        fs::path path = root_;
        for (std::size_t i = 1; i < levels_.size(); ++i)
            path /= levels_[i].name;
        if (!name.empty()) path /= name;
        return one_line(path.native(), 1000);
    }
    [[noreturn]] void broken(const std::string& doing, const std::string& name, int error) const {
        fail(doing, shown(name), error);
    }
    [[noreturn]] void mounted(const std::string& name) const {
        throw Error("cannot remove " + shown(name) + ": another filesystem is mounted there");
    }

    fs::path root_;
    std::vector<Level> levels_;
    bool removed_at_root_ = false;
    int rewinds_ = 0;
};

/// `path` without slashes at its end, so that its last component is what is meant.
fs::path without_slash(const fs::path& path) {
    std::string text = path.native();
    while (text.size() > 1 && text.back() == '/')
        text.pop_back();
    return text;
}

}  // namespace

void remove_tree(const fs::path& named) {
    const fs::path path = without_slash(named);
    if (::unlink(path.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return;
    if (errno != EISDIR) fail("cannot remove", path, errno);
    if (::rmdir(path.c_str()) == 0) return;
    const fs::path parent_path = path.has_parent_path() ? path.parent_path() : fs::path(".");
    // The way to the tree may hold links; the tree may not be one.
    const Fd parent(::open(parent_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!parent) fail("cannot open", parent_path, errno);
    const std::string name = path.filename();
    Fd fd = open_below(parent.get(), name.c_str());
    if (!fd && errno == EACCES) {
        ::fchmodat(parent.get(), name.c_str(), S_IRWXU, AT_SYMLINK_NOFOLLOW);
        fd = open_below(parent.get(), name.c_str());
    }
    if (!fd && errno == EXDEV) {
        throw Error("cannot remove " + one_line(path.native(), 1000) +
                    ": another filesystem is mounted there");
    }
    if (!fd) fail("cannot remove", path, errno);
    Removal(path).clear(std::move(fd), {});
    if (::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
        fail("cannot remove", path, errno);
    }
}

void clear_dir(const fs::path& path, const std::vector<std::string>& keep) {
    Removal(path).clear(open_dir(path), keep);
}

}  // namespace ops
