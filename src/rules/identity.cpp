#include "rules/identity.hpp"

#include <algorithm>

#include "rules/text.hpp"

namespace ops {
namespace {

constexpr std::size_t max_length = 128;
constexpr std::size_t max_sum = 200;
constexpr std::string_view own_prefix = "ops-updater";

// Not isalnum(): what it says depends on the locale.
bool is_letter_or_digit(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_allowed(char c) {
    return is_letter_or_digit(c) || c == '.' || c == '_' || c == '+' || c == '~' || c == '-';
}

std::string quoted(std::string_view text) {
    return '"' + one_line(text, 60) + '"';
}

/// `word` says what `text` is meant to be.
std::string fault(const std::string& word, std::string_view text) {
    if (text.empty()) return "the " + word + " is empty";
    if (text.size() > max_length) {
        return "the " + word + " is longer than " + std::to_string(max_length) + " characters";
    }
    if (!std::all_of(text.begin(), text.end(), is_allowed)) {
        return "the " + word + " " + quoted(text) +
               " has characters other than A-Z a-z 0-9 . _ + ~ -";
    }
    if (!is_letter_or_digit(text.front())) {
        return "the " + word + " " + quoted(text) + " does not begin with a letter or digit";
    }
    return "";
}

}  // namespace

std::string name_fault(std::string_view name) {
    if (std::string found = fault("name", name); !found.empty()) return found;
    if (name.starts_with(own_prefix)) {
        return "the name " + quoted(name) + " is the updater's own";
    }
    return "";
}

std::string version_fault(std::string_view version) {
    return fault("version", version);
}

std::string identity_fault(std::string_view name, std::string_view version) {
    if (std::string found = name_fault(name); !found.empty()) return found;
    if (std::string found = version_fault(version); !found.empty()) return found;
    if (name.size() + version.size() > max_sum) {
        return "name and version are together longer than " + std::to_string(max_sum) +
               " characters";
    }
    return "";
}

RunState parse_status_output(std::string_view output) {
    const auto has = [output](std::string_view word) {
        return output.find(word) != std::string_view::npos;
    };
    const bool started = has("started");
    const bool stopped = has("stoped") || has("stopped");
    if (started == stopped) return RunState::unknown;
    return started ? RunState::started : RunState::stopped;
}

std::string wire_name(RunState state) {
    return state == RunState::stopped ? "stoped" : to_string(state);
}

std::string to_string(RunState state) {
    switch (state) {
        case RunState::started:
            return "started";
        case RunState::stopped:
            return "stopped";
        case RunState::unknown:
            break;
    }
    return "unknown";
}

std::string to_string(Cmd cmd) {
    switch (cmd) {
        case Cmd::start:
            return "start";
        case Cmd::stop:
            return "stop";
        case Cmd::none:
            break;
    }
    return "";
}

}  // namespace ops
