#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "../support/files.hpp"
#include "bench.hpp"
#include "children.hpp"
#include "fault_server.hpp"
#include "nginx.hpp"
#include "world/http_part.hpp"

using namespace transport;
using namespace std::chrono_literals;
using e2e::contains;

namespace {

// Files of 200 KB come at once, but to "slow" clients 50 KB a second.
constexpr const char* file_server = R"(
    map $http_user_agent $rate { slow 50k; default 0; }
    limit_rate $rate;
    root {root};
    server { listen 127.0.0.1:{port0}; }
    server { listen 127.0.0.1:{port1}; max_ranges 0; }
    server { listen 127.0.0.1:{port2}; etag off; }
)";

/// Serves one content as a proper server does, but cuts its first answers short.
class Cutting {
  public:
    Cutting(std::string content, std::vector<std::size_t> cuts,
            std::string head = "ETag: \"a\"\r\n", bool chunked = false)
        : content_(std::move(content)),
          cuts_(std::move(cuts)),
          head_(std::move(head)),
          chunked_(chunked) {}

    void operator()(const Seen& request, Connection& connection) {
        const std::size_t number = next_->fetch_add(1);
        const std::string range = request.field("range");
        const std::size_t from = range.empty() ? 0 : std::stoul(range.substr(6));
        const std::string rest = content_.substr(from);
        std::string text = range.empty() ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 206 Partial\r\n";
        text += head_;
        if (!range.empty()) {
            text += "Content-Range: bytes " + std::to_string(from) + "-" +
                    std::to_string(content_.size() - 1) + "/" + std::to_string(content_.size()) +
                    "\r\n";
        }
        text += chunked_ ? "Transfer-Encoding: chunked\r\n\r\n" + chunk(rest.size())
                         : "Content-Length: " + std::to_string(rest.size()) + "\r\n\r\n";
        const bool cut = number < cuts_.size();
        text += cut ? rest.substr(0, cuts_[number]) : rest + (chunked_ ? "\r\n0\r\n\r\n" : "");
        connection.send(text);
        if (cut) connection.close();
    }

  private:
    static std::string chunk(std::size_t size) {
        char text[32];
        std::snprintf(text, sizeof text, "%zx\r\n", size);
        return text;
    }

    std::string content_;
    std::vector<std::size_t> cuts_;
    std::string head_;
    bool chunked_;
    std::shared_ptr<std::atomic<std::size_t>> next_ = std::make_shared<std::atomic<std::size_t>>(0);
};

