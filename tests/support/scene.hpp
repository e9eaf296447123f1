// A host and its ops-meta, and the few words that most tests are written in.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host.hpp"
#include "meta_server.hpp"

namespace e2e {

using Json = nlohmann::json;

class Scene {
  public:
    explicit Scene(User user = User::self);

    Host host;
    MetaServer meta;

    Release release(const std::string& name, const std::string& version) {
        return host.release(name, version);
    }
    /// Its tarball and both digest files are on the server.
    void publish(const Release& release);
    /// Publishes it, and ops-meta wants it from now on; `extra` replaces fields of its entry.
    void want(const Release& release, const std::string& cmd = "start",
              const Json& extra = Json::object());
    /// The entry that want() makes.
    [[nodiscard]] Json entry(const Release& release, const std::string& cmd = "start") const;
    /// These bytes as an entry, in no relation to any release.
    void want_entry(const Json& entry);
    void want_nothing();
    [[nodiscard]] const Json& desired() const { return desired_; }
    /// Whether the answer is a bare list (else the heartbeat's envelope).
    void answer_as_list(bool list);

    /// One pass, with these options behind the usual ones.
    Result pass(const std::vector<std::string>& args = {});
    /// The same in the background.
    Process start_pass(const std::vector<std::string>& args = {});
    [[nodiscard]] static RunOptions options(const std::vector<std::string>& args);

    /// The last report, parsed; its agents by name.
    [[nodiscard]] Json last_report() const;
    [[nodiscard]] Json reported(const std::string& agent) const;
    /// `--dry-run --format=json`: the whole, and one agent of it.
    Json plan(const std::vector<std::string>& args = {});
    Json plan_of(const std::string& agent, const std::vector<std::string>& args = {});
    /// `--status --format=json` of one agent.
    Json status_of(const std::string& agent);

  private:
    void answer();

    Json desired_ = Json::array();
    bool as_list_ = true;
};

/// The element of a list of objects that has this name; null where there is none.
Json named(const Json& list, const std::string& name);

}  // namespace e2e
