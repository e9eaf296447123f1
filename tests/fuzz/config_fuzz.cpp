// libFuzzer target: any bytes as a configuration file. Only an Error(config) of one line that names
// the file may come out; what is accepted is within the documented ranges.
#include <cstdlib>
#include <string_view>

#include "rules/config.hpp"
#include "rules/error.hpp"
#include "rules/identity.hpp"
#include "rules/setting.hpp"
#include "rules/text.hpp"
#include "rules/url.hpp"

namespace {

void must(bool holds) {
    if (!holds) std::abort();
}

bool within(std::int64_t number, ops::Range range) {
    return number >= range.min && number <= range.max;
}

void must_be_path(const std::string& path) {
    must(path.empty() || path.front() == '/');
    must(path.find('\0') == std::string::npos);
}

void check_accepted(const ops::Config& config) {
    ops::check_config(config);
    if (!config.server.empty()) must(ops::url_fault(ops::server_url(config.server)).empty());
    must(within(config.interval.count(), ops::interval_range));
    must(within(ops::effective_splay(config).count(), ops::splay_range));
    must(within(config.keep_versions, ops::keep_versions_range));
    const ops::Timeouts& t = config.timeouts;
    for (auto timeout : {t.connect, t.report, t.download, t.stall, t.status, t.start, t.stop}) {
        must(within(timeout.count(), ops::timeout_range));
    }
    must(within(config.download.jobs, ops::jobs_range));
    must(within(config.download.retries, ops::retries_range));
    must(config.download.max_size > 0 && config.download.max_unpacked > 0);
    must(within(config.rollback.retry_after.count(), ops::retry_after_range));
    must(within(config.rollback.probation.count(), ops::probation_range));
    must(within(config.rollback.max_restarts, ops::max_restarts_range));
    must(config.tls.cert_file.empty() == config.tls.key_file.empty());
    for (const auto& path :
         {config.ops_dir, config.tls.ca_file, config.tls.cert_file, config.tls.key_file,
          config.token_file, config.netrc_file, config.minisign_key, config.metrics_file}) {
        must_be_path(path);
    }
    for (const std::string& agent : config.agents) {
        must(ops::is_agent_name(agent));
    }
    for (const auto& [agent, reason] : config.hold) {
        must(ops::is_agent_name(agent));
        must(ops::one_line(reason) == reason);
    }
    must(ops::one_line(config.hostname) == config.hostname);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        check_accepted(ops::parse_config(text, "fuzz.yaml"));
    } catch (const ops::Error& error) {
        const std::string_view what = error.what();
        must(error.code() == ops::ExitCode::config);
        must(what.starts_with("fuzz.yaml:"));
        must(what.find('\n') == std::string_view::npos);
    }
    return 0;
}
