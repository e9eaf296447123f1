#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "../support/files.hpp"
#include "bench.hpp"
#include "children.hpp"
#include "fault_server.hpp"
#include "nginx.hpp"

using namespace transport;
using namespace std::chrono_literals;
using e2e::contains;

namespace {

constexpr const char* file_server = "server { listen 127.0.0.1:{port0}; root {root}; }";

/// Announces `length` bytes and sends fewer.
std::string cut_short(std::size_t length, const std::string& body,
                      const std::string& fields = "ETag: \"a\"\r\n") {
    return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(length) +
           "\r\n\r\n" + body;
}

FaultServer::Answer then_close(const std::string& text) {
    return [text](const Seen&, Connection& connection) {
        connection.send(text);
        connection.close();
    };
}

FaultServer::Answer then_silence(const std::string& text) {
    return [text](const Seen&, Connection& connection) {
        connection.send(text);
        connection.wait_until_gone();
    };
}

}  // namespace

TEST_CASE("a download leaves the whole file and nothing else") {
    Nginx nginx(file_server);
    const std::string content = e2e::noise(3'000'000);
    nginx.put("file", content);
    Bench bench;
    std::vector<std::uint64_t> admitted;
    std::uint64_t last_done = 0;
    std::uint64_t last_total = 0;
    ops::Download download;
    download.url = nginx.url("/file");
    download.admit = [&](std::uint64_t bytes) {
        CHECK(bench.files() == "");
        admitted.push_back(bytes);
        return "";
    };
    download.progress = [&](std::uint64_t done, std::uint64_t total) {
        CHECK(done >= last_done);
        last_done = done;
        last_total = total;
    };
    const auto result = bench.download(download);
    CHECK(message_of(result.failure) == "");
    CHECK(result.bytes == content.size());
    CHECK(result.resumed == 0);
    CHECK(bench.parted() == content);
    CHECK(bench.files() == "agent-1.0.0.tar.gz.part");
    CHECK((fs::status(bench.part).permissions() & fs::perms::mask) == fs::perms(0644));
    CHECK(admitted == std::vector<std::uint64_t>{content.size()});
    CHECK(last_done == content.size());
    CHECK(last_total == content.size());
}

TEST_CASE("an empty file is a file") {
    FaultServer server({answer("200 OK", "")});
    Bench bench;
    const auto result = bench.download(server.url());
    CHECK(message_of(result.failure) == "");
    CHECK(result.bytes == 0);
    CHECK(bench.parted() == "");
}

