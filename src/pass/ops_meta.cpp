#include "pass/ops_meta.hpp"

#include "rules/error.hpp"
#include "rules/text.hpp"
#include "rules/url.hpp"
#include "world/files.hpp"
#include "world/host.hpp"

namespace ops {
namespace {

/// JSON in a JSON string may take more room than the answer itself.
constexpr std::size_t max_kept_answer = 3 * max_answer_bytes;

}  // namespace

OpsMeta::OpsMeta(const Config& config, std::string token, const Layout& layout, Http& http,
                 Log& log, bool read_only)
    : config_(config),
      url_(server_url(config.server)),
      token_(std::move(token)),
      layout_(layout),
      http_(http),
      log_(log),
      read_only_(read_only) {}

Answer OpsMeta::report(const std::vector<ReportEntry>& entries) {
    Request request;
    request.url = url_;
    request.body = report_body(config_.protocol, config_.hostname, entries, unix_now());
    request.headers = {"X-Ops-Hostname: " + config_.hostname};
    request.bearer = token_;
    request.timeout = config_.timeouts.report;
    request.max_bytes = max_answer_bytes;
    const HttpText text = http_.fetch(request);

    Answer answer;
    if (text.failure) {
        const std::string why = "ops-meta: " + text.failure->message;
        switch (text.failure->kind) {
            case HttpFailure::Kind::interrupted:
                answer.interrupted = true;
                return answer;
            case HttpFailure::Kind::down:
                return down(why);
            default:
                answer.failure = why + ": nothing is changed";
                return answer;
        }
    }
    try {
        answer.desired = parse_answer(text.body);
        answer.fresh = true;
    } catch (const Error& error) {
        answer.failure =
            "ops-meta " + redact_url(url_) + ": " + error.what() + ": nothing is changed";
        return answer;
    }
    keep(text.body);
    return answer;
}

Answer OpsMeta::down(const std::string& why) const {
    Answer answer;
    const auto kept = kept_answer(layout_);
    if (!kept || kept->server != url_ || kept->hostname != config_.hostname ||
        kept->protocol != to_string(config_.protocol)) {
        answer.failure = why + "; there is no earlier answer to go by";
        return answer;
    }
    try {
        answer.desired = parse_answer(kept->body);
        answer.failure =
            why + "; going by its answer of " + iso_time(kept->at) + ", without new switches";
    } catch (const Error& error) {
        answer.failure = why + "; the kept answer is unusable: " + error.what();
    }
    return answer;
}

void OpsMeta::keep(const std::string& body) const {
    if (read_only_) return;
    const KeptAnswer now{url_, to_string(config_.protocol), config_.hostname, unix_now(), body};
    if (auto before = kept_answer(layout_)) {
        before->at = now.at;
        if (*before == now) return;  // a steady pass writes nothing here
    }
    try {
        replace_file(layout_.answer(), to_json(now), 0600, Durable::yes);
    } catch (const Error& error) {
        log_.warning("", "the answer cannot be kept: " + std::string(error.what()));
    }
}

std::optional<KeptAnswer> kept_answer(const Layout& layout) {
    try {
        const auto text = read_file(layout.answer(), max_kept_answer);
        if (text) return parse_kept_answer(*text);
    } catch (
        const Error&) {  // foreign or corrupt: as good as none, the next good answer replaces it
    }
    return std::nullopt;
}

}  // namespace ops
