#include "agents/handle.hpp"

#include "agents/observe.hpp"
#include "rules/error.hpp"
#include "rules/plan_parts.hpp"
#include "rules/text.hpp"
#include "world/files.hpp"
#include "world/host.hpp"

namespace ops {
namespace {

/// One agent's plan on its way. Every change of memory is on disk before the step that relies on
/// it.
class Execution {
  public:
    Execution(const AgentPlan& plan, const AgentMemory& stored, const Hands& hands)
        : plan_(plan), hands_(hands), stored_(stored), memory_(plan.memory) {
        outcome_.version = plan.current.value_or("");
        outcome_.state = plan.status;
    }

    AgentOutcome run() {
        if (!plan_.warning.empty()) hands_.log.warning(plan_.name, plan_.warning);
        try {
            if (plan_.entry) {
                hands_.control.trim_log(plan_.name);
                follow(plan_.steps);
                if (!unsynced_.empty()) throw Error(unsynced_);
                if (outcome_.error.empty()) memory_.trouble.reset();
            }
            save();
        } catch (const Stopped&) {
            outcome_.interrupted = true;
        } catch (const HeldNow& held) {
            hands_.log.info(plan_.name, "held just now (" + held.reason + "): not touched");
        } catch (const std::exception& error) {
            failed(error.what());
        }
        if (outcome_.error.empty() && !plan_.problem.empty()) {
            outcome_.error = plan_.problem;
            hands_.log.error(plan_.name, plan_.problem);
        }
        outcome_.failed_version = memory_.failure.has_value();
        hands_.log.progress(plan_.name, "");
        return std::move(outcome_);
    }

  private:
    /// The operator's order came between the plan and its execution.
    struct HeldNow {
        std::string reason;
    };

    // --- steps ----------------------------------------------------------------------------------

    void follow(const std::vector<Step>& steps) {
        bool staged = false;
        for (const Step& step : steps) {
            // Between two steps that leave the agent whole the pass may end; in a switch it may
            // not.
            if (!touched_ && hands_.stop.raised()) throw Stopped();
            if (is_stage(step.action)) {
                if (!std::exchange(staged, true) && !stage()) return;
            } else {
                save_or_warn();
                perform(step);
            }
        }
    }

    void perform(const Step& step) {
        switch (step.action) {
            case Action::stop:
                stop(step.version);
                break;
            case Action::switch_version:
                switch_to(step.version);
                break;
            case Action::start:
                start(step.version);
                break;
            case Action::rollback:
                go_back_to(step.version);
                break;
            case Action::prune:
                prune(step);
                return;
            default:
                return;
        }
        outcome_.done.push_back(step.action);
    }

    // --- stage ----------------------------------------------------------------------------------

    /// False where V could not be staged and C was brought to cmd instead.
    bool stage() {
        try {
            stage_version();
            return true;
        } catch (const Error& error) {
            const std::string why = *plan_.desired + " cannot be staged: " + error.what();
            hands_.log.error(plan_.name, why);
            remember_trouble(*plan_.desired, error.what());
            outcome_.error = why;
            follow(refreshed(plan_.if_unstaged));
            return false;
        }
    }

    void stage_version() {
        const Entry& entry = *plan_.entry;
        const StagePaths paths = plan_.republish
                                     ? hands_.layout.stage_aside(entry.name, entry.version)
                                     : hands_.layout.stage(entry.name, entry.version);
        if (plan_.stage_anew) discard(paths.dir);
        if (plan_.republish)
            memory_.aside = plan_.target;
        else
            memory_.use(entry.version, unix_now());
        // What the updater makes it must know as its own, before it is there.
        save();
        if (!plan_.republish) make_dir(hands_.layout.agent_dir(entry.name), 0755);
        make_dir(paths.dir, 0755);
        staged_digests_ = hands_.stager.stage(entry, paths);
        if (plan_.republish)
            memory_.aside = staged_digests_;
        else
            memory_.deployment(entry.version).digests = staged_digests_;
        save();
        for (const Step& step : plan_.steps)
            if (is_stage(step.action)) outcome_.done.push_back(step.action);
        hands_.log.info(plan_.name, entry.version + " staged");
    }

    /// A tree ceases to be complete at one instant, and only then is taken apart.
    void discard(const fs::path& dir) {
        if (!is_real_dir(dir)) return;
        remove_file(dir / "control");
        sync_dir(dir);
        remove_tree(dir);
    }

    /// A stage may have taken its time: what is true of C now decides.
    std::vector<Step> refreshed(const std::vector<Step>& steps) {
        if (steps.empty() || !plan_.current) return {};
        outcome_.state = hands_.control.status(plan_.name, *plan_.current).state;
        if (plan_.cmd == Cmd::start && outcome_.state == RunState::started) return {};
        if (plan_.cmd == Cmd::stop && outcome_.state == RunState::stopped) return {};
        return {
            {plan_.cmd == Cmd::start ? Action::start : Action::stop, *plan_.current, Prune::none}};
    }

    // --- switch ---------------------------------------------------------------------------------

