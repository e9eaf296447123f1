#include "pass/startup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "rules/error.hpp"
#include "rules/text.hpp"
#include "rules/url.hpp"
#include "world/files.hpp"
#include "world/host.hpp"

namespace ops {
namespace {

constexpr std::size_t max_config = 256 * 1024;
constexpr std::size_t max_token = 8192;

[[noreturn]] void refuse(const std::string& why) {
    throw Error(why, ExitCode::config);
}

std::optional<std::string> read_config(const fs::path& path) {
    try {
        return read_file(path, max_config);
    } catch (const Error& error) {
        // A link is what configuration management likes to make of it.
        std::error_code ignored;
        const fs::path target = fs::canonical(path, ignored);
        if (ignored || target == path) refuse(error.what());
        return read_config(target);
    }
}

bool is_system_bin(const fs::path& dir) {
    constexpr std::array<const char*, 6> folders = {
        "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"};
    return std::any_of(folders.begin(), folders.end(), [&](const char* folder) {
        std::error_code ignored;
        return dir == folder || fs::equivalent(dir, folder, ignored);
    });
}

void check_readable(const std::string& key, const std::string& path) {
    if (path.empty()) return;
    const Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!fd) refuse(key + ": cannot open " + path + ": " + std::strerror(errno));
}

void check_secret(const std::string& key, const std::string& path) {
    if (path.empty()) return;
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0)
        refuse(key + ": cannot look at " + path + ": " + std::strerror(errno));
    if (!S_ISREG(info.st_mode)) refuse(key + ": " + path + " is not a regular file");
    if ((info.st_mode & (S_IRGRP | S_IROTH)) != 0)
        refuse(key + ": " + path + " can be read by group or others: chmod 600 " + path);
    check_readable(key, path);
}

}  // namespace

Config load_config(const std::optional<std::string>& given) {
    if (given) {
        const auto text = read_config(*given);
        if (!text) refuse("the configuration file " + *given + " is not there");
        return parse_config(*text, *given);
    }
    const fs::path beside = fs::path(executable_path()).parent_path() / "ops-updater.yaml";
    for (const fs::path& path : {beside, fs::path("/etc/ops-updater.yaml")})
        if (const auto text = read_config(path)) return parse_config(*text, path.string());
    return Config{};
}

void complete_config(Config& config) {
    if (config.hostname.empty()) config.hostname = host_name();
    if (config.ops_dir.empty()) {
        const fs::path folder = fs::path(executable_path()).parent_path();
        if (is_system_bin(folder))
            refuse("no ops dir: " + folder.string() +
                   " is a system folder, so say --ops-dir DIR or ops_dir: in the configuration");
        config.ops_dir = folder.string();
    }
    std::error_code error;
    const fs::path resolved = fs::canonical(config.ops_dir, error);
    if (error)
        refuse("the ops dir " + config.ops_dir + ": " + error.message() +
               (error == std::errc::no_such_file_or_directory ? ": it is not created, make it first"
                                                              : ""));
    config.ops_dir = resolved.string();
}

void check_ops_dir(const std::string& ops_dir) {
    struct stat info {};
    if (::lstat(ops_dir.c_str(), &info) != 0)
        refuse("the ops dir " + ops_dir + ": " + std::strerror(errno));
    if (!S_ISDIR(info.st_mode)) refuse("the ops dir " + ops_dir + " is not a folder");
    if ((info.st_mode & S_IWOTH) != 0)
        refuse("the ops dir " + ops_dir + " is world-writable: chmod o-w " + ops_dir);
    if (info.st_uid != ::geteuid() && info.st_uid != 0)
        refuse("the ops dir " + ops_dir + " belongs to user " + std::to_string(info.st_uid) +
               ", neither to you nor to root: chown it");
    if (::faccessat(AT_FDCWD, ops_dir.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0)
        refuse("the ops dir " + ops_dir + " cannot be written to: " + std::strerror(errno));
}

std::string read_secrets(const Config& config, Log& log) {
    check_secret("token_file", config.token_file);
    check_secret("netrc_file", config.netrc_file);
    check_secret("tls.key_file", config.tls.key_file);
    check_readable("tls.ca_file", config.tls.ca_file);
    check_readable("tls.cert_file", config.tls.cert_file);
    check_readable("verify.minisign_key", config.minisign_key);
    if (config.token_file.empty()) return "";
    std::string token(trim(read_file(fs::canonical(config.token_file), max_token).value_or("")));
    const bool clean =
        std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    if (token.empty() || !clean) refuse("token_file: " + config.token_file + " holds no token");
    if (!config.server.empty() && server_url(config.server).starts_with("http://"))
        log.warning("", "the token is sent over plain http: use https for server");
    return token;
}

}  // namespace ops
