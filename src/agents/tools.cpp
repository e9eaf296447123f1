#include "agents/tools.hpp"

#include "rules/error.hpp"
#include "world/process.hpp"

namespace ops {

Tools find_tools(bool with_minisign) {
    const std::string path = search_path();
    std::string missing;
    const auto find = [&](const std::string& tool, const std::string& package) {
        if (const auto found = find_program(tool, path)) return *found;
        missing += (missing.empty() ? "" : ", ") + tool + " (package " + package + ")";
        return std::string();
    };
    Tools tools;
    tools.tar = find("tar", "tar");
    // Tarballs are inflated in this process; it is for whoever must look into one on this host.
    find("gzip", "gzip");
    tools.md5sum = find("md5sum", "coreutils");
    tools.sha256sum = find("sha256sum", "coreutils");
    if (with_minisign) tools.minisign = find("minisign", "minisign");
    if (!missing.empty())
        throw Error(
            "missing tools: " + missing + "; not found in " + path + ": install them or set PATH",
            ExitCode::config);
    return tools;
}

}  // namespace ops
