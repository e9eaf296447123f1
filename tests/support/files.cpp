#include "files.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>

namespace e2e {

namespace {

[[noreturn]] void fail(const std::string& what, const fs::path& file) {
    throw std::runtime_error(what + " " + file.string() + ": " + std::strerror(errno));
}

std::string digest(const EVP_MD* kind, std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
    unsigned length = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), raw.data(), &length, kind, nullptr) != 1)
        throw std::runtime_error("no digest");
    std::string hex;
    for (unsigned i = 0; i < length; ++i) {
        constexpr std::string_view digits = "0123456789abcdef";
        hex += digits[raw[i] >> 4U];
        hex += digits[raw[i] & 15U];
    }
    return hex;
}

std::string describe(const fs::path& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return "gone";
    std::string text = std::to_string(info.st_mode) + " owner " + std::to_string(info.st_uid) +
                       " changed " + std::to_string(info.st_mtim.tv_sec) + "." +
                       std::to_string(info.st_mtim.tv_nsec);
    if (S_ISLNK(info.st_mode)) text += " to " + fs::read_symlink(path).string();
    if (S_ISREG(info.st_mode))
        text += " size " + std::to_string(info.st_size) + " " +
                md5_hex(read_if_there(path).value_or("unreadable"));
    return text;
}

}  // namespace

std::optional<std::string> read_if_there(const fs::path& file) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return std::nullopt;
    std::string content;
    std::array<char, 65536> piece{};
    ssize_t got = 0;
    while ((got = ::read(fd, piece.data(), piece.size())) > 0)
        content.append(piece.data(), static_cast<std::size_t>(got));
    ::close(fd);
    if (got < 0) return std::nullopt;
    return content;
}

std::string read_file(const fs::path& file) {
    auto content = read_if_there(file);
    if (!content) fail("cannot read", file);
    return *content;
}

void write_file(const fs::path& file, std::string_view content, mode_t mode) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) fail("cannot write", file);
    while (!content.empty()) {
        const ssize_t wrote = ::write(fd, content.data(), content.size());
        if (wrote < 0) {
            ::close(fd);
            fail("cannot write", file);
        }
        content.remove_prefix(static_cast<std::size_t>(wrote));
    }
    if (::fchmod(fd, mode) != 0) fail("cannot chmod", file);
    ::close(fd);
}

std::map<std::string, std::string> snapshot(const fs::path& dir) {
    std::map<std::string, std::string> seen{{".", describe(dir)}};
    for (const auto& entry : fs::recursive_directory_iterator(dir))
        seen[fs::relative(entry.path().parent_path(), dir) / entry.path().filename()] =
            describe(entry.path());
    return seen;
}

std::vector<std::string> tree(const fs::path& dir) {
    std::vector<std::string> paths;
    const std::size_t prefix = dir.string().size() + 1;
    if (!fs::exists(dir)) return paths;
    for (const auto& entry : fs::recursive_directory_iterator(dir)) {
        const bool is_dir = entry.symlink_status().type() == fs::file_type::directory;
        paths.push_back(entry.path().string().substr(prefix) + (is_dir ? "/" : ""));
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

std::string md5_hex(std::string_view bytes) {
    return digest(EVP_md5(), bytes);
}

std::string sha256_hex(std::string_view bytes) {
    return digest(EVP_sha256(), bytes);
}

std::string noise(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::string bytes(count, '\0');
    for (auto& byte : bytes)
        byte = static_cast<char>(random() & 0xffU);
    return bytes;
}

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
}

}  // namespace e2e
