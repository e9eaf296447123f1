#include "agents/stage.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "rules/error.hpp"
#include "rules/text.hpp"
#include "rules/url.hpp"
#include "world/files.hpp"
#include "world/process.hpp"

namespace ops {
namespace {

constexpr std::size_t max_digest_file = 64 * 1024;
constexpr std::size_t max_signature = 4096;

[[noreturn]] void raise(const HttpFailure& failure, const std::string& doing) {
    if (failure.kind == HttpFailure::Kind::interrupted) throw Stopped();
    throw Error(doing + ": " + failure.message);
}

Fd open_for_tool(const fs::path& file) {
    Fd fd(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd) fail("cannot open", file, errno);
    return fd;
}

/// True where minisign's trusted comment names `file_name`: "file:NAME" among its words, as
/// minisign itself writes it, or the bare name.
bool comment_names(const std::string& comment, const std::string& file_name) {
    std::string word;
    for (const char c : comment + "\n") {
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            word += c;
            continue;
        }
        if (word == file_name || word == "file:" + file_name) return true;
        word.clear();
    }
    return false;
}

}  // namespace

Stager::Stager(const Layout& layout, const Config& config, const Tools& tools, Http& http, Log& log,
               const StopSignal& stop)
    : layout_(layout),
      config_(config),
      tools_(tools),
      http_(http),
      log_(log),
      stop_(stop),
      budget_(layout.ops_dir()),
      slots_(config.download.jobs) {
    share_rate(static_cast<std::size_t>(config.download.jobs));
}

void Stager::share_rate(std::size_t stages) {
    const auto jobs = static_cast<std::uint64_t>(config_.download.jobs);
    max_rate_ = config_.download.max_rate / std::clamp<std::uint64_t>(stages, 1, jobs);
}

Digests Stager::stage(const Entry& entry, const StagePaths& stage) {
    const Digest expected = expected_digest(entry);
    fetch_tarball(entry, stage, expected);
    log_.progress(entry.name, "unpacking " + entry.version);
    log_.debug(entry.name, tools_.tar + " --extract < " + stage.tarball.string());
    UnpackLimits limits;
    limits.max_bytes = config_.download.max_unpacked;
    limits.timeout = config_.timeouts.download;
    unpack(stage, limits, tools_, budget_, stop_);
    Digests known = entry.published;
    known.set(expected);
    return known;
}

Digest Stager::expected_digest(const Entry& entry) {
    const DigestSource& source = entry.digest;
    if (!source.hex.empty()) return {source.kind, source.hex};
    const std::string text = fetch_text(source.url, to_string(source.kind), max_digest_file);
    try {
        return parse_digest_file(source.kind, text,
                                 Layout::tarball_name(entry.name, entry.version));
    } catch (const Error& error) {
        throw Error("no usable " + to_string(source.kind) + " at " + redact_url(source.url) + ": " +
                    error.what());
    }
}

std::string Stager::fetch_text(const std::string& url, const std::string& what,
                               std::size_t max_bytes) {
    Request request;
    request.url = url;
    request.timeout = config_.timeouts.report;
    request.max_bytes = max_bytes;
    request.retries = config_.download.retries;
    HttpText text = http_.fetch(request);
    if (text.failure) raise(*text.failure, "cannot get the " + what);
    return std::move(text.body);
}

/// Afterwards `stage.tarball` is there and verified, and nothing else of the download.
void Stager::fetch_tarball(const Entry& entry, const StagePaths& stage, const Digest& expected) {
    if (status_of(stage.tarball)) {
        try {
            const Fd alone = open_tarball(stage.tarball, stop_);
            verify(entry, stage.tarball, stage, expected);
            return;
        } catch (const Error& error) {
            log_.warning(entry.name, entry.version + ": the tarball that is there is bad (" +
                                         error.what() + "): fetched again");
            remove_tree(stage.tarball);
        }
    }
    bool resumed = false;
    download(entry, stage, resumed);
    try {
        verify(entry, stage.part, stage, expected);
    } catch (const Error& error) {
        remove_file(stage.part);
        if (!resumed) throw;
        // The first half may have come from another build: once more from the beginning.
        log_.warning(entry.name,
                     entry.version + ": " + error.what() + " after a resume: starting over");
        download(entry, stage, resumed);
        try {
            verify(entry, stage.part, stage, expected);
        } catch (const Error&) {
            remove_file(stage.part);
            throw;
        }
    }
    rename_path(stage.part, stage.tarball);
}

