// One host on which a pass is disturbed again and again, and what must hold each time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../support/scene.hpp"
#include "disk_model.hpp"
#include "points.hpp"

namespace crash {

/// What became of one point.
struct Outcome {
    enum class Kind {
        converged,    ///< the fault happened, and all that must hold held
        not_reached,  ///< the pass ended before that call came; all held, too
        failed,
    };
    Kind kind = Kind::failed;
    std::string problem;  ///< several lines; empty unless failed
};

/// The power goes before the `nth` call of `call` (at the end of the pass, where that is empty);
/// what the disk then holds is decided by one of the models of disk_model.hpp.
struct PowerCut {
    std::string call;
    int nth = 0;
    std::string model;

    [[nodiscard]] std::string name() const {
        return (call.empty() ? "end" : call + "/" + std::to_string(nth)) + "/" + model;
    }
};

/// The names of the scenarios.
std::vector<std::string> scenario_names();

/// What happens in a scenario: an agent `falcon-agent` with something to be done to it, a first
/// install of `dinp-agent`, and a third agent that must not be touched.
///  upgrade: 1.0.0 -> 1.0.1, with an older version to be pruned.
///  rollback: 1.0.1 does not start; back to 1.0.0.
///  republish: another build of 1.0.0 is swapped in.
class Trial {
  public:
    explicit Trial(const std::string& scenario);

    /// How often each program makes each call in an undisturbed pass, at least.
    Counts count();
    /// Sets up the host anew, disturbs one pass, lets an undisturbed one follow.
    Outcome run(const Point& point);
    /// The power cuts of one pass: at every call that changes the disk, and at its end. States of
    /// the disk that came before are left out.
    std::vector<PowerCut> power_cuts();
    /// Sets up the host anew, cuts the power in one pass, lets an undisturbed one follow.
    Outcome run(const PowerCut& cut);

  private:
    void prepare();
    void restore();
    Traced traced(const std::optional<Injection>& injection, Observer* observer = nullptr);
    [[nodiscard]] const e2e::Release& winner() const;  ///< what of falcon-agent runs in the end
    [[nodiscard]] int code_of_the_last() const;        ///< the exit code of the undisturbed pass
    /// Problems, one a line; empty where all is well.
    [[nodiscard]] std::string at_the_fault() const;
    [[nodiscard]] std::string after_all(const e2e::Result& last, bool killed) const;
    [[nodiscard]] std::string after_error(const e2e::Result& disturbed_pass) const;
    [[nodiscard]] std::string goal() const;
    [[nodiscard]] std::string tree_differences() const;

    std::string scenario_;
    e2e::Scene scene_;
    e2e::Release oldest_;  // to be pruned
    e2e::Release before_;  // what runs at first
    e2e::Release after_;   // what is wanted
    e2e::Release fresh_;   // the first install
    e2e::Release other_;   // not to be touched
    std::vector<std::string> expected_tree_;
    std::optional<pid_t> other_pid_;
};

}  // namespace crash