    void stop(const std::string& version) {
        if (!touched_) check_hold();
        if (switches() && plan_.cmd == Cmd::start) begin_switch();
        touched_ = true;
        control_stop(version);
        hands_.log.info(plan_.name, version + " stopped");
    }

    void control_stop(const std::string& version) {
        try {
            hands_.control.stop(plan_.name, version);
        } catch (const ScriptFailure& failure) {
            outcome_.state = RunState::unknown;
            if (failure.ran() || !undoing(version))
                throw Error(version + " will not stop: " + failure.what());
            // It never came up, and with a control that cannot be run nothing of it can.
        }
        stopped_ = version;
        outcome_.state = RunState::stopped;
    }

    [[nodiscard]] bool undoing(const std::string& version) const {
        const auto& record = memory_.last_switch;
        return record && record->to == version && record->phase == Switch::Phase::undoing;
    }

    void control_start(const std::string& version) {
        try {
            hands_.control.start(plan_.name, version);
        } catch (const ScriptFailure& failure) {
            outcome_.state = RunState::unknown;
            throw Error(version + " will not start: " + failure.what());
        }
        outcome_.state = RunState::started;
        hands_.log.info(plan_.name, version + " started");
    }

    void check_hold() {
        const auto reason = hold_reason(hands_.layout, plan_.name, hands_.config.hold);
        if (reason) throw HeldNow{*reason};
    }

    /// The plan has a new switch: not a rollback, not a `.version` that is merely written again.
    [[nodiscard]] bool switches() const {
        for (const Step& step : plan_.steps)
            if (step.action == Action::switch_version && new_switch(step.version)) return true;
        return false;
    }

    [[nodiscard]] bool new_switch(const std::string& version) const {
        return version == plan_.desired && (plan_.republish || version != plan_.current);
    }

    /// Makes durable what finishes or undoes the switch, before anything is touched.
    void begin_switch() {
        if (std::exchange(switch_begun_, true)) return;
        const std::string& version = *plan_.desired;
        Switch record;
        record.from = plan_.previous;
        record.to = version;
        record.at = unix_now();
        record.boot_id = hands_.boot_id;
        if (plan_.republish) {
            const auto tree = status_of(hands_.layout.stage_aside(plan_.name, version).dir);
            if (!tree) throw Error(version + ": the tree that was staged aside is gone");
            record.new_tree = tree->st_ino;
            record.digests = memory_.aside;
        } else if (const Deployment* deployment = memory_.find(version)) {
            record.digests = deployment->digests;
        }
        memory_.last_switch = record;
        for (const std::string& used : {plan_.current.value_or(""), version})
            if (memory_.find(used) != nullptr) memory_.use(used, record.at);
        save();
    }

    void switch_to(const std::string& version) {
        touched_ = true;
        if (!new_switch(version)) {
            write_version(version);
            return;
        }
        begin_switch();
        make_sure_current_is_stopped();
        try {
            if (plan_.republish)
                exchange_trees(version);
            else
                write_version(version);
        } catch (const Error&) {
            if (plan_.current && plan_.cmd == Cmd::start && stopped_ == plan_.current)
                start_current_again();
            throw;
        }
        outcome_.version = version;
        hands_.log.progress(plan_.name, "switching to " + version);
        hands_.log.info(plan_.name, plan_.republish ? version + " exchanged for its new build"
                                    : plan_.current ? *plan_.current + " -> " + version
                                                    : version + " installed");
    }

    /// Never two versions at once: C was found stopped, but that was before the download.
    void make_sure_current_is_stopped() {
        if (!plan_.current || stopped_ == plan_.current) return;
        const StatusReading reading = hands_.control.status(plan_.name, *plan_.current);
        if (reading.state == RunState::stopped) return;
        check_hold();
        control_stop(*plan_.current);
    }

    void start_current_again() {
        try {
            control_start(*plan_.current);
        } catch (const Error& error) {
            hands_.log.error(plan_.name, error.what());
        }
    }

    void write_version(const std::string& version) {
        const fs::path path = hands_.layout.version_file(plan_.name);
        try {
            replace_file(path, version + "\n", 0644, Durable::yes);
        } catch (const Error& error) {
            // Renamed, but not surely on disk: the next pass will see it, so there is no way back
            // from here. Going back to the old version would make two of them run.
            if (trim(read_file(path, 4096).value_or("")) != version) throw;
            unsynced_ = error.what();
        }
    }

    void exchange_trees(const std::string& version) {
        exchange(hands_.layout.stage_aside(plan_.name, version).dir,
                 hands_.layout.version_dir(plan_.name, version));
        sync_dir(hands_.layout.aside_dir());
        sync_dir(hands_.layout.agent_dir(plan_.name));
        memory_.aside = {};
        save();
    }

    // --- start and rollback ---------------------------------------------------------------------

    [[nodiscard]] bool pending(const std::string& version) const {
        const auto& record = memory_.last_switch;
        return record && record->to == version && record->phase == Switch::Phase::pending &&
               version == outcome_.version;
    }

