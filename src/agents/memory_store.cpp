#include "agents/memory_store.hpp"

#include <string_view>

#include "rules/error.hpp"
#include "rules/identity.hpp"
#include "world/files.hpp"

namespace ops {
namespace {

constexpr std::size_t max_memory_file = 1024 * 1024;
constexpr std::string_view suffix = ".json";

}  // namespace

void MemoryStore::make_dirs() const {
    make_dir(layout_.state_dir(), 0700);
    make_dir(layout_.agent_memory_dir(), 0700);
    make_dir(layout_.aside_dir(), 0700);
}

std::map<std::string, AgentMemory> MemoryStore::load(bool set_aside) const {
    std::map<std::string, AgentMemory> memories;
    if (!is_real_dir(layout_.agent_memory_dir())) return memories;
    for (const std::string& file : list_dir(layout_.agent_memory_dir())) {
        if (!file.ends_with(suffix)) continue;
        const std::string agent = file.substr(0, file.size() - suffix.size());
        if (!is_agent_name(agent)) continue;
        const fs::path path = layout_.agent_memory(agent);
        try {
            if (const auto text = read_file(path, max_memory_file))
                memories.emplace(agent, parse_memory(*text));
        } catch (const Error& error) {
            log_.warning(agent,
                         "its memory is unusable (" + std::string(error.what()) + "): begun anew" +
                             (set_aside ? "; the old one is " + path.string() + ".bad" : ""));
            if (set_aside) rename_path(path, path.string() + ".bad");
        }
    }
    return memories;
}

void MemoryStore::save(const std::string& agent, const AgentMemory& memory) const {
    replace_file(layout_.agent_memory(agent), to_json(memory), 0600, Durable::yes);
}

}  // namespace ops
