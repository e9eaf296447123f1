// Any bytes as `.version`, and as all the other short text that scripts and people write.
#include <cstdint>

#include "property.hpp"
#include "rules/error.hpp"
#include "rules/identity.hpp"
#include "rules/layout.hpp"
#include "rules/url.hpp"

namespace {

using namespace ops;
using namespace ops::fuzz;

void check_version_file(std::string_view text) {
    const std::string version(trim(text));
    const std::string fault = version_fault(version);
    if (!fault.empty()) {
        require_one_line(fault);
        return;
    }
    require_path_component(version);
    const Layout layout("/ops");
    const auto dir = layout.version_dir("agent", version);
    require(dir.lexically_normal() == dir, "a version dir is what it looks like");
    require(dir.parent_path() == layout.agent_dir("agent"), "a version dir is in its agent's");
}

void check_clean_text(std::string_view text) {
    const std::string line = one_line(text);
    require(line.size() <= 500, "a line is short");
    require(!has_control_characters(line), "a line has no control characters");
    require(one_line(line) == line, "a clean line stays as it is");
    for (const std::size_t limit : {0, 1, 2, 3, 4, 5, 8}) {
        const std::string cut = one_line(text, limit);
        require(cut.size() <= limit, "a line keeps its limit");
        require(cut.find('?') == cut.npos || one_line(text, text.size()).find('?') != line.npos,
                "no character is cut in two");
    }
    std::string block = printable(text);
    require(printable(block) == block, "a clean block stays as it is");
    for (char& c : block) {
        if (c == '\n') c = ' ';
    }
    require(!has_control_characters(block), "a block has line feeds and no other control");
}

void check_status(std::string_view text) {
    const RunState state = parse_status_output(text);
    const bool started = text.find("started") != text.npos;
    require(started || state != RunState::started, "started was said");
    require(!started || state != RunState::stopped, "stopped is only stopped");
}

void check_urls(std::string_view text) {
    const std::string shown = redact_url(text);
    require(!has_control_characters(shown), "a URL is shown without control characters");
    try {
        const std::string url = server_url(text);
        require(url_fault(url).empty(), "a server's URL has no fault");
        require(!url_host(url).empty(), "a server's URL has a host");
        require(server_url(url) == url, "a server's URL stays as it is");
    } catch (const Error& error) {
        require_one_line(error.what());
    }
    require(!url_fault(text).empty() || !url_host(text).empty(), "a good URL has a host");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_version_file(text);
    check_clean_text(text);
    check_status(text);
    check_urls(text);
    (void)parse_size(text);
    return 0;
}