void Stager::download(const Entry& entry, const StagePaths& stage, bool& resumed) {
    while (!slots_.try_acquire_for(std::chrono::milliseconds(100)))
        if (stop_.raised()) throw Stopped();
    const std::unique_ptr<std::counting_semaphore<>, void (*)(std::counting_semaphore<>*)> leave(
        &slots_, [](std::counting_semaphore<>* slots) { slots->release(); });

    log_.progress(entry.name, "downloading " + entry.version);
    DiskBudget::Share share(budget_);
    std::uint64_t before = 0;
    bool first = true;
    Download what;
    what.url = entry.tarball_url;
    what.part = stage.part;
    what.validator = stage.validator;
    what.max_bytes = config_.download.max_size;
    what.max_rate = max_rate_;
    what.admit = [&](std::uint64_t bytes_to_come) {
        share.release();
        first = true;
        return share.ask(bytes_to_come);
    };
    what.progress = [&](std::uint64_t done, std::uint64_t total) {
        if (!first && done > before) share.written(done - before);
        before = done;
        first = false;
        log_.progress(entry.name, "downloading " + entry.version, done, total);
    };
    const Downloaded got = http_.download(what);
    resumed = got.resumed > 0;
    if (got.failure) {
        // What cannot become the file only takes space; what was merely cut off is resumed.
        if (got.failure->kind == HttpFailure::Kind::local ||
            got.failure->kind == HttpFailure::Kind::too_large) {
            remove_file(stage.part);
            remove_file(stage.validator);
        }
        raise(*got.failure, "cannot download " + redact_url(entry.tarball_url));
    }
}

void Stager::verify(const Entry& entry, const fs::path& file, const StagePaths& stage,
                    const Digest& expected) {
    const std::string actual = digest_of(expected.kind, file);
    if (actual != expected.hex)
        throw Error(to_string(expected.kind) + " mismatch: expected " + expected.hex + ", " +
                    redact_url(entry.tarball_url) + " has " + actual);
    if (!config_.minisign_key.empty()) verify_signature(entry, file, stage);
}

std::string Stager::digest_of(DigestKind kind, const fs::path& file) {
    const Fd input = open_for_tool(file);
    Command sum;
    sum.argv = {kind == DigestKind::md5 ? tools_.md5sum : tools_.sha256sum};
    sum.environment = tool_environment();
    sum.timeout = config_.timeouts.download;
    sum.input = input.get();
    sum.stop = &stop_;
    log_.debug("", sum.argv[0] + " < " + file.string());
    const Result result = run(sum);
    if (std::holds_alternative<Interrupted>(result.outcome)) throw Stopped();
    const auto hex = parse_tool_output(kind, result.output);
    if (!succeeded(result.outcome) || !hex)
        throw Error(sum.argv[0] + " failed: " + to_string(result.outcome) + " " +
                    one_line(result.output, 200));
    return *hex;
}

void Stager::verify_signature(const Entry& entry, const fs::path& file, const StagePaths& stage) {
    const std::string name = Layout::tarball_name(entry.name, entry.version);
    replace_file(stage.signature, fetch_text(entry.signature_url, "signature", max_signature), 0600,
                 Durable::no);
    Command minisign;
    minisign.argv = {tools_.minisign,         "-V", "-Q",          "-p",
                     config_.minisign_key,    "-m", file.string(), "-x",
                     stage.signature.string()};
    minisign.environment = tool_environment();
    minisign.timeout = config_.timeouts.download;
    minisign.stop = &stop_;
    log_.debug(entry.name, tools_.minisign + " -V -m " + file.string());
    const Result result = run(minisign);
    remove_file(stage.signature);
    if (std::holds_alternative<Interrupted>(result.outcome)) throw Stopped();
    if (!succeeded(result.outcome))
        throw Error("the signature " + redact_url(entry.signature_url) + " is refused: " +
                    one_line(trim(result.output), 200) + " (" + to_string(result.outcome) + ")");
    if (!comment_names(result.output, name))
        throw Error("the signature " + redact_url(entry.signature_url) +
                    " is for another file: its " + "signed comment is \"" +
                    one_line(trim(result.output), 200) + "\", not file:" + name);
}

}  // namespace ops
