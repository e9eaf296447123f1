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

MemoryStore::Loaded MemoryStore::load(bool set_aside) const {
    Loaded loaded;
    if (!is_real_dir(layout_.agent_memory_dir())) return loaded;
    for (const std::string& file : list_dir(layout_.agent_memory_dir())) {
        if (!file.ends_with(suffix)) continue;
        const std::string agent = file.substr(0, file.size() - suffix.size());
        if (is_agent_name(agent)) load_one(agent, set_aside, loaded);
    }
    return loaded;
}

void MemoryStore::load_one(const std::string& agent, bool set_aside, Loaded& loaded) const {
    const fs::path path = layout_.agent_memory(agent);
    std::string why;
    try {
        const auto info = status_of(path);
        const bool ours = info && S_ISREG(info->st_mode) &&
                          static_cast<std::size_t>(info->st_size) <= max_memory_file;
        const std::string text = ours ? read_file(path, max_memory_file).value_or("") : "";
        try {
            loaded.memories.emplace(agent, parse_memory(text));
            return;
        } catch (const Error& error) {
            why = ours ? error.what() : "it is no file of ours";
        }
        if (set_aside) rename_path(path, path.string() + ".bad");
    } catch (const Error& error) {
        loaded.unreadable.emplace(agent, error.what());
        return;
    }
    log_.warning(agent, "its memory is unusable (" + why + "): begun anew" +
                            (set_aside ? "; the old one is " + path.string() + ".bad" : ""));
}

void MemoryStore::save(const std::string& agent, const AgentMemory& memory) const {
    replace_file(layout_.agent_memory(agent), to_json(memory), 0600, Durable::yes);
}

}  // namespace ops
