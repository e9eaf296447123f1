#include "tarballs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string_view>
#include <vector>

#include "ranges.hpp"

namespace meta {
namespace {

class OpenFile {
  public:
    explicit OpenFile(const std::string& path)
        : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
        regular_ = fd_ >= 0 && ::fstat(fd_, &info_) == 0 && S_ISREG(info_.st_mode);
    }
    ~OpenFile() {
        if (fd_ >= 0) ::close(fd_);
    }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    [[nodiscard]] bool usable() const { return regular_; }
    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] std::uint64_t size() const { return static_cast<std::uint64_t>(info_.st_size); }

    [[nodiscard]] std::string etag() const {
        std::array<char, 80> text{};
        std::snprintf(text.data(), text.size(), "\"%llx.%09ld-%llx\"",
                      static_cast<unsigned long long>(info_.st_mtim.tv_sec), info_.st_mtim.tv_nsec,
                      static_cast<unsigned long long>(info_.st_size));
        return text.data();
    }

    [[nodiscard]] std::string last_modified() const {
        std::tm parts{};
        std::array<char, 40> text{};
        gmtime_r(&info_.st_mtim.tv_sec, &parts);
        std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        return text.data();
    }

  private:
    int fd_;
    struct stat info_ {};
    bool regular_ = false;
};

bool is_plain_path(std::string_view path) {
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        const std::string_view part = path.substr(0, slash);
        const bool plain = !part.empty() && part.front() != '.' &&
                           part.find_first_of(std::string_view("\0\\", 2)) == std::string::npos;
        if (!plain) return false;
        if (slash == std::string_view::npos) return true;
        path.remove_prefix(slash + 1);
    }
    return false;
}

const char* content_type(std::string_view name) {
    return name.ends_with(".gz") ? "application/gzip" : "text/plain";
}

/// What the request asks for, its conditions applied to the file as it is now.
RangeResult wanted_part(const httplib::Request& request, const OpenFile& file) {
    const RangeResult whole{RangeKind::whole, {0, file.size()}};
    if (!request.has_header("Range")) return whole;
    const std::string condition = request.get_header_value("If-Range");
    // A part of another file than the one the client has the beginning of would be mixed in.
    if (!condition.empty() && condition != file.etag() && condition != file.last_modified()) {
        return whole;
    }
    return parse_range(request.get_header_value("Range"), file.size());
}

bool send_some(const OpenFile& file, std::uint64_t offset, std::size_t length,
               httplib::DataSink& sink) {
    std::vector<char> buffer(std::min<std::size_t>(length, std::size_t{64} * 1024));
    ssize_t got = 0;
    do {
        got = ::pread(file.fd(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
    } while (got < 0 && errno == EINTR);
    // A file that was cut while it is sent ends the connection: the client sees a short body.
    return got > 0 && sink.write(buffer.data(), static_cast<std::size_t>(got));
}

}  // namespace

void serve_tarball(const std::string& folder, const std::string& relative,
                   const httplib::Request& request, httplib::Response& response) {
    std::shared_ptr<OpenFile> file;
    if (is_plain_path(relative)) file = std::make_shared<OpenFile>(folder + "/" + relative);
    if (!file || !file->usable()) {
        response.status = 404;
        response.set_content("no such file\n", "text/plain");
        return;
    }
    response.set_header("Accept-Ranges", "bytes");
    response.set_header("ETag", file->etag());
    response.set_header("Last-Modified", file->last_modified());

    if (request.has_header("If-None-Match")
            ? request.get_header_value("If-None-Match") == file->etag()
            : request.get_header_value("If-Modified-Since") == file->last_modified()) {
        response.status = 304;
        return;
    }
    const RangeResult wanted = wanted_part(request, *file);
    const std::string total = "/" + std::to_string(file->size());
    if (wanted.kind == RangeKind::unsatisfiable) {
        response.status = 416;
        response.set_header("Content-Range", "bytes *" + total);
        return;
    }
    response.status = 200;
    const Slice slice = wanted.slice;
    if (wanted.kind == RangeKind::part) {
        response.status = 206;
        response.set_header("Content-Range", "bytes " + std::to_string(slice.offset) + "-" +
                                                 std::to_string(slice.offset + slice.length - 1) +
                                                 total);
    }
    if (slice.length == 0) {
        response.set_content("", content_type(relative));
        return;
    }
    response.set_content_provider(
        slice.length, content_type(relative),
        [file, slice](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
            return send_some(*file, slice.offset + offset, length, sink);
        });
}

}  // namespace meta
