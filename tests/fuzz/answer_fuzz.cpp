// Any bytes as ops-meta's answer: what comes out is valid, what is wrong is said in one line.
#include <cstdint>
#include <set>

#include "property.hpp"
#include "rules/desired.hpp"
#include "rules/error.hpp"
#include "rules/url.hpp"

namespace {

using namespace ops;
using namespace ops::fuzz;

void check_url(const std::string& url, const std::string& file) {
    require(url.starts_with("http://") || url.starts_with("https://"), "a URL is http or https");
    require(url_fault(url).empty(), "a URL has no fault");
    require(!url_host(url).empty(), "a URL has a host");
    require(url.ends_with("/" + file), "a URL names the file");
    const std::string shown = redact_url(url);
    require(!has_control_characters(shown), "a URL is shown without control characters");
    require(url_host(shown) == url_host(url), "redacting leaves the host");
}

void check_digest(const DigestSource& digest, const std::string& file) {
    require(digest.hex.empty() != digest.url.empty(), "a digest is given or to be asked for");
    if (digest.url.empty()) {
        require_hex(digest.hex, hex_length(digest.kind));
    } else {
        check_url(digest.url, file + "." + to_string(digest.kind));
    }
}

void check_entry(const Entry& entry) {
    require_path_component(entry.name);
    require(is_agent_name(entry.name), "an entry's name is valid");
    require(!entry.name.starts_with("ops-updater"), "no entry is the updater");
    if (!entry.version.empty()) {
        require_path_component(entry.version);
        require(identity_fault(entry.name, entry.version).empty(), "an entry's version is valid");
    }
    if (entry.cmd == Cmd::none) return;
    require(!entry.version.empty(), "an order has a version");
    const std::string file = entry.name + "-" + entry.version + ".tar.gz";
    check_url(entry.tarball_url, file);
    check_url(entry.signature_url, file + ".minisig");
    check_digest(entry.digest, file);
    if (!entry.published.md5.empty()) require_hex(entry.published.md5, 32);
    if (!entry.published.sha256.empty()) require_hex(entry.published.sha256, 64);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        const Desired desired = parse_answer(text);
        std::set<std::string> names;
        for (const Entry& entry : desired.entries) {
            check_entry(entry);
            require(names.insert(entry.name).second, "an agent is named once");
        }
        for (const EntryError& error : desired.errors) {
            require_one_line(error.message);
            require(error.message.size() <= 500, "an error is short");
            require(error.agent.empty() || is_agent_name(error.agent), "an error's agent is valid");
            require(!names.contains(error.agent), "an agent with an error is not touched");
        }
    } catch (const Error& error) {
        require(error.code() == ExitCode::unavailable, "an unusable answer ends with 69");
        require_one_line(error.what());
    }
    return 0;
}
