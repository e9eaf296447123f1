// The command line: every option with its checks, and the help text.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "rules/config.hpp"
#include "rules/views.hpp"

namespace ops {

/// What was given on the command line, checked. What was not given is nothing, empty or false.
struct CommandLine {
    // What to do; all false: a pass.
    bool once = false;
    bool dry_run = false;
    bool status = false;
    bool retry = false;
    std::vector<std::string> agents;          ///< valid names; empty: all
    std::optional<std::string> desired_file;  ///< "-": stdin

    // Where and when.
    std::optional<std::string> server;  ///< as given; server_url() understands it
    std::optional<std::string> ops_dir;
    std::optional<std::string> config_file;
    std::optional<std::string> hostname;
    std::optional<std::chrono::seconds> interval;
    std::optional<std::chrono::seconds> splay;

    // Output.
    Format format = Format::text;
    std::optional<bool> debug;
};

/// The command line asks for a text (help, version) and nothing else: print it to stdout, exit 0.
struct PrintAndExit {
    std::string text;
};

/// Reads the arguments; argv[0] is skipped. Throws Error(usage), one line that names the option
/// and, for an unknown one, the nearest.
std::variant<CommandLine, PrintAndExit> parse_command_line(int argc, const char* const* argv);

/// Puts the command line over the configuration file.
void apply(const CommandLine& line, Config& config);

/// "--server", "--ops-dir" …: every option that there is.
std::vector<std::string> option_names();

}  // namespace ops
