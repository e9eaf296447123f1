#include "options.hpp"

#include <getopt.h>
#include <sys/stat.h>

#include <array>
#include <charconv>
#include <cstring>
#include <fstream>

namespace meta {
namespace {

enum Key {
    listen_at = 256,
    desired,
    tarballs,
    public_url,
    port_file,
    token_file,
    log,
    allow,
    late
};

constexpr std::array<option, 12> long_options{{
    {"listen", required_argument, nullptr, listen_at},
    {"desired", required_argument, nullptr, desired},
    {"tarballs", required_argument, nullptr, tarballs},
    {"public-url", required_argument, nullptr, public_url},
    {"port-file", required_argument, nullptr, port_file},
    {"token-file", required_argument, nullptr, token_file},
    {"log", required_argument, nullptr, log},
    {"allow", required_argument, nullptr, allow},
    {"late", required_argument, nullptr, late},
    {"help", no_argument, nullptr, 'h'},
    {nullptr, 0, nullptr, 0},
}};

long long parse_number(const std::string& text, long long max, const std::string& what) {
    long long number = 0;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number);
    if (error != std::errc{} || end != last || number < 0 || number > max) {
        throw UsageError(what + " \"" + text + "\" is no number from 0 to " + std::to_string(max));
    }
    return number;
}

/// "127.0.0.1:2200", "[::1]:0", ":2200".
void set_address(Options& options, const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) throw UsageError("--listen needs HOST:PORT, not " + text);
    std::string host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    options.host = host.empty() ? "0.0.0.0" : host;
    options.port = static_cast<int>(parse_number(text.substr(colon + 1), 65535, "port"));
}

std::string read_token(const std::string& path) {
    struct stat info {};
    std::string token;
    std::ifstream file(path);
    if (!std::getline(file, token) || ::stat(path.c_str(), &info) != 0) {
        throw std::runtime_error(path + ": no token can be read from it");
    }
    if ((info.st_mode & 077U) != 0) {
        throw std::runtime_error(path + ": others can read the token; chmod 600 it");
    }
    while (!token.empty() && std::strchr(" \t\r", token.back()) != nullptr)
        token.pop_back();
    if (token.empty()) throw std::runtime_error(path + ": the token is empty");
    return token;
}

void set_public_url(Options& options, std::string url) {
    if (!url.starts_with("http://") && !url.starts_with("https://")) {
        throw UsageError("--public-url must be an http or https URL");
    }
    while (url.back() == '/')
        url.pop_back();
    options.public_url = url;
}

void set_option(Options& options, int key, const std::string& value) {
    switch (key) {
        case listen_at:
            return set_address(options, value);
        case public_url:
            return set_public_url(options, value);
        case desired:
            options.desired = value;
            return;
        case tarballs:
            options.tarballs = value;
            return;
        case port_file:
            options.port_file = value;
            return;
        case token_file:
            options.token = read_token(value);
            return;
        case log:
            options.log = value;
            return;
        case late:
            options.late_after = parse_number(value, 1'000'000'000, "--late");
            return;
        case allow:
            try {
                options.allow.push_back(Network::parse(value));
            } catch (const std::runtime_error& error) {
                throw UsageError("--allow " + std::string(error.what()));
            }
            return;
        case 'h':
            options.help = true;
            return;
        default:
            throw UsageError("see --help");
    }
}

}  // namespace

Options parse_options(int argc, char** argv) {
    Options options;
    for (int key = 0; (key = getopt_long(argc, argv, "h", long_options.data(), nullptr)) != -1;) {
        set_option(options, key, optarg == nullptr ? "" : optarg);
    }
    if (options.help) return options;
    if (optind < argc) throw UsageError("unexpected argument " + std::string(argv[optind]));
    if (options.desired.empty()) throw UsageError("--desired FILE is missing");
    if (options.tarballs.empty()) throw UsageError("--tarballs DIR is missing");
    return options;
}

const char* help_text() {
    return R"(usage: ops-meta --desired FILE --tarballs DIR [options]

A small ops-meta: hosts report their agents to POST /heartbeat and learn what they should run.

  --desired FILE      what should run where (YAML); read again whenever it changes
  --tarballs DIR      served as /tarballs/…
  --listen HOST:PORT  default 127.0.0.1:2200; port 0: any free one
  --public-url URL    how hosts reach this server (default: the Host header of their request)
  --port-file FILE    the port is written there once the server answers
  --token-file FILE   reports must carry this bearer token (first line; chmod 600)
  --allow NETWORK     answer only these addresses or networks (repeatable), like 10.0.0.0/8
  --late SECONDS      hosts silent for longer are marked (default 900)
  --log FILE          a line for each request (default: stderr)
  --help

Pages: / (for people), /hosts.json (the same as JSON).

The desired file:
  defaults:                                  # for all hosts
    falcon-agent: {version: 1.0.1, cmd: start}
    dinp-agent: {version: 2.0.0, cmd: stop, sha256: inline}
  overrides:                                 # by hostname prefix, the longest wins
    web-canary-:
      falcon-agent: {version: 1.1.0}         # the rest as in the defaults
    db-:
      dinp-agent:                            # nothing: these hosts are not told of it
  An agent has: version; cmd: start (default), stop or none; tarball: a URL prefix (default: this
  server's /tarballs); md5 and sha256: empty, file (a digest file beside the tarball), inline (this
  server computes it), a URL prefix, or the digits. `paused: why` tells all hosts to change nothing.

Exit codes: 0 ended by SIGTERM or SIGINT, 1 the server failed, 64 wrong command line, 78 the desired
file, the token or the folder cannot be used.

It is an example: it speaks plain http and does not defend itself against a flood. On an open
network put nginx with TLS before it.
)";
}

}  // namespace meta
