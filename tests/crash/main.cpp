// The crash campaign: kills a pass at every system call that it and its tools make, lets every call
// fail that can, and looks whether the next, undisturbed pass puts all right.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include "trial.hpp"

namespace {

using crash::Outcome;
using crash::Point;

constexpr const char* usage = R"(usage: crash-test [options]
  --kills             only kills
  --errors            only failing calls
  --scenario NAME     upgrade, rollback or republish (default: all)
  --syscall NAMES     only these calls, with commas
  --every K           only every Kth point
  --max N             at most N points of each kind and scenario, evenly spread
  --jobs N            so many at once (default: 2)
  --point NAME        one point, as the campaign names it: upgrade/updater/rename/3/KILL
)";

struct Options {
    bool kills = true;
    bool errors = true;
    std::vector<std::string> scenarios = crash::scenario_names();
    std::set<std::string> syscalls;
    std::size_t every = 1;
    std::size_t most = 0;
    int jobs = 2;
    std::string point;
};

std::set<std::string> words_of(const std::string& text, char between) {
    std::set<std::string> words;
    std::istringstream stream(text);
    for (std::string word; std::getline(stream, word, between);)
        words.insert(word);
    return words;
}

Options parse(int argc, char** argv) {
    Options options;
    const auto value = [&](int& at) -> std::string {
        if (++at < argc) return argv[at];
        std::cerr << usage;
        std::exit(64);
    };
    for (int at = 1; at < argc; ++at) {
        const std::string word = argv[at];
        if (word == "--kills")
            options.errors = false;
        else if (word == "--errors")
            options.kills = false;
        else if (word == "--scenario")
            options.scenarios = {value(at)};
        else if (word == "--syscall")
            options.syscalls = words_of(value(at), ',');
        else if (word == "--every")
            options.every = std::stoul(value(at));
        else if (word == "--max")
            options.most = std::stoul(value(at));
        else if (word == "--jobs")
            options.jobs = std::stoi(value(at));
        else if (word == "--point")
            options.point = value(at);
        else {
            std::cerr << usage;
            std::exit(64);
        }
    }
    return options;
}

Point parse_point(const std::string& name) {
    std::vector<std::string> parts;
    std::istringstream text(name);
    for (std::string part; std::getline(text, part, '/');)
        parts.push_back(part);
    if (parts.size() != 5) {
        std::cerr << usage;
        std::exit(64);
    }
    return {parts[0], parts[1], parts[2], std::stoi(parts[3]), parts[4]};
}

