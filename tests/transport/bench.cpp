#include "bench.hpp"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

#include "../support/files.hpp"
#include "../support/process.hpp"
#include "rules/error.hpp"
#include "world/http_part.hpp"

namespace transport {

namespace {

fs::path fresh_dir() {
    std::string pattern = (fs::temp_directory_path() / "transport-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
    return pattern;
}

}  // namespace

TempDir::TempDir() : path(fresh_dir()) {}

TempDir::~TempDir() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
}

Bench::Bench() {
    settings.connect_timeout = std::chrono::seconds(5);
    settings.stall_timeout = std::chrono::seconds(5);
    settings.download_timeout = std::chrono::seconds(20);
    settings.first_pause = std::chrono::milliseconds(5);
    settings.retries = 0;
    settings.user_agent = "ops-updater/test";
}

ops::HttpText Bench::fetch(const ops::Request& request) {
    ops::Log log({debug, false, false, 80});
    return ops::make_curl_http(settings, log, stop)->fetch(request);
}

ops::HttpText Bench::get(const std::string& url) {
    ops::Request request;
    request.url = url;
    return fetch(request);
}

ops::HttpText Bench::post(const std::string& url, const std::string& body,
                          const std::string& bearer) {
    ops::Request request;
    request.url = url;
    request.body = body;
    request.headers = {"X-Ops-Hostname: web-01"};
    request.bearer = bearer;
    return fetch(request);
}

ops::Downloaded Bench::download(const std::string& url) {
    ops::Download download;
    download.url = url;
    return this->download(download);
}

ops::Downloaded Bench::download(ops::Download download) {
    ops::Log log({debug, false, false, 80});
    download.part = part;
    download.validator = validator;
    download.max_bytes = max_bytes;
    return ops::make_curl_http(settings, log, stop)->download(download);
}

void Bench::begin_download(const std::string& url) {
    ops::StopSignal some_bytes_are_there;
    std::thread watcher([&] {
        e2e::eventually([this] { return parted().value_or("") != ""; });
        some_bytes_are_there.raise_for_test(15);
    });
    ops::HttpSettings slow = settings;
    slow.user_agent = "slow";
    ops::Log log({debug, false, false, 80});
    ops::Download download;
    download.url = url;
    download.part = part;
    download.validator = validator;
    download.max_bytes = max_bytes;
    const auto result = ops::make_curl_http(slow, log, some_bytes_are_there)->download(download);
    watcher.join();
    if (kind_of(result.failure) != "interrupted") {
        throw std::runtime_error("not cut off: " + message_of(result.failure));
    }
}

std::optional<std::string> Bench::parted() const {
    return e2e::read_if_there(part);
}

void Bench::leave_part(const std::string& url, const std::string& content,
                       const std::string& note_of, std::optional<std::uint64_t> total) {
    ops::PartFile file(part, validator, url);
    file.start_over(note_of, total);
    file.append(content);
}

std::string Bench::files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir.path)) {
        names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    std::string text;
    for (const std::string& name : names)
        text += (text.empty() ? "" : " ") + name;
    return text;
}

StopLater::StopLater(ops::StopSignal& stop, std::chrono::milliseconds after)
    : at_(std::chrono::steady_clock::now() + after), thread_([this, &stop] {
          std::this_thread::sleep_until(at_);
          stop.raise_for_test(15);
      }) {}

StderrCapture::StderrCapture() : saved_(::dup(2)), file_(::memfd_create("stderr", MFD_CLOEXEC)) {
    ::dup2(file_, 2);
}

StderrCapture::~StderrCapture() {
    ::dup2(saved_, 2);
    ::close(saved_);
    ::close(file_);
}

std::string StderrCapture::text() {
    std::string all;
    std::array<char, 4096> buffer;
    ssize_t count = 0;
    while ((count = ::pread(file_, buffer.data(), buffer.size(), static_cast<off_t>(all.size()))) >
           0) {
        all.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return all;
}

WithEnv::WithEnv(const char* name, const std::string& value) : name_(name) {
    if (const char* before = ::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
}

WithEnv::~WithEnv() {
    if (before_) {
        ::setenv(name_, before_->c_str(), 1);
    } else {
        ::unsetenv(name_);
    }
}

std::string kind_of(const std::optional<ops::HttpFailure>& failure) {
    if (!failure) return "none";
    switch (failure->kind) {
        case Kind::down:
            return "down";
        case Kind::refused:
            return "refused";
        case Kind::too_large:
            return "too_large";
        case Kind::interrupted:
            return "interrupted";
        case Kind::local:
            return "local";
    }
    return "?";
}

std::string message_of(const std::optional<ops::HttpFailure>& failure) {
    return failure ? failure->message : "";
}

}  // namespace transport
