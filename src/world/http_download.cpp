#include "world/http_download.hpp"

#include <utility>

#include "rules/error.hpp"
#include "rules/text.hpp"
#include "rules/url.hpp"
#include "world/http_exchange.hpp"
#include "world/http_failure.hpp"
#include "world/http_part.hpp"
#include "world/http_retry.hpp"

namespace ops {

namespace {

using Kind = HttpFailure::Kind;
using std::chrono::steady_clock;

constexpr auto progress_pause = std::chrono::milliseconds(100);

/// What has been received of the file, over all tries.
struct State {
    PartFile part;
    std::uint64_t done = 0;
    std::uint64_t kept = 0;  ///< bytes that were there before the first try and still are
    std::optional<std::uint64_t> total;
};

/// Judges one answer and writes its body.
class FileReceiver : public HttpReceiver {
  public:
    FileReceiver(const Download& download, State& state, std::optional<ResumePoint> from)
        : download_(download), state_(state), from_(std::move(from)) {}

    bool begin(const HttpHead& head) override {
        if (from_ && (head.status == 206 || head.status == 416)) {
            range_unusable_ = head.status == 416 || !continues(head);
            return !range_unusable_ && go_on(parse_content_range(head.fields.content_range)->total);
        }
        return head.status == 200 && start_over(head);
    }

    bool take(std::string_view piece) override {
        if (state_.done + piece.size() > download_.max_bytes) return too_large();
        state_.part.append(piece);
        state_.done += piece.size();
        show_progress(false);
        return true;
    }

    void show_progress(bool now) {
        if (!download_.progress) return;
        const auto time = steady_clock::now();
        if (!now && time - shown_ < progress_pause) return;
        shown_ = time;
        download_.progress(state_.done, state_.total.value_or(0));
    }

    /// The answer to the range cannot be used: ask again for all of it.
    [[nodiscard]] bool range_unusable() const { return range_unusable_; }
    [[nodiscard]] const std::optional<HttpFailure>& failure() const { return failure_; }

  private:
    /// Whether a 206 is the rest of just what the part was made from. A server that heeds Range but
    /// not If-Range gives itself away by another validator.
    bool continues(const HttpHead& head) const {
        const auto range = parse_content_range(head.fields.content_range);
        if (!range || range->first != from_->offset || range->last + 1 != range->total)
            return false;
        if (from_->total && *from_->total != range->total) return false;
        if (head.length && *head.length != range->total - range->first) return false;
        const bool by_etag = from_->validator.front() == '"';
        const std::string& now = by_etag ? head.fields.etag : head.fields.last_modified;
        return now.empty() || now == from_->validator;
    }

    bool go_on(std::uint64_t total) {
        if (!admitted(total, total - from_->offset)) return false;
        state_.part.continue_at(from_->offset);
        state_.done = from_->offset;
        state_.total = total;
        show_progress(true);
        return true;
    }

    bool start_over(const HttpHead& head) {
        if (!admitted(head.length.value_or(0), head.length.value_or(0))) return false;
        state_.part.start_over(range_validator(head.fields), head.length);
        state_.done = 0;
        state_.kept = 0;
        state_.total = head.length;
        show_progress(true);
        return true;
    }

    bool admitted(std::uint64_t total, std::uint64_t to_come) {
        if (total > download_.max_bytes) return too_large();
        const std::string objection = download_.admit ? download_.admit(to_come) : "";
        if (!objection.empty()) failure_ = HttpFailure{Kind::local, 0, objection};
        return objection.empty();
    }

    bool too_large() {
        failure_ = HttpFailure{Kind::too_large, 0,
                               redact_url(download_.url) + ": more than the allowed " +
                                   human_size(download_.max_bytes)};
        return false;
    }

    const Download& download_;
    State& state_;
    std::optional<ResumePoint> from_;
    bool range_unusable_ = false;
    std::optional<HttpFailure> failure_;
    steady_clock::time_point shown_{};
};

class CurlDownload {
  public:
    CurlDownload(const HttpSettings& settings, Log& log, const StopSignal& stop,
                 const Download& download, State& state)
        : download_(download), state_(state), exchange_(settings, log, stop) {}

    /// One try: a range first, where there is something to continue, and all of it where the answer
    /// to that cannot be used.
    Attempt attempt(steady_clock::time_point deadline) {
        const auto from = state_.part.resume_point();
        bool again = false;
        Attempt result = request(deadline, from, again);
        if (again) result = request(deadline, std::nullopt, again);
        return result;
    }

  private:
    Attempt request(steady_clock::time_point deadline, const std::optional<ResumePoint>& from,
                    bool& range_unusable) {
        HttpCall call;
        call.url = download_.url;
        call.deadline = deadline;
        call.bulk = true;
        call.max_rate = download_.max_rate;
        if (from) {
            call.headers = {"Range: bytes=" + std::to_string(from->offset) + "-",
                            "If-Range: " + from->validator};
        }
        FileReceiver receiver(download_, state_, from);
        const HttpOutcome outcome = exchange_.run(call, receiver);
        if (state_.part.touched()) receiver.show_progress(true);
        range_unusable = receiver.range_unusable();
        if (range_unusable) return {};
        const long wanted = from && outcome.head.status == 206 ? 206 : 200;
        Attempt result;
        if (outcome.failure) {
            result.failure = outcome.failure;
        } else if (receiver.failure()) {
            result.failure = receiver.failure();
        } else if (outcome.head.status != wanted) {
            result.failure = status_failure(outcome.head.status, outcome.where);
            result.retry_after = outcome.head.fields.retry_after;
        } else if (state_.total && state_.done != *state_.total) {
            result.failure = HttpFailure{Kind::down, 0, outcome.where + ": the body is cut short"};
        }
        return result;
    }

    const Download& download_;
    State& state_;
    HttpExchange exchange_;
};

/// Leaves nothing behind that takes room and cannot be continued.
void tidy(PartFile& part, const HttpFailure& failure) {
    const bool useless = part.write_failed() || failure.kind == Kind::too_large;
    if (useless || (part.touched() && !part.resume_point())) part.discard();
}

Downloaded run(const HttpSettings& settings, Log& log, const StopSignal& stop,
               const Download& download, State& state) {
    const RetryRule rule{settings.retries, settings.first_pause,
                         steady_clock::now() + settings.download_timeout};
    const auto before = state.part.resume_point();
    state.kept = before ? before->offset : 0;
    CurlDownload transfer(settings, log, stop, download, state);
    Downloaded result;
    try {
        result.failure =
            try_repeatedly(rule, log, stop, [&] { return transfer.attempt(rule.deadline); });
    } catch (const Error& error) {
        result.failure = HttpFailure{Kind::local, 0, error.what()};
    }
    if (result.failure) {
        tidy(state.part, *result.failure);
        return result;
    }
    state.part.finish();
    result.bytes = state.done;
    result.resumed = state.kept;
    return result;
}

}  // namespace

Downloaded curl_download(const HttpSettings& settings, Log& log, const StopSignal& stop,
                         const Download& download) {
    try {
        State state{PartFile(download.part, download.validator, download.url), 0, 0, {}};
        return run(settings, log, stop, download, state);
    } catch (const Error& error) {
        return {HttpFailure{Kind::local, 0, error.what()}, 0, 0};
    }
}

}  // namespace ops
