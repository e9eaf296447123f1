#include "journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>

namespace meta {

Journal::Journal(const std::string& file) : fd_(STDERR_FILENO), owned_(false) {
    if (file.empty() || file == "-") return;
    fd_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd_ < 0) throw std::runtime_error(file + ": " + std::strerror(errno));
    owned_ = true;
}

Journal::~Journal() {
    if (owned_) ::close(fd_);
}

void Journal::line(std::string_view text) {
    std::string line = iso_time(std::time(nullptr)) + " " + std::string(text);
    std::replace_if(
        line.begin(), line.end(),
        [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, '?');
    line += '\n';
    // One write for each line: O_APPEND keeps lines of several threads apart. A log that cannot
    // be written to is no reason to leave hosts without an answer.
    while (::write(fd_, line.data(), line.size()) < 0 && errno == EINTR) {
    }
}

std::string iso_time(long long unix_seconds) {
    const auto time = static_cast<std::time_t>(unix_seconds);
    std::tm parts{};
    std::array<char, 32> text{};
    gmtime_r(&time, &parts);
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

}  // namespace meta
