#include "world/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>

#include "rules/error.hpp"
#include "rules/text.hpp"

namespace ops {

namespace {

bool is_absence(int error) {
    return error == ENOENT || error == ENOTDIR;
}

Fd open_file(const fs::path& path, int flags, mode_t mode = 0) {
    for (;;) {
        Fd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode));
        if (fd || errno != EINTR) return fd;
    }
}

/// read(2) that goes on after a signal.
ssize_t read_some(int fd, char* buffer, std::size_t size) {
    for (;;) {
        const ssize_t count = ::read(fd, buffer, size);
        if (count >= 0 || errno != EINTR) return count;
    }
}

struct stat status_of_open(const Fd& fd, const fs::path& path) {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) fail("cannot look at", path, errno);
    return status;
}

fs::path folder_of(const fs::path& path) {
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

int sync(int fd) {
    int result = 0;
    do {
        result = ::fsync(fd);
    } while (result != 0 && errno == EINTR);
    return result;
}

/// Some filesystems know no fsync of a folder and say so: there is nothing to wait for then.
bool cannot_sync(int error) {
    return error == EINVAL || error == ENOTSUP;
}

/// A file that goes again unless it is kept.
class TemporaryFile {
  public:
    explicit TemporaryFile(fs::path path) : path_(std::move(path)) {
        remove_file(path_);
        fd_ = open_file(path_, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, S_IRUSR | S_IWUSR);
        if (!fd_) fail("cannot create", path_, errno);
    }
    ~TemporaryFile() {
        if (!kept_) ::unlink(path_.c_str());
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    void fill(std::string_view content, mode_t mode, Durable durable) {
        write_all(fd_.get(), content, path_);
        if (::fchmod(fd_.get(), mode) != 0) fail("cannot set the mode of", path_, errno);
        if (durable == Durable::yes && sync(fd_.get()) != 0) fail("cannot sync", path_, errno);
        // Network filesystems report a full disk here. After EINTR the descriptor is gone all the
        // same.
        if (::close(fd_.release()) != 0 && errno != EINTR) fail("cannot write", path_, errno);
    }
    void rename_to(const fs::path& target) {
        rename_path(path_, target);
        kept_ = true;
    }

  private:
    fs::path path_;
    Fd fd_;
    bool kept_ = false;
};

}  // namespace

void fail(const std::string& doing, const fs::path& path, int error) {
    const char* text = ::strerrordesc_np(error);
    throw Error(doing + " " + one_line(path.native(), 1000) + ": " +
                (text != nullptr ? text : "error " + std::to_string(error)));
}

std::optional<struct stat> status_of(const fs::path& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) return status;
    if (is_absence(errno)) return std::nullopt;
    fail("cannot look at", path, errno);
}

std::optional<struct stat> target_of(const fs::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) return status;
    if (is_absence(errno) || errno == ELOOP) return std::nullopt;
    fail("cannot look at", path, errno);
}

bool is_real_dir(const fs::path& path) {
    const auto status = status_of(path);
    return status && S_ISDIR(status->st_mode);
}

bool is_regular(const fs::path& path) {
    const auto status = status_of(path);
    return status && S_ISREG(status->st_mode);
}

std::optional<std::string> read_file(const fs::path& path, std::size_t max_bytes) {
    const std::string shown = one_line(path.native(), 1000);
    const Fd fd = open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd && is_absence(errno)) return std::nullopt;
    if (!fd && errno == ELOOP) throw Error("cannot read " + shown + ": it is a symbolic link");
    if (!fd) fail("cannot read", path, errno);
    if (!S_ISREG(status_of_open(fd, path).st_mode)) {
        throw Error("cannot read " + shown + ": it is no regular file");
    }
    std::string content;
    std::array<char, 16384> buffer;
    for (;;) {
        const ssize_t count = read_some(fd.get(), buffer.data(), buffer.size());
        if (count < 0) fail("cannot read", path, errno);
        if (count == 0) return content;
        content.append(buffer.data(), static_cast<std::size_t>(count));
        if (content.size() > max_bytes) {
            throw Error("cannot read " + shown + ": it is larger than " + human_size(max_bytes));
        }
    }
}