/// The points of the campaign, found in a child, so that no server's threads are forked.
std::vector<Point> find_points(const Options& options) {
    int channel[2];
    if (::pipe(channel) != 0) std::abort();
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(channel[0]);
        std::string text;
        int code = 0;
        try {
            for (const auto& scenario : options.scenarios) {
                const auto counts = crash::Trial(scenario).count();
                std::vector<std::vector<Point>> kinds;
                if (options.kills) kinds.push_back(crash::kill_points(scenario, counts));
                if (options.errors) kinds.push_back(crash::error_points(scenario, counts));
                for (auto& points : kinds) {
                    std::erase_if(points, [&](const Point& point) {
                        return !options.syscalls.empty() &&
                               !options.syscalls.contains(point.syscall);
                    });
                    for (const auto& point : crash::slice(points, options.every, options.most))
                        text += point.name() + "\n";
                }
            }
        } catch (const std::exception& error) {
            std::cerr << error.what() << "\n";
            code = 1;
        }
        for (std::size_t sent = 0; sent < text.size();) {
            const ssize_t wrote = ::write(channel[1], text.data() + sent, text.size() - sent);
            if (wrote <= 0) break;
            sent += static_cast<std::size_t>(wrote);
        }
        std::cerr.flush();
        ::_exit(code);
    }
    ::close(channel[1]);
    std::string text;
    char piece[4096];
    for (ssize_t got = 0; (got = ::read(channel[0], piece, sizeof piece)) > 0;)
        text.append(piece, static_cast<std::size_t>(got));
    ::close(channel[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (status != 0) std::exit(1);
    std::vector<Point> points;
    for (const auto& line : e2e::lines_of(text))
        points.push_back(parse_point(line));
    return points;
}

/// One worker: takes every `jobs`-th point; a line of its file is the outcome of each.
void work(const std::vector<Point>& points, std::size_t first, std::size_t jobs,
          const std::string& file) {
    std::ofstream results(file);
    std::unique_ptr<crash::Trial> trial;
    std::string scenario;
    for (std::size_t at = first; at < points.size(); at += jobs) {
        const Point& point = points[at];
        if (scenario != point.scenario) {
            trial.reset();
            trial = std::make_unique<crash::Trial>(point.scenario);
            scenario = point.scenario;
        }
        const Outcome outcome = trial->run(point);
        results << at << ' ' << static_cast<int>(outcome.kind) << std::endl;
        if (outcome.kind == Outcome::Kind::failed)
            std::cout << ("FAILED " + point.name() + "\n" + outcome.problem + "\n") << std::flush;
    }
}

struct Row {
    int points = 0;
    int converged = 0;
    int not_reached = 0;
    int failed = 0;

    void add(Outcome::Kind kind) {
        ++points;
        if (kind == Outcome::Kind::converged) ++converged;
        if (kind == Outcome::Kind::not_reached) ++not_reached;
        if (kind == Outcome::Kind::failed) ++failed;
    }
};

void print_row(const std::string& name, const Row& row) {
    std::printf("%-42s %7d %10d %12d %7d\n", name.c_str(), row.points, row.converged,
                row.not_reached, row.failed);
}

/// The table by scenario, program, call; true where nothing failed.
bool print_table(const std::vector<Point>& points, const std::map<std::size_t, int>& outcomes) {
    std::map<std::string, Row> rows;
    Row kills;
    Row errors;
    for (std::size_t at = 0; at < points.size(); ++at) {
        const auto found = outcomes.find(at);
        const auto kind =
            found == outcomes.end() ? Outcome::Kind::failed : Outcome::Kind(found->second);
        const Point& point = points[at];
        const bool kill = point.fault == "KILL";
        rows[(kill ? "kill at     " : "failing     ") + point.scenario + " " + point.program + " " +
             point.syscall]
            .add(kind);
        (kill ? kills : errors).add(kind);
    }
    std::printf("%-42s %7s %10s %12s %7s\n", "call", "points", "converged", "not reached",
                "failed");
    for (const auto& [name, row] : rows)
        print_row(name, row);
    print_row("kills", kills);
    print_row("failing calls", errors);
    return kills.failed + errors.failed == 0;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    if (!options.point.empty()) {
        const Point point = parse_point(options.point);
        const Outcome outcome = crash::Trial(point.scenario).run(point);
        const std::vector<std::string> words = {"converged", "not reached", "FAILED"};
        std::cout << point.name() << ": " << words[static_cast<std::size_t>(outcome.kind)] << "\n"
                  << outcome.problem;
        return outcome.kind == Outcome::Kind::failed ? 1 : 0;
    }
    const std::vector<Point> points = find_points(options);
    std::cout << points.size() << " points" << std::endl;
    const auto jobs = static_cast<std::size_t>(std::max(1, options.jobs));
    std::vector<pid_t> workers;
    std::vector<std::string> files;
    for (std::size_t job = 0; job < jobs; ++job) {
        files.push_back(std::string(e2e::fs::temp_directory_path()) + "/crash-results-" +
                        std::to_string(::getpid()) + "-" + std::to_string(job));
        const pid_t worker = ::fork();
        if (worker == 0) {
            int code = 0;
            try {
                work(points, job, jobs, files.back());
            } catch (const std::exception& error) {
                std::cerr << error.what() << std::endl;
                code = 1;
            }
            ::_exit(code);
        }
        workers.push_back(worker);
    }
    std::map<std::size_t, int> outcomes;
    for (std::size_t job = 0; job < jobs; ++job) {
        ::waitpid(workers[job], nullptr, 0);
        std::ifstream results(files[job]);
        std::size_t at = 0;
        int kind = 0;
        while (results >> at >> kind)
            outcomes[at] = kind;
        results.close();
        ::unlink(files[job].c_str());
    }
    return print_table(points, outcomes) ? 0 : 1;
}
