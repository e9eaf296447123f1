// ops-meta: a small server for ops-updater to talk to. See --help.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <thread>

#include "journal.hpp"
#include "options.hpp"
#include "server.hpp"

namespace {

constexpr int exit_usage = 64;
constexpr int exit_config = 78;

void write_port_file(const std::string& path, int port) {
    const std::string aside = path + ".new";
    std::ofstream file(aside);
    file << port << '\n';
    file.close();
    if (!file || std::rename(aside.c_str(), path.c_str()) != 0) {
        throw std::runtime_error(path + ": the port cannot be written there");
    }
}

void require_folder(const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
        throw std::runtime_error(path + ": no such folder");
    }
}

/// A connection takes a descriptor, a download two.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

int serve(const meta::Options& options) {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    // Blocked before there are threads, so that only sigwait() below gets them.
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    raise_descriptor_limit();

    require_folder(options.tarballs);
    meta::Journal journal(options.log);
    meta::Server server(options, journal);
    const int port = server.bind();
    bool good = true;
    std::thread listener([&] {
        good = server.run();
        ::kill(::getpid(), SIGTERM);  // wakes sigwait() where the server ended by itself
    });
    journal.line("ops-meta listens at " + options.host + ":" + std::to_string(port));
    int signal = 0;
    try {
        if (!options.port_file.empty()) write_port_file(options.port_file, port);
        sigwait(&ends, &signal);
    } catch (const std::exception& error) {
        journal.line(error.what());
        good = false;
    }
    server.stop();
    listener.join();
    journal.line("ops-meta ends");
    return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const meta::Options options = meta::parse_options(argc, argv);
        if (options.help) {
            std::cout << meta::help_text();
            return 0;
        }
        return serve(options);
    } catch (const meta::UsageError& error) {
        std::cerr << "ops-meta: " << error.what() << '\n';
        return exit_usage;
    } catch (const std::exception& error) {
        std::cerr << "ops-meta: " << error.what() << '\n';
        return exit_config;
    }
}
