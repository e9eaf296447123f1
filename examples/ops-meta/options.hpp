// The command line.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "allow.hpp"

namespace meta {

struct Options {
    std::string host = "127.0.0.1";
    int port = 2200;  ///< 0: any free one
    std::string desired;
    std::string tarballs;
    std::string public_url;  ///< "": as the client addressed this server
    std::string port_file;
    std::string token;  ///< "": none is asked for
    std::string log;
    std::vector<Network> allow;
    long long late_after = 900;
    bool help = false;
};

class UsageError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Throws UsageError for a wrong command line and std::runtime_error for a token file that
/// cannot be used.
Options parse_options(int argc, char** argv);

/// What --help prints.
const char* help_text();

}  // namespace meta
