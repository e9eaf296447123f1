// Runs commands in turn, A B A B, and prints the medians of what each took: so that a machine that
// is slow for a while is slow for all of them. usage: measure ROUNDS PREPARE -- COMMAND… [--
// COMMAND…]…
//   PREPARE is called with the number of the command, from 1, before each run and is not measured;
//   "-" is none. The commands' output goes to measure's stderr.
// Prints a line for each command: its number, wall ms, CPU ms (user and system, of it and of the
// children that it waited for), peak memory of its largest process in KiB.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Words = std::vector<char*>;  // as execve(2) wants them; the null is at the end

struct Sample {
    double wall = 0;
    double cpu = 0;
    double peak = 0;
};

[[noreturn]] void die(const std::string& why) {
    std::fprintf(stderr, "measure: %s\n", why.c_str());
    std::exit(1);
}

double milliseconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
}

Sample run(const Words& words) {
    using Clock = std::chrono::steady_clock;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    const auto begin = Clock::now();
    pid_t pid = 0;
    const int error = posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) die(std::string(words[0]) + ": " + std::strerror(error));
    int status = 0;
    rusage usage{};
    while (wait4(pid, &status, 0, &usage) < 0) {
        if (errno != EINTR) die(std::strerror(errno));
    }
    const std::chrono::duration<double, std::milli> wall = Clock::now() - begin;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        die(std::string(words[0]) + " failed, wait status " + std::to_string(status));
    }
    return {wall.count(), milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime),
            static_cast<double>(usage.ru_maxrss)};
}

double median(const std::vector<Sample>& samples, double Sample::*field) {
    std::vector<double> values;
    for (const Sample& sample : samples)
        values.push_back(sample.*field);
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::vector<Words> split_commands(char** word) {
    std::vector<Words> commands;
    for (; *word != nullptr; ++word) {
        if (std::strcmp(*word, "--") == 0) {
            commands.emplace_back();
        } else if (commands.empty()) {
            die("usage: measure ROUNDS PREPARE -- COMMAND… [-- COMMAND…]…");
        } else {
            commands.back().push_back(*word);
        }
    }
    for (Words& command : commands) {
        if (command.empty()) die("an empty command");
        command.push_back(nullptr);
    }
    return commands;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) die("usage: measure ROUNDS PREPARE -- COMMAND… [-- COMMAND…]…");
    const int rounds = std::atoi(argv[1]);
    const std::vector<Words> commands = split_commands(argv + 3);
    if (rounds < 1 || commands.empty()) die("nothing to do");
    std::vector<std::vector<Sample>> samples(commands.size());
    for (int round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < commands.size(); ++i) {
            if (std::strcmp(argv[2], "-") != 0) {
                std::string number = std::to_string(i + 1);
                run({argv[2], number.data(), nullptr});
            }
            samples[i].push_back(run(commands[i]));
        }
    }
    for (std::size_t i = 0; i < commands.size(); ++i) {
        std::printf("%zu %.3f %.3f %.0f\n", i + 1, median(samples[i], &Sample::wall),
                    median(samples[i], &Sample::cpu), median(samples[i], &Sample::peak));
    }
    return 0;
}
