// The operators' view: which host reported what and when, as HTML and as JSON. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "desired_file.hpp"
#include "hosts.hpp"

namespace meta {

struct View {
    DesiredFile::Snapshot desired;
    std::vector<Host> hosts;                    ///< by name
    std::vector<std::string> missing_tarballs;  ///< wanted, but not in this server's folder
    std::int64_t now = 0;                       ///< unix seconds
    std::int64_t late_after = 900;              ///< seconds without a report that mark a host
};

/// Lists at most 2000 hosts, those with trouble first; the JSON has them all.
std::string html_page(const View& view);
std::string json_page(const View& view);

/// `text` with & < > " ' and control characters made harmless.
std::string html_escaped(std::string_view text);

}  // namespace meta