    void start(const std::string& version) {
        touched_ = true;
        if (!pending(version)) return control_start(version);
        try {
            hands_.control.start(plan_.name, version);
        } catch (const ScriptFailure& failure) {
            outcome_.state = RunState::unknown;
            bad_version(version, failure);
        }
        outcome_.state = RunState::started;
        hands_.log.info(plan_.name, version + " started");
        memory_.last_switch->phase = Switch::Phase::probation;
        memory_.failure.reset();
        save();
    }

    /// A version did not come up while its switch is pending. Durable before anything is undone.
    [[noreturn]] void bad_version(const std::string& version, const ScriptFailure& failure) {
        Switch record = *memory_.last_switch;
        // Of a switch that an earlier pass began, the plan knows whether its previous version is
        // still there.
        if (!switch_begun_) record.from = plan_.previous;
        memory_.failure =
            failure_of(memory_, version, record.digests, failure.what(),
                       printable(failure.output()), unix_now(), hands_.config.rollback.retry_after);
        const std::string what = describe(*memory_.failure);
        remember_trouble(version, failure.what());
        if (record.from.empty()) {
            save();
            stop_half_started(version);
            throw Error(what + "; there is no version to go back to");
        }
        memory_.last_switch->phase = Switch::Phase::undoing;
        save();
        hands_.log.warning(plan_.name, version + " does not come up: going back to " + record.from);
        roll_back(record);
        throw Error(what + "; rolled back to " + record.from);
    }

    /// What did not come up may have left something behind that would be in the next start's way.
    void stop_half_started(const std::string& version) {
        try {
            control_stop(version);
        } catch (const Error& error) {
            hands_.log.warning(plan_.name, error.what());
        }
    }

    void roll_back(const Switch& record) {
        control_stop(record.to);
        go_back_to(record.from);
        if (plan_.cmd != Cmd::start) return;
        control_start(record.from);
        outcome_.done.push_back(Action::start);
    }

    void go_back_to(const std::string& version) {
        touched_ = true;
        const Switch record = *memory_.last_switch;
        if (memory_.failure && memory_.failure->output.empty()) {
            memory_.failure->output = printable(hands_.control.last_output(plan_.name));
            save();
        }
        if (record.from == record.to)
            exchange_trees(record.to);
        else
            write_version(version);
        memory_.last_switch.reset();
        save();
        outcome_.version = version;
        outcome_.done.push_back(Action::rollback);
        hands_.log.warning(plan_.name, record.to + " -> " + version + ": rolled back");
    }

    // --- prune ----------------------------------------------------------------------------------

    void prune(const Step& step) {
        if (hands_.stop.raised()) return;
        const StagePaths paths = hands_.layout.stage(plan_.name, step.version);
        switch (step.what) {
            case Prune::relic:
                remove_file(paths.tarball);
                remove_file(paths.tarball.string() + ".md5");
                hands_.log.info(plan_.name, step.version + ": old tarball removed");
                break;
            case Prune::aside:
                discard(hands_.layout.stage_aside(plan_.name, step.version).dir);
                memory_.aside = {};
                hands_.log.info(plan_.name, step.version + ": the replaced build removed");
                break;
            case Prune::old_version:
            case Prune::leftover:
                discard(paths.dir);
                // Came it back after a power cut, nobody would know it as the updater's own.
                sync_dir(hands_.layout.agent_dir(plan_.name));
                std::erase_if(memory_.deployed, [&](const Deployment& deployment) {
                    return deployment.version == step.version;
                });
                hands_.log.info(plan_.name, step.version + " removed: no longer needed");
                break;
            case Prune::none:
                break;
        }
        outcome_.done.push_back(Action::prune);
    }

    // --- memory ---------------------------------------------------------------------------------

    void save() {
        if (memory_ == stored_) return;
        hands_.store.save(plan_.name, memory_);
        stored_ = memory_;
    }

    /// A full disk must not keep a crashed agent down: what a start needs is not in the memory.
    void save_or_warn() {
        try {
            save();
        } catch (const Error& error) {
            hands_.log.warning(plan_.name, error.what());
        }
    }

    void remember_trouble(const std::string& version, const std::string& message) {
        memory_.trouble = Trouble{version, one_line(message), unix_now()};
        trouble_remembered_ = true;
    }

    void failed(const std::string& why) {
        outcome_.error = why;
        hands_.log.error(plan_.name, why);
        try {
            if (!trouble_remembered_) remember_trouble("", why);
            save();
        } catch (const std::exception& error) {
            hands_.log.error(plan_.name,
                             "its memory cannot be written: " + std::string(error.what()));
        }
    }

    const AgentPlan& plan_;
    const Hands& hands_;
    AgentMemory stored_;
    AgentMemory memory_;
    AgentOutcome outcome_;
    Digests staged_digests_;
    std::string stopped_;   ///< the version that this pass stopped
    bool touched_ = false;  ///< a step was taken that must be finished
    bool switch_begun_ = false;
    bool trouble_remembered_ = false;
    std::string unsynced_;  ///< `.version` was written, but may not survive a power cut
};

}  // namespace

AgentOutcome handle(const AgentPlan& plan, const AgentMemory& stored, const Hands& hands) {
    return Execution(plan, stored, hands).run();
}

}  // namespace ops