std::string read_tail(const fs::path& path, std::uint64_t offset, std::size_t max_bytes) {
    const Fd fd = open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (offset >= size) return {};
    const std::uint64_t begin =
        std::max<std::uint64_t>(offset, size - std::min<std::uint64_t>(size, max_bytes));
    std::string tail(static_cast<std::size_t>(size - begin), '\0');
    std::size_t have = 0;
    while (have < tail.size()) {
        const ssize_t count = ::pread(fd.get(), tail.data() + have, tail.size() - have,
                                      static_cast<off_t>(begin + have));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        have += static_cast<std::size_t>(count);
    }
    tail.resize(have);
    return tail;
}

fs::path temporary_of(const fs::path& path) {
    return folder_of(path) / ("." + path.filename().native() + ".new");
}

void replace_file(const fs::path& path, std::string_view content, mode_t mode, Durable durable) {
    TemporaryFile file(temporary_of(path));
    file.fill(content, mode, durable);
    file.rename_to(path);
    if (durable == Durable::yes) sync_dir(folder_of(path));
}

int try_write_all(int fd, std::string_view data) {
    while (!data.empty()) {
        const ssize_t count = ::write(fd, data.data(), data.size());
        if (count > 0) {
            data.remove_prefix(static_cast<std::size_t>(count));
        } else if (count == 0) {
            return ENOSPC;
        } else if (errno == EAGAIN) {
            pollfd ready{fd, POLLOUT, 0};
            ::poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

void write_all(int fd, std::string_view data, const fs::path& name_in_errors) {
    if (const int error = try_write_all(fd, data)) fail("cannot write", name_in_errors, error);
}

void make_dir(const fs::path& path, mode_t mode) {
    if (::mkdir(path.c_str(), mode) == 0) return;
    const int error = errno;
    if (error != EEXIST || !is_real_dir(path)) fail("cannot create", path, error);
}

std::vector<std::string> list_dir(const fs::path& path) {
    Fd fd = open_dir(path);
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(fd.get()), &::closedir);
    if (!dir) fail("cannot list", path, errno);
    static_cast<void>(fd.release());  // now the stream's
    std::vector<std::string> names;
    for (;;) {
        errno = 0;
        const dirent* entry = ::readdir(dir.get());
        if (entry == nullptr && errno != 0) fail("cannot list", path, errno);
        if (entry == nullptr) break;
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

void sync_dir(const fs::path& path) {
    const Fd fd = open_dir(path);
    if (sync(fd.get()) != 0 && !cannot_sync(errno)) fail("cannot sync", path, errno);
}

void sync_filesystem(const fs::path& path) {
    const Fd fd = open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) fail("cannot open", path, errno);
    if (::syncfs(fd.get()) != 0) fail("cannot sync the filesystem of", path, errno);
}

void remove_file(const fs::path& path) {
    if (::unlink(path.c_str()) != 0 && !is_absence(errno)) fail("cannot remove", path, errno);
}

void rename_path(const fs::path& from, const fs::path& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) {
        fail("cannot rename " + one_line(from.native(), 1000) + " to", to, errno);
    }
}

void exchange(const fs::path& a, const fs::path& b) {
    if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) != 0) {
        fail("cannot exchange " + one_line(a.native(), 1000) + " and", b, errno);
    }
}

Space space_of(const fs::path& path) {
    struct statvfs status {};
    while (::statvfs(path.c_str(), &status) != 0) {
        if (errno != EINTR) fail("cannot tell the free space of", path, errno);
    }
    Space space;
    space.free_bytes = std::uint64_t{status.f_bavail} * status.f_frsize;
    space.total_bytes = std::uint64_t{status.f_blocks} * status.f_frsize;
    space.free_inodes =
        status.f_files == 0 ? std::numeric_limits<std::uint64_t>::max() : status.f_favail;
    return space;
}

Fd open_dir(const fs::path& path) {
    Fd fd = open_file(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!fd) fail("cannot open", path, errno);
    return fd;
}

}  // namespace ops
