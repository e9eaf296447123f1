// From the command line to the exit code.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "cli.hpp"
#include "pass/pass.hpp"
#include "pass/startup.hpp"
#include "pass/status.hpp"
#include "rules/error.hpp"

namespace {

using namespace ops;

/// Cron, systemd and careless parents start programs in odd states: descriptors 0 to 2 must be
/// open, so that no file of ours becomes somebody's stdout, and what we make must not depend on an
/// inherited umask.
void make_process_sane() {
    for (int fd = ::open("/dev/null", O_RDWR); fd >= 0; fd = ::open("/dev/null", O_RDWR)) {
        if (fd > 2) {
            ::close(fd);
            break;
        }
    }
    ::umask(022);
}

ViewStyle stdout_style() {
    ViewStyle style;
    style.columns = 0;  // into a pipe or a file: lines as long as they are
    if (::isatty(STDOUT_FILENO) == 0) return style;
    style.columns = 80;
    const char* no_colour = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    style.colour = (no_colour == nullptr || *no_colour == '\0') && terminal != nullptr &&
                   std::string(terminal) != "dumb";
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        style.columns = size.ws_col;
    return style;
}

Config configure(const CommandLine& line) {
    Config config = load_config(line.config_file);
    apply(line, config);
    check_config(config);
    complete_config(config);
    if (config.server.empty() && !line.desired_file && !line.status)
        throw Error("no ops-meta: say --server HOST:PORT, or server: in the configuration",
                    ExitCode::config);
    return config;
}

int print(const std::string& text) {
    std::cout << text << std::flush;
    if (!std::cout) throw Error("cannot write to standard output");
    return 0;
}

int run(const CommandLine& line, Config config, Log& log, const StopSignal& stop) {
    if (line.status) return print(status_report(config, line.format, stdout_style(), log));
    PassOptions options;
    options.config = std::move(config);
    options.splay = !line.once;
    options.dry_run = line.dry_run;
    options.retry = line.retry;
    options.desired_file = line.desired_file;
    options.format = line.format;
    options.style = stdout_style();
    options.must_know = line.agents;
    return run_pass(options, log, stop);
}

/// Errors before the configuration is known go the same way as all others.
int report(const Error& error, const LogStyle& style) {
    Log(style).error("", error.what());
    return static_cast<int>(error.code());
}

}  // namespace

int main(int argc, char** argv) {
    make_process_sane();
    try {
        const auto parsed = parse_command_line(argc, argv);
        if (const auto* text = std::get_if<PrintAndExit>(&parsed)) return print(text->text);
        const auto& line = std::get<CommandLine>(parsed);
        Config config = configure(line);
        StopSignal stop;
        stop.install();
        Log log(detect_log_style(config.debug));
        return run(line, std::move(config), log, stop);
    } catch (const Error& error) {
        return report(error, detect_log_style(false));
    } catch (const std::exception& error) {
        return report(Error(std::string("unexpected: ") + error.what()), detect_log_style(false));
    }
}
