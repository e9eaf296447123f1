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

    /// All agents' memories. What cannot be read is warned of and taken for no memory; with
    /// `set_aside` it is renamed to NAME.json.bad, so that it can be looked at.
    [[nodiscard]] std::map<std::string, AgentMemory> load(bool set_aside) const;

    /// Atomic and durable. Throws Error.
    void save(const std::string& agent, const AgentMemory& memory) const;

  private:
    const Layout& layout_;
    Log& log_;
};

}  // namespace ops
