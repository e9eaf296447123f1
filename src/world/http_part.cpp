#include "world/http_part.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <vector>

#include "rules/error.hpp"
#include "rules/text.hpp"
#include "rules/url.hpp"
#include "world/files.hpp"

namespace ops {

namespace {

constexpr std::size_t max_note = 16UL * 1024;
constexpr std::string_view note_title = "ops-updater part 1";

/// Four lines, each with its line feed: a note cut short is none.
std::string write_note(const std::string& url, const std::string& validator,
                       std::optional<std::uint64_t> total) {
    return std::string(note_title) + "\n" + url + "\n" + validator + "\n" +
           (total ? std::to_string(*total) : "-") + "\n";
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    for (std::size_t end; (end = text.find('\n')) != std::string_view::npos;) {
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    if (!text.empty()) lines.clear();
    return lines;
}

std::optional<ResumePoint> read_note(std::string_view note, const std::string& url) {
    const std::vector<std::string> lines = lines_of(note);
    if (lines.size() != 4 || lines[0] != note_title || lines[1] != url || lines[2].empty()) {
        return std::nullopt;
    }
    ResumePoint point;
    point.validator = lines[2];
    if (lines[3] == "-") return point;
    std::uint64_t total = 0;
    const char* end = lines[3].data() + lines[3].size();
    const auto [rest, error] = std::from_chars(lines[3].data(), end, total);
    if (error != std::errc() || rest != end) return std::nullopt;
    point.total = total;
    return point;
}

[[noreturn]] void fail_as_irregular(const fs::path& path) {
    throw Error("cannot download to " + one_line(path.native(), 1000) + ": it is no regular file");
}

}  // namespace

PartFile::PartFile(fs::path part, fs::path validator, const std::string& url)
    : part_(std::move(part)), validator_(std::move(validator)), url_(redact_url(url)) {
    const auto status = status_of(part_);
    if (status && !S_ISREG(status->st_mode)) fail_as_irregular(part_);
}

std::optional<ResumePoint> PartFile::resume_point() const {
    const auto status = status_of(part_);
    if (!status || !S_ISREG(status->st_mode) || status->st_size <= 0) return std::nullopt;
    std::optional<std::string> note;
    try {
        note = read_file(validator_, max_note);
    } catch (const Error&) {  // a note that cannot be read is none
        return std::nullopt;
    }
    if (!note) return std::nullopt;
    auto point = read_note(*note, url_);
    if (!point) return std::nullopt;
    point->offset = static_cast<std::uint64_t>(status->st_size);
    if (point->total && point->offset >= *point->total) return std::nullopt;
    return point;
}

void PartFile::start_over(const std::string& validator, std::optional<std::uint64_t> total) {
    open_at(0);
    if (validator.empty()) {
        remove_file(validator_);
    } else {
        replace_file(validator_, write_note(url_, validator, total), S_IRUSR | S_IWUSR,
                     Durable::no);
    }
}

void PartFile::continue_at(std::uint64_t offset) {
    open_at(offset);
}

void PartFile::open_at(std::uint64_t offset) {
    touched_ = true;
    if (!fd_) {
        // O_NONBLOCK: a FIFO put there meanwhile must not hang us.
        fd_.reset(::open(part_.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                         S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH));
        if (!fd_) fail("cannot open", part_, errno);
        struct stat status {};
        if (::fstat(fd_.get(), &status) != 0) fail("cannot look at", part_, errno);
        if (!S_ISREG(status.st_mode)) fail_as_irregular(part_);
    }
    const auto position = static_cast<off_t>(offset);
    if (::ftruncate(fd_.get(), position) != 0) fail("cannot cut", part_, errno);
    if (::lseek(fd_.get(), position, SEEK_SET) != position) fail("cannot seek in", part_, errno);
}

void PartFile::append(std::string_view bytes) {
    try {
        write_all(fd_.get(), bytes, part_);
    } catch (...) {
        write_failed_ = true;
        throw;
    }
}

void PartFile::finish() {
    // It goes to disk while it is verified and unpacked, not all at once at the sync behind that.
    static_cast<void>(::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WRITE));
    fd_.reset();
    remove_file(validator_);
}

void PartFile::discard() {
    fd_.reset();
    remove_file(part_);
    remove_file(validator_);
}

}  // namespace ops