std::vector<std::string> ranges(const FaultServer& server) {
    std::vector<std::string> all;
    for (const Seen& request : server.requests())
        all.push_back(request.field("range"));
    return all;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("a download goes on where it was cut off, with the validator it began with") {
    const std::string content = e2e::noise(10'000);
    FaultServer server(Cutting(content, {3000, 4000}));
    Bench bench;
    bench.settings.retries = 2;
    const auto result = bench.download(server.url("/file"));
    CHECK(message_of(result.failure) == "");
    CHECK(result.bytes == 10'000);
    CHECK(result.resumed == 0);  // nothing was there before this call
    CHECK(bench.parted() == content);
    CHECK(bench.files() == "agent-1.0.0.tar.gz.part");
    CHECK(ranges(server) == Strings{"", "bytes=3000-", "bytes=7000-"});
    CHECK(server.requests().at(2).field("if-range") == "\"a\"");
}

TEST_CASE("a later call goes on as well, and says what was there and what is to come") {
    const std::string content = e2e::noise(10'000);
    FaultServer server(Cutting(content, {3000}));
    Bench bench;
    CHECK(kind_of(bench.download(server.url("/file")).failure) == "down");
    std::vector<std::uint64_t> admitted;
    std::vector<std::uint64_t> done;
    ops::Download download;
    download.url = server.url("/file");
    download.admit = [&](std::uint64_t bytes) {
        admitted.push_back(bytes);
        return "";
    };
    download.progress = [&](std::uint64_t so_far, std::uint64_t total) {
        CHECK(total == 10'000);
        done.push_back(so_far);
    };
    const auto result = bench.download(download);
    CHECK(result.bytes == 10'000);
    CHECK(result.resumed == 3000);
    CHECK(bench.parted() == content);
    CHECK(admitted == std::vector<std::uint64_t>{7000});
    CHECK(done.front() == 3000);
    CHECK(done.back() == 10'000);
}

TEST_CASE("nginx sends just the rest") {
    Nginx nginx(file_server);
    const std::string content = e2e::noise(200'000);
    nginx.put("file", content);
    Bench bench;
    bench.begin_download(nginx.url("/file"));
    const std::size_t there = bench.parted()->size();
    CHECK(there > 0);
    CHECK(there < content.size());
    const auto result = bench.download(nginx.url("/file"));
    CHECK(message_of(result.failure) == "");
    CHECK(result.resumed == there);
    CHECK(bench.parted() == content);
    CHECK(nginx.log(" 206 bytes=" + std::to_string(there) + "-", 1).size() == 1);
}

TEST_CASE("a file that changed meanwhile is fetched anew, even at the same size") {
    Nginx nginx(file_server);
    const std::string before = e2e::noise(200'000, 1);
    const std::string after = e2e::noise(200'000, 2);
    for (const int port : {0, 2}) {  // by ETag, by Last-Modified
        CAPTURE(port);
        nginx.put("file", before, 0);
        Bench bench;
        bench.begin_download(nginx.url("/file", port));
        CHECK(fs::exists(bench.validator));
        nginx.put("file", after, 1);
        const auto result = bench.download(nginx.url("/file", port));
        CHECK(message_of(result.failure) == "");
        CHECK(result.resumed == 0);
        CHECK(bench.parted() == after);
    }
}

TEST_CASE("a server that knows no ranges sends all of it, and that is what is taken") {
    Nginx nginx(file_server);
    const std::string content = e2e::noise(200'000);
    nginx.put("file", content);
    Bench bench;
    bench.begin_download(nginx.url("/file", 1));
    const auto result = bench.download(nginx.url("/file", 1));
    CHECK(message_of(result.failure) == "");
    CHECK(result.resumed == 0);
    CHECK(bench.parted() == content);
}

TEST_CASE("without an ETag, Last-Modified serves; a file changed in the same second has neither") {
    const std::string content = e2e::noise(1000);
    const std::string old_file =
        "Last-Modified: Tue, 15 Nov 1994 11:00:00 GMT\r\n"
        "Date: Tue, 15 Nov 1994 12:00:00 GMT\r\n";
    const std::string new_file =
        "Last-Modified: Tue, 15 Nov 1994 12:00:00 GMT\r\n"
        "Date: Tue, 15 Nov 1994 12:00:00 GMT\r\n";
    for (const bool old : {true, false}) {
        FaultServer server(Cutting(content, {300}, old ? old_file : new_file));
        Bench bench;
        bench.settings.retries = 1;
        CHECK(message_of(bench.download(server.url()).failure) == "");
        CHECK(bench.parted() == content);
        CHECK(server.requests().at(1).field("if-range") ==
              (old ? "Tue, 15 Nov 1994 11:00:00 GMT" : ""));
        CHECK(ranges(server) == (old ? Strings{"", "bytes=300-"} : Strings{"", ""}));
    }
}

TEST_CASE("a part of unknown total goes on as well") {
    const std::string content = e2e::noise(1000);
    FaultServer server(Cutting(content, {300}, "ETag: \"a\"\r\n", true));
    Bench bench;
    bench.settings.retries = 1;
    const auto result = bench.download(server.url());
    CHECK(message_of(result.failure) == "");
    CHECK(result.bytes == 1000);
    CHECK(bench.parted() == content);
    CHECK(ranges(server) == Strings{"", "bytes=300-"});
}

TEST_CASE(
    "a part that is empty, whole, too long, another URL's or without its note is not gone on "
    "with") {
    const std::string content = e2e::noise(100);
    struct Case {
        std::string what, path, there, validator;
        std::optional<std::uint64_t> total;
    };
    for (const Case& left : {Case{"empty", "/file", "", "\"a\"", 100},
                             Case{"whole", "/file", std::string(100, 'x'), "\"a\"", 100},
                             Case{"too long", "/file", std::string(101, 'x'), "\"a\"", 100},
                             Case{"another URL's", "/other", std::string(50, 'x'), "\"a\"", 100},
                             Case{"without a note", "/file", std::string(50, 'x'), "", 100}}) {
        CAPTURE(left.what);
        FaultServer server(Cutting(content, {}));
        Bench bench;
        bench.leave_part(server.url(left.path), left.there, left.validator, left.total);
        const auto result = bench.download(server.url("/file"));
        CHECK(message_of(result.failure) == "");
        CHECK(result.resumed == 0);
        CHECK(bench.parted() == content);
        CHECK(ranges(server) == Strings{""});
    }
}

TEST_CASE("a note that is damaged in any way is none") {
    const std::string content = e2e::noise(100);
    FaultServer server(Cutting(content, {}));
    Bench bench;
    bench.leave_part(server.url(), std::string(50, 'x'), "\"a\"", 100);
    const std::string note = e2e::read_file(bench.validator);
    const auto usable = [&](const std::string& text) {
        e2e::write_file(bench.validator, text);
        return ops::PartFile(bench.part, bench.validator, server.url()).resume_point().has_value();
    };
    CHECK(usable(note));
    for (std::size_t length = 0; length < note.size(); ++length) {
        CAPTURE(length);
        CHECK_FALSE(usable(note.substr(0, length)));
    }
    CHECK_FALSE(usable(note + "x"));
    CHECK_FALSE(usable(note + "x\n"));
    CHECK_FALSE(usable(std::string(note.size(), '\0')));
    CHECK_FALSE(usable(note.substr(0, note.size() - 4) + "1oo\n"));
    fs::remove(bench.validator);
    fs::create_directory(bench.validator);
    CHECK_FALSE(ops::PartFile(bench.part, bench.validator, server.url()).resume_point());
}

TEST_CASE("the old bytes are gone before the new note is written") {
    Bench bench;
    bench.leave_part("http://a.test/", "old bytes", "\"old\"", 100);
    fs::remove(bench.validator);
    fs::create_directory(bench.validator);  // no note can be put here
    ops::PartFile file(bench.part, bench.validator, "http://a.test/");
    CHECK_THROWS(file.start_over("\"new\"", 100));
    CHECK(bench.parted() == "");
}

TEST_CASE(
    "an answer to a range that does not fit is not used: the file is asked for anew, unmixed") {
    const std::string content = e2e::noise(100);
    const auto part = [](std::size_t length, const std::string& fields) {
        return answer("206 Partial Content", std::string(length, 'y'), fields);
    };
    for (const std::string& range_answer :
         {part(51, "Content-Range: bytes 49-99/100\r\n"),   // begins too early
          part(49, "Content-Range: bytes 51-99/100\r\n"),   // too late
          part(60, "Content-Range: bytes 50-109/110\r\n"),  // of a longer file
          part(40, "Content-Range: bytes 50-89/90\r\n"),    // of a shorter one
          part(49, "Content-Range: bytes 50-98/100\r\n"),   // ends too early
          part(40, "Content-Range: bytes 50-99/100\r\n"),   // and another length
          part(50, "Content-Range: bytes 50-99/*\r\n"),     // of we know not what
          part(50, "Content-Range: lines 50-99/100\r\n"),   // nor this
          part(50, ""), part(50, "Content-Type: multipart/byteranges; boundary=x\r\n"),
          part(50, "ETag: \"b\"\r\nContent-Range: bytes 50-99/100\r\n"),
          answer("416 Range Not Satisfiable", "", "Content-Range: bytes */100\r\n")}) {
        CAPTURE(range_answer.substr(0, 120));
        FaultServer server({range_answer, answer("200 OK", content, "ETag: \"b\"\r\n")});
        Bench bench;  // no retries: it is one try
        bench.leave_part(server.url(), std::string(50, 'x'), "\"a\"", 100);
        const auto result = bench.download(server.url());
        CHECK(message_of(result.failure) == "");
        CHECK(result.resumed == 0);
        CHECK(bench.parted() == content);
        CHECK(ranges(server) == Strings{"bytes=50-", ""});
    }
}

TEST_CASE("the file changes between two tries: the second answer is taken whole") {
    const std::string content = e2e::noise(100);
    FaultServer server([&content, first = std::make_shared<std::atomic<bool>>(true)](
                           const Seen&, Connection& connection) {
        if (first->exchange(false)) {
            connection.send(
                "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: 100\r\n\r\nold bytes");
            return connection.close();
        }
        connection.send(answer("200 OK", content, "ETag: \"b\"\r\n"));
    });
    Bench bench;
    bench.settings.retries = 1;
    CHECK(message_of(bench.download(server.url()).failure) == "");
    CHECK(bench.parted() == content);
    CHECK(server.requests().at(1).field("if-range") == "\"a\"");
}

TEST_CASE("a reset in the middle is resumed") {
    const std::string content = e2e::noise(100'000);
    FaultServer server([&content, number = std::make_shared<std::atomic<int>>(0)](
                           const Seen& request, Connection& connection) {
        if ((*number)++ == 0) {
            connection.send("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: 100000\r\n\r\n" +
                            content.substr(0, 60'000));
            std::this_thread::sleep_for(50ms);  // a reset overtakes what is still on its way
            return connection.reset();
        }
        Cutting(content, {})(request, connection);
    });
    Bench bench;
    bench.settings.retries = 1;
    CHECK(message_of(bench.download(server.url()).failure) == "");
    CHECK(bench.parted() == content);
    CHECK(ranges(server).at(1) != "");
}

TEST_CASE("a 206 that nobody asked for is refused") {
    FaultServer server(
        {"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/10\r\n"
         "Content-Length: 5\r\n\r\n12345"});
    Bench bench;
    CHECK(kind_of(bench.download(server.url()).failure) == "refused");
    CHECK(bench.files() == "");
}

TEST_CASE("the size limit holds for the whole file when it is gone on with") {
    const std::string content = e2e::noise(1000);
    FaultServer server(Cutting(content, {}));
    Bench bench;
    bench.leave_part(server.url(), content.substr(0, 500), "\"a\"", 1000);
    bench.max_bytes = 999;
    CHECK(kind_of(bench.download(server.url()).failure) == "too_large");
    CHECK(bench.files() == "");
}

TEST_CASE("an objection keeps what is there for the next time") {
    const std::string content = e2e::noise(1000);
    FaultServer server(Cutting(content, {}));
    Bench bench;
    bench.leave_part(server.url(), content.substr(0, 500), "\"a\"", 1000);
    ops::Download download;
    download.url = server.url();
    download.admit = [](std::uint64_t bytes) { return bytes == 500 ? "not now" : "?"; };
    CHECK(message_of(bench.download(download).failure) == "not now");
    CHECK(bench.parted() == content.substr(0, 500));
    CHECK(bench.download(server.url()).resumed == 500);
    CHECK(bench.parted() == content);
}

TEST_CASE("a server that is down for a while leaves the part alone") {
    const std::string content = e2e::noise(1000);
    FaultServer server({answer("503 Service Unavailable", "")});
    Bench bench;
    bench.leave_part(server.url(), content.substr(0, 500), "\"a\"", 1000);
    CHECK(kind_of(bench.download(server.url()).failure) == "down");
    CHECK(bench.parted() == content.substr(0, 500));
    CHECK(fs::exists(bench.validator));
}

TEST_CASE(
    "killed at any point, the file changing meanwhile: the next download is the new file, whole") {
    Nginx nginx(file_server);
    const std::vector<std::string> contents = {e2e::noise(400'000, 1), e2e::noise(400'000, 2)};
    Bench bench;
    int kills = 0;
    int resumes = 0;
    const auto part_size = [&bench] {
        std::error_code error;
        const auto size = fs::file_size(bench.part, error);
        return error ? std::uintmax_t{0} : size;
    };
    // A new child each time, killed when the part has just changed, or has grown to some size. Each
    // third time the download is let go on to its end; the next one is of another content then.
    for (int round = 0; round < 18; ++round) {
        const std::string& content = contents[(round / 3) % 2];
        nginx.put("file", content, round / 3);
        const auto before = part_size();
        const std::uintmax_t at_least = std::array{0, 1, 20'000, 1, 20'000}[round % 5];
        const auto now = [&] { return part_size() != before && part_size() >= at_least; };
        bench.settings.user_agent = "slow";
        kills += kill_child_when(now, [&] { bench.download(nginx.url("/file")); });
        if (round % 3 == 2) {
            bench.settings.user_agent = "fast";
            const auto result = bench.download(nginx.url("/file"));
            REQUIRE(message_of(result.failure) == "");
            resumes += result.resumed > 0;
            CHECK(*bench.parted() == content);
        }
    }
    CHECK(kills == 18);
    CHECK(resumes > 0);
}
