#include "desired_file.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace meta {
namespace {

std::string read_all(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    if (!file || !(text << file.rdbuf())) {
        throw std::runtime_error(std::strerror(errno == 0 ? EIO : errno));
    }
    return text.str();
}

bool same_file(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
           a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

DesiredFile::DesiredFile(std::string path, Journal& journal)
    : path_(std::move(path)), journal_(journal) {
    const std::lock_guard lock(mutex_);
    look();
    if (!snapshot_.state) throw std::runtime_error(path_ + ": " + snapshot_.fault);
}

DesiredFile::Snapshot DesiredFile::current() {
    const std::lock_guard lock(mutex_);
    look();
    return snapshot_;
}

void DesiredFile::look() {
    struct stat now {};
    try {
        errno = 0;
        if (::stat(path_.c_str(), &now) != 0) throw std::runtime_error(std::strerror(errno));
        if (settled_ && same_file(now, seen_)) return;
        std::string text = read_all(path_);
        // File times are coarse: a second edit within the same tick shows in the text alone.
        settled_ = std::time(nullptr) - now.st_mtim.tv_sec > 2;
        seen_ = now;
        if (snapshot_.state && snapshot_.fault.empty() && text == text_) return;
        text_ = std::move(text);
        snapshot_.state = std::make_shared<const DesiredState>(parse_desired(text_));
        snapshot_.fault.clear();
        journal_.line("desired: " + path_ + " is in force");
    } catch (const std::exception& error) {
        if (snapshot_.fault == error.what()) return;
        snapshot_.fault = error.what();
        if (!snapshot_.state) return;  // the constructor throws it
        journal_.line("desired: " + path_ + ": " + snapshot_.fault +
                      "; the last good state stays in force");
    }
}

}  // namespace meta
