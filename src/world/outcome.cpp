// How a program ended, in words.
#include <cstring>

#include "world/process.hpp"

namespace ops {

namespace {

using std::chrono::milliseconds;

std::string seconds_text(milliseconds time) {
    if (time < milliseconds(1000)) return std::to_string(time.count()) + " ms";
    std::string text = std::to_string(time.count() / 1000);
    if (const auto tenths = time.count() % 1000 / 100) text += "." + std::to_string(tenths);
    return text + " s";
}

std::string error_text(int error) {
    const char* text = ::strerrordesc_np(error);
    return text != nullptr ? text : "error " + std::to_string(error);
}

struct Describe {
    std::string operator()(const Exited& exited) const {
        return "exit " + std::to_string(exited.code);
    }
    std::string operator()(const Signalled& signalled) const {
        const char* name = ::sigdescr_np(signalled.signal);
        return "killed by signal " + std::to_string(signalled.signal) +
               (name != nullptr ? " (" + std::string(name) + ")" : "");
    }
    std::string operator()(const TimedOut& timed_out) const {
        return "timed out after " + seconds_text(timed_out.after);
    }
    std::string operator()(const Interrupted&) const { return "interrupted"; }
    std::string operator()(const NotStarted& not_started) const {
        if (not_started.error == ECHILD) return "ended unseen: SIGCHLD is ignored";
        return "could not be started: " + error_text(not_started.error);
    }
};

}  // namespace

bool succeeded(const Outcome& outcome) {
    const auto* exited = std::get_if<Exited>(&outcome);
    return exited != nullptr && exited->code == 0;
}

std::string to_string(const Outcome& outcome) {
    return std::visit(Describe{}, outcome);
}

}  // namespace ops
