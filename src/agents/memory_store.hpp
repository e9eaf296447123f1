// The updater's memory on disk: a small file an agent.
#pragma once

#include <map>
#include <string>

#include "rules/layout.hpp"
#include "rules/memory.hpp"
#include "world/log.hpp"

namespace ops {

/// Reads and writes `.ops-updater/`. Thread-safe on different agents.
class MemoryStore {
  public:
    MemoryStore(const Layout& layout, Log& log) : layout_(layout), log_(log) {}

    /// Makes the folders. Throws Error.
    void make_dirs() const;

    struct Loaded {
        std::map<std::string, AgentMemory> memories;
        /// Agents whose memory is there but could not be read just now (an I/O error), and why.
        std::map<std::string, std::string> unreadable;
    };

    /// All agents' memories. A corrupt or foreign file is warned of and taken for no memory; with
    /// `set_aside` it is renamed to NAME.json.bad, so that it can be looked at.
    [[nodiscard]] Loaded load(bool set_aside) const;

    /// Atomic and durable. Throws Error.
    void save(const std::string& agent, const AgentMemory& memory) const;

  private:
    void load_one(const std::string& agent, bool set_aside, Loaded& loaded) const;

    const Layout& layout_;
    Log& log_;
};

}  // namespace ops