TEST_CASE(
    "a download without a length is admitted as of unknown size, and ends where the body does") {
    FaultServer server(
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"});
    Bench bench;
    std::vector<std::uint64_t> admitted;
    ops::Download download;
    download.url = server.url();
    download.admit = [&](std::uint64_t bytes) {
        admitted.push_back(bytes);
        return "";
    };
    const auto result = bench.download(download);
    CHECK(message_of(result.failure) == "");
    CHECK(result.bytes == 5);
    CHECK(bench.parted() == "hello");
    CHECK(admitted == std::vector<std::uint64_t>{0});
}

TEST_CASE("what a server calls an encoding is stored as it came") {
    FaultServer server({answer("200 OK", "\x1f\x8b packed", "Content-Encoding: gzip\r\n")});
    Bench bench;
    CHECK(message_of(bench.download(server.url()).failure) == "");
    CHECK(bench.parted() == "\x1f\x8b packed");
    CHECK_FALSE(server.requests().at(0).has("accept-encoding"));
}

TEST_CASE(
    "an objection to the size ends the download before anything is written, and is not retried") {
    FaultServer server({answer("200 OK", "content")});
    Bench bench;
    bench.settings.retries = 3;
    ops::Download download;
    download.url = server.url();
    download.admit = [](std::uint64_t) { return "the disk is full enough"; };
    const auto result = bench.download(download);
    CHECK(kind_of(result.failure) == "local");
    CHECK(message_of(result.failure) == "the disk is full enough");
    CHECK(bench.files() == "");
    CHECK(server.requests().size() == 1);
}

TEST_CASE("a file that is not there leaves nothing and is not tried again") {
    FaultServer server({answer("404 Not Found", "no such file")});
    Bench bench;
    bench.settings.retries = 3;
    const auto result = bench.download(server.url("/x"));
    CHECK(kind_of(result.failure) == "refused");
    CHECK(result.failure->status == 404);
    CHECK(message_of(result.failure) == server.url("/x") + ": HTTP 404");
    CHECK(bench.files() == "");
    CHECK(server.requests().size() == 1);
}

TEST_CASE("a file that is too large leaves nothing, whether its size is told or not") {
    FaultServer told(then_silence(cut_short(1001, "x")));
    FaultServer untold([](const Seen&, Connection& connection) {
        connection.send("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nTransfer-Encoding: chunked\r\n\r\n");
        while (connection.send("64\r\n" + std::string(100, 'x') + "\r\n")) {
        }
    });
    FaultServer to_the_end([](const Seen&, Connection& connection) {
        connection.send("HTTP/1.0 200 OK\r\n\r\n");
        while (connection.send(std::string(100, 'x'))) {
        }
    });
    for (const FaultServer* server : {&told, &untold, &to_the_end}) {
        Bench bench;
        bench.max_bytes = 1000;
        bench.settings.retries = 3;
        const auto result = bench.download(server->url());
        CHECK(kind_of(result.failure) == "too_large");
        CHECK(contains(message_of(result.failure), "more than the allowed 1000 B"));
        CHECK(bench.files() == "");
        CHECK(server->requests().size() == 1);
    }
    FaultServer fits({answer("200 OK", std::string(1000, 'x'))});
    Bench bench;
    bench.max_bytes = 1000;
    CHECK(message_of(bench.download(fits.url()).failure) == "");
}

TEST_CASE("a body shorter than announced is down; what came is kept for the next time") {
    FaultServer server(then_close(cut_short(10, "12345")));
    Bench bench;
    const auto result = bench.download(server.url());
    CHECK(kind_of(result.failure) == "down");
    CHECK(bench.parted() == "12345");
    CHECK(bench.files() == "agent-1.0.0.tar.gz.part agent-1.0.0.tar.gz.part.from");
}

TEST_CASE("what came is not kept where nothing validates it") {
    for (const std::string fields : {"", "ETag: W/\"a\"\r\n"}) {
        FaultServer server(then_close(cut_short(10, "12345", fields)));
        Bench bench;
        CHECK(kind_of(bench.download(server.url()).failure) == "down");
        CHECK(bench.files() == "");
    }
}

TEST_CASE("a transfer that stalls, or drips, ends after the stall timeout") {
    FaultServer silent(then_silence(cut_short(100'000, "12345")));
    FaultServer dripping([](const Seen&, Connection& connection) {
        connection.send(cut_short(100'000, ""));
        connection.dribble("x", 20ms);
    });
    std::vector<std::thread> threads;
    for (const FaultServer* server : {&silent, &dripping}) {
        threads.emplace_back([server] {
            Bench bench;
            bench.settings.stall_timeout = 1s;
            Stopwatch watch;
            const auto result = bench.download(server->url());
            CHECK(kind_of(result.failure) == "down");
            CHECK(contains(message_of(result.failure), "too slow"));
            CHECK(watch.seconds() > 0.9);
            CHECK(watch.seconds() < 4);
        });
    }
    for (auto& thread : threads)
        thread.join();
}

TEST_CASE("the download timeout covers all tries") {
    FaultServer failing({answer("503 Service Unavailable", "")});
    FaultServer silent(then_silence(""));
    std::vector<std::thread> threads;
    for (const FaultServer* server : {&failing, &silent}) {
        threads.emplace_back([server] {
            Bench bench;
            bench.settings.retries = 1000;
            bench.settings.first_pause = 100ms;
            bench.settings.download_timeout = 1s;
            Stopwatch watch;
            CHECK(kind_of(bench.download(server->url()).failure) == "down");
            CHECK(watch.seconds() < 2);
        });
    }
    for (auto& thread : threads)
        thread.join();
    CHECK(failing.requests().size() > 1);
}

TEST_CASE("a stop signal ends a download at once, and what came is kept") {
    FaultServer server(then_silence(cut_short(100'000, "12345")));
    Bench bench;
    bench.settings.retries = 3;
    const StopLater stop(bench.stop, 200ms);
    const auto result = bench.download(server.url());
    CHECK(kind_of(result.failure) == "interrupted");
    CHECK(std::chrono::steady_clock::now() - stop.raised_at() < 800ms);
    CHECK(bench.parted() == "12345");
}

TEST_CASE("a rate limit holds") {
    Nginx nginx(file_server);
    nginx.put("file", e2e::noise(300'000));
    Bench bench;
    ops::Download limited;
    limited.url = nginx.url("/file");
    limited.max_rate = 150'000;
    Stopwatch watch;
    CHECK(message_of(bench.download(limited).failure) == "");
    CHECK(watch.seconds() > 0.8);  // the first second's worth comes at once
    CHECK(watch.seconds() < 4);
}

TEST_CASE(
    "a part that is no regular file is refused before anything is asked, its target untouched") {
    FaultServer server({answer("200 OK", "content")});
    SUBCASE("a link") {
        Bench bench;
        e2e::write_file(bench.dir.path / "target", "precious");
        fs::create_symlink(bench.dir.path / "target", bench.part);
        CHECK(kind_of(bench.download(server.url()).failure) == "local");
        CHECK(e2e::read_file(bench.dir.path / "target") == "precious");
    }
    SUBCASE("a FIFO") {
        Bench bench;
        REQUIRE(::mkfifo(bench.part.c_str(), 0600) == 0);
        const auto result = bench.download(server.url());
        CHECK(kind_of(result.failure) == "local");
        CHECK(
            contains(message_of(result.failure), bench.part.string() + ": it is no regular file"));
    }
    SUBCASE("a folder") {
        Bench bench;
        fs::create_directory(bench.part);
        CHECK(kind_of(bench.download(server.url()).failure) == "local");
    }
    CHECK(server.requests().empty());
}

TEST_CASE("a link put where the note goes is replaced, not followed") {
    FaultServer server(then_close(cut_short(10, "12345")));
    Bench bench;
    e2e::write_file(bench.dir.path / "target", "precious");
    fs::create_symlink(bench.dir.path / "target", bench.validator);
    CHECK(kind_of(bench.download(server.url()).failure) == "down");
    CHECK(e2e::read_file(bench.dir.path / "target") == "precious");
    CHECK(fs::is_regular_file(fs::symlink_status(bench.validator)));
}

TEST_CASE("a folder that is not there is a local failure with its name") {
    FaultServer server({answer("200 OK", "content")});
    Bench bench;
    bench.part = bench.dir.path / "absent" / "file.part";
    const auto result = bench.download(server.url());
    CHECK(kind_of(result.failure) == "local");
    CHECK(contains(message_of(result.failure), "absent/file.part: No such file or directory"));
}

TEST_CASE("a disk that is full is a local failure with the part's name, and the part goes") {
    FaultServer server({answer("200 OK", std::string(2'000'000, 'x'), "ETag: \"a\"\r\n")});
    Bench bench;
    const ChildResult child = in_child_with_small_disk(bench.dir.path, [&] {
        const auto result = bench.download(server.url());
        return kind_of(result.failure) + " " + message_of(result.failure) + " [" + bench.files() +
               "]";
    });
    if (!child.disk_made) {
        MESSAGE("no namespace of our own to be had here: not tested");
        return;
    }
    CHECK(child.text ==
          "local cannot write " + bench.part.string() + ": No space left on device []");
}

TEST_CASE("a file size limit is a local failure, and the part goes") {
    FaultServer server({answer("200 OK", std::string(2'000'000, 'x'), "ETag: \"a\"\r\n")});
    Bench bench;
    const ChildResult child = in_child_with_file_limit(1'000'000, [&] {
        const auto result = bench.download(server.url());
        return kind_of(result.failure) + " " + message_of(result.failure) + " [" + bench.files() +
               "]";
    });
    CHECK(child.text == "local cannot write " + bench.part.string() + ": File too large []");
}
