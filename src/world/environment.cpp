// The environment that other programs get, and where they are found.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "world/files.hpp"
#include "world/process.hpp"

namespace ops {

namespace {

constexpr const char* usual_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::array<const char*, 3> sbin_folders = {"/usr/local/sbin", "/usr/sbin", "/sbin"};

std::vector<std::string> split_path(const std::string& path) {
    std::vector<std::string> folders;
    std::size_t begin = 0;
    while (begin <= path.size()) {
        const std::size_t end = std::min(path.find(':', begin), path.size());
        folders.push_back(path.substr(begin, end - begin));
        begin = end + 1;
    }
    return folders;
}

std::string completed(std::string path) {
    if (path.empty()) return usual_path;
    const std::vector<std::string> folders = split_path(path);
    for (const char* sbin : sbin_folders) {
        if (std::find(folders.begin(), folders.end(), sbin) == folders.end()) {
            path.append(":").append(sbin);
        }
    }
    return path;
}

std::string_view name_of(std::string_view entry) {
    return entry.substr(0, entry.find('='));
}

std::string_view inherited(std::string_view name) {
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        if (name_of(text) == name && text.size() > name.size()) return text.substr(name.size() + 1);
    }
    return {};
}

/// What changes how tar, gzip, md5sum or a shell between them behave. LD_* stays: a site may need
/// it to run programs at all, and who sets our environment can do anything as us anyway.
bool changes_tools(std::string_view name) {
    constexpr std::array<std::string_view, 18> names = {
        "BASH_ENV",
        "BLOCK_SIZE",
        "CDPATH",
        "ENV",
        "GZIP",
        "GZIP_OPT",
        "IFS",
        "LANG",
        "LANGUAGE",
        "PIGZ",
        "POSIXLY_CORRECT",
        "RSH",
        "SIMPLE_BACKUP_SUFFIX",
        "VERSION_CONTROL",
        "TAPE",
        "XZ_DEFAULTS",
        "XZ_OPT",
        "_POSIX2_VERSION",
    };
    constexpr std::array<std::string_view, 4> prefixes = {"LC_", "TAR_", "BASH_FUNC_", "ZSTD_"};
    const auto begins = [&](std::string_view prefix) {
        return name.substr(0, prefix.size()) == prefix;
    };
    return std::find(names.begin(), names.end(), name) != names.end() ||
           std::any_of(prefixes.begin(), prefixes.end(), begins);
}

}  // namespace

std::string search_path() {
    return completed(std::string(inherited("PATH")));
}

std::vector<std::string> script_environment() {
    std::vector<std::string> environment;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        if (name_of(*entry) != "PATH") environment.emplace_back(*entry);
    }
    environment.push_back("PATH=" + search_path());
    return environment;
}

std::vector<std::string> tool_environment() {
    std::vector<std::string> environment = script_environment();
    environment.erase(
        std::remove_if(environment.begin(), environment.end(),
                       [](const std::string& entry) { return changes_tools(name_of(entry)); }),
        environment.end());
    environment.emplace_back("LC_ALL=C");
    return environment;
}

std::optional<std::string> find_program(const std::string& program, const std::string& path) {
    if (program.empty() || program.find('/') != std::string::npos) return std::nullopt;
    for (const std::string& folder : split_path(path)) {
        if (folder.empty() || folder.front() != '/') continue;
        std::string candidate = folder;
        if (candidate.back() != '/') candidate += '/';
        candidate += program;
        struct stat status {};
        if (::stat(candidate.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
            ::faccessat(AT_FDCWD, candidate.c_str(), X_OK, AT_EACCESS) == 0) {
            return candidate;
        }
    }
    return std::nullopt;
}

}  // namespace ops
