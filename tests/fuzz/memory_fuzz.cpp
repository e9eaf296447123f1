// Any bytes as a file of the updater's memory: refused in one line, or the same after writing it.
#include <cstdint>

#include "property.hpp"
#include "rules/error.hpp"
#include "rules/memory.hpp"

namespace {

using namespace ops;
using namespace ops::fuzz;

void check_version(const std::string& version, bool may_be_none) {
    if (version.empty() && may_be_none) return;
    require_path_component(version);
    require(is_version(version), "a remembered version is valid");
}

void check_digests(const Digests& digests) {
    if (!digests.md5.empty()) require_hex(digests.md5, 32);
    if (!digests.sha256.empty()) require_hex(digests.sha256, 64);
}

void check_values(const AgentMemory& memory) {
    for (const Deployment& deployment : memory.deployed) {
        check_version(deployment.version, false);
        check_digests(deployment.digests);
        require(deployment.used_at >= 0, "a time is not negative");
        require(memory.find(deployment.version) == &deployment, "a version is deployed once");
    }
    if (memory.last_switch) {
        check_version(memory.last_switch->from, true);
        check_version(memory.last_switch->to, false);
        check_digests(memory.last_switch->digests);
        require(memory.last_switch->restarts >= 0, "a count is not negative");
    }
    if (memory.failure) {
        check_version(memory.failure->version, false);
        check_digests(memory.failure->digests);
        require(memory.failure->tries >= 0, "a count is not negative");
    }
    if (memory.trouble) check_version(memory.trouble->version, true);
}

void check_values(const LastPass& last) {
    require(last.exit_code >= 0 && last.exit_code <= 255, "an exit code is one");
    require(last.duration >= 0, "a duration is not negative");
}

void check_values(const KeptAnswer& kept) {
    require(kept.at >= 0, "a time is not negative");
}

void check_values(const Running& running) {
    require(running.pid >= 0, "a pid is not negative");
}

template <typename Parse>
void check(Parse parse, std::string_view text) {
    try {
        const auto value = parse(text);
        check_values(value);
        require(parse(to_json(value)) == value, "what is written is read back the same");
    } catch (const Error& error) {
        require_one_line(error.what());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check(parse_memory, text);
    check(parse_last_pass, text);
    check(parse_kept_answer, text);
    check(parse_running, text);
    return 0;
}
