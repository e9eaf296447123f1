// The crash campaign: kills a pass at every system call that it and its tools make, lets every call
// fail that can, cuts the power before each that changes the disk, and looks whether the next,
// undisturbed pass puts all right.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <stdexcept>

#include "trial.hpp"

namespace {

using crash::Outcome;
using crash::Point;

constexpr const char* usage = R"(usage: crash-test [options]
  --kills             only kills
  --errors            only failing calls
  --power             only power cuts, by a model of the disk
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
    bool power = true;
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
        if (word == "--help") {
            std::cout << usage;
            std::exit(0);
        } else if (word == "--kills")
            options.errors = options.power = false;
        else if (word == "--errors")
            options.kills = options.power = false;
        else if (word == "--power")
            options.kills = options.errors = false;
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

volatile sig_atomic_t interrupted = 0;

/// A folder for all hosts of the campaign. At the end nothing of it is left, nor any process in it.
class Workshop {
  public:
    Workshop() : dir_(e2e::fs::temp_directory_path() / "ops-crash-XXXXXX") {
        if (::mkdtemp(dir_.data()) == nullptr) throw std::runtime_error("cannot make " + dir_);
        ::setenv("TMPDIR", dir_.c_str(), 1);
        struct sigaction action {};
        action.sa_handler = [](int number) { interrupted = number; };
        for (const int number : {SIGINT, SIGTERM, SIGHUP})
            ::sigaction(number, &action, nullptr);
    }
    ~Workshop() {
        e2e::eventually([this] {
            const auto pids = e2e::processes_within(dir_);
            for (const pid_t pid : pids)
                ::kill(pid, SIGKILL);
            return pids.empty();
        });
        std::error_code error;
        e2e::fs::remove_all(dir_, error);
    }
    Workshop(const Workshop&) = delete;
    Workshop& operator=(const Workshop&) = delete;

  private:
    std::string dir_;
};

/// A child that runs `work` and ends with 0, or 1 where that throws; it does not outlive us.
template <class Work>
pid_t in_a_child(const Work& work) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const int number : {SIGINT, SIGTERM, SIGHUP})
        ::signal(number, SIG_DFL);
    int code = 1;
    try {
        work();
        code = 0;
    } catch (const std::exception& error) {
        std::cerr << error.what() << std::endl;
    }
    std::cout.flush();
    ::_exit(code);
}

/// How often calls come depends on timing: one that did not come this time gets another chance.
template <class Place>
Outcome try_at(crash::Trial& trial, const Place& place) {
    Outcome outcome;
    for (int attempt = 0; attempt < 4; ++attempt) {
        outcome = trial.run(place);
        if (outcome.kind != Outcome::Kind::not_reached) break;
    }
    return outcome;
}

/// The points of the campaign, found in a child, so that no server's threads are forked.
std::vector<Point> find_points(const Options& options) {
    const std::string file = e2e::fs::temp_directory_path() / "points";
    const pid_t child = in_a_child([&] {
        std::ofstream names(file);
        for (const auto& scenario : options.scenarios) {
            const auto counts = crash::Trial(scenario).count();
            std::vector<std::vector<Point>> kinds;
            if (options.kills) kinds.push_back(crash::kill_points(scenario, counts));
            if (options.errors) kinds.push_back(crash::error_points(scenario, counts));
            for (auto& points : kinds) {
                std::erase_if(points, [&](const Point& point) {
                    return !options.syscalls.empty() && !options.syscalls.contains(point.syscall);
                });
                for (const auto& point : crash::slice(points, options.every, options.most))
                    names << point.name() << '\n';
            }
        }
    });
    int status = 0;
    if (::waitpid(child, &status, 0) != child || status != 0) return {};
    std::vector<Point> points;
    for (const auto& line : e2e::lines_of(e2e::read_file(file)))
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
        const Outcome outcome = try_at(*trial, point);
        results << at << ' ' << static_cast<int>(outcome.kind) << std::endl;
        if (outcome.kind == Outcome::Kind::failed)
            std::cout << ("FAILED " + point.name() + "\n" + outcome.problem + "\n") << std::flush;
    }
}

/// The outcome of each point, by its place in the list.
std::map<std::size_t, int> try_all(const std::vector<Point>& points, std::size_t jobs) {
    const std::string base = e2e::fs::temp_directory_path() / "results-";
    std::vector<pid_t> workers;
    for (std::size_t job = 0; job < jobs; ++job)
        workers.push_back(in_a_child([&] { work(points, job, jobs, base + std::to_string(job)); }));
    std::map<std::size_t, int> outcomes;
    for (std::size_t job = 0; job < jobs; ++job) {
        if (::waitpid(workers[job], nullptr, 0) < 0 && interrupted != 0) break;
        std::ifstream results(base + std::to_string(job));
        std::size_t at = 0;
        int kind = 0;
        while (results >> at >> kind)
            outcomes[at] = kind;
    }
    if (interrupted != 0)
        for (const pid_t worker : workers)
            ::kill(worker, SIGKILL);
    return outcomes;
}

int try_one(const Point& point) {
    const pid_t child = in_a_child([&] {
        const Outcome outcome = crash::Trial(point.scenario).run(point);
        const std::vector<std::string> words = {"converged", "not reached", "FAILED"};
        std::cout << point.name() << ": " << words[static_cast<std::size_t>(outcome.kind)] << "\n"
                  << outcome.problem;
        if (outcome.kind == Outcome::Kind::failed) throw std::runtime_error("it failed");
    });
    int status = 0;
    return ::waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
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
    if (kills.points != 0) print_row("kills", kills);
    if (errors.points != 0) print_row("failing calls", errors);
    return kills.failed + errors.failed == 0;
}

/// Cuts the power in each scenario; true where nothing failed.
bool cut_power(const Options& options) {
    std::vector<pid_t> workers;
    for (const auto& scenario : options.scenarios)
        workers.push_back(in_a_child([&] {
            Row row;
            crash::Trial trial(scenario);
            auto cuts = trial.power_cuts();
            for (const auto& cut : crash::slice(cuts, options.every, options.most)) {
                const Outcome outcome = try_at(trial, cut);
                row.add(outcome.kind);
                if (outcome.kind == Outcome::Kind::failed)
                    std::cout << ("FAILED " + scenario + " power cut " + cut.name() + "\n" +
                                  outcome.problem + "\n")
                              << std::flush;
            }
            print_row("power cut   " + scenario, row);
            std::fflush(stdout);
            if (row.failed != 0) throw std::runtime_error(scenario + ": power cuts failed");
        }));
    bool well = true;
    for (const pid_t worker : workers) {
        int status = 1;
        ::waitpid(worker, &status, 0);
        well = well && status == 0;
    }
    return well;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    const Workshop workshop;
    if (!options.point.empty()) return try_one(parse_point(options.point));
    bool well = !options.power || cut_power(options);
    if (options.kills || options.errors) {
        const std::vector<Point> points = find_points(options);
        std::cout << points.size() << " points" << std::endl;
        const auto outcomes = try_all(points, static_cast<std::size_t>(std::max(1, options.jobs)));
        if (interrupted == 0) well = !points.empty() && print_table(points, outcomes) && well;
    }
    if (interrupted != 0) return 128 + interrupted;
    return well ? 0 : 1;
}
