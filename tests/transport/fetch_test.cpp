#include <doctest/doctest.h>

#include "../support/files.hpp"
#include "bench.hpp"
#include "fault_server.hpp"
#include "resolver.hpp"

using namespace transport;
using namespace std::chrono_literals;
using e2e::contains;

TEST_CASE("a report is posted as JSON with the caller's headers, and its answer comes back") {
    FaultServer server({answer("200 OK", "[]")});
    Bench bench;
    const auto text = bench.post(server.url("/heartbeat"), R"([{"name":"a"}])", "s3cret");
    CHECK(message_of(text.failure) == "");
    CHECK(text.status == 200);
    CHECK(text.body == "[]");

    const Seen request = server.requests().at(0);
    CHECK(request.line == "POST /heartbeat HTTP/1.1");
    CHECK(request.field("content-type") == "application/json");
    CHECK(request.field("x-ops-hostname") == "web-01");
    CHECK(request.field("authorization") == "Bearer s3cret");
    CHECK(request.field("user-agent") == "ops-updater/test");
    CHECK(request.body == R"([{"name":"a"}])");
}

TEST_CASE("a report of a megabyte and more is sent without asking first") {
    FaultServer server({answer("200 OK", "[]")});
    Bench bench;
    const std::string body(1'500'000, 'x');
    CHECK(message_of(bench.post(server.url(), body).failure) == "");
    CHECK(server.requests().at(0).body == body);
    CHECK_FALSE(server.requests().at(0).has("expect"));
}

TEST_CASE("a GET has no body and asks for no compression") {
    FaultServer server({answer("200 OK", "d41d8cd98f00b204e9800998ecf8427e\n")});
    Bench bench;
    CHECK(bench.get(server.url("/x.md5")).body == "d41d8cd98f00b204e9800998ecf8427e\n");
    const Seen request = server.requests().at(0);
    CHECK(request.line == "GET /x.md5 HTTP/1.1");
    CHECK_FALSE(request.has("accept-encoding"));
    CHECK_FALSE(request.has("authorization"));
}

TEST_CASE("200 alone is success; 5xx and 429 may pass, other statuses will not") {
    struct Case {
        std::string status;
        std::string kind;
    };
    for (const auto& [status_line, kind] :
         {Case{"201 Created", "refused"}, Case{"204 No Content", "refused"},
          Case{"206 Partial Content", "refused"}, Case{"302 Found", "refused"},
          Case{"304 Not Modified", "refused"}, Case{"400 Bad Request", "refused"},
          Case{"401 Unauthorized", "refused"}, Case{"404 Not Found", "refused"},
          Case{"429 Too Many Requests", "down"}, Case{"500 Internal Server Error", "down"},
          Case{"503 Service Unavailable", "down"}}) {
        const std::string status = status_line;
        CAPTURE(status);
        FaultServer server({answer(status, "")});
        Bench bench;
        const auto text = bench.get(server.url("/x"));
        CHECK(kind_of(text.failure) == kind);
        CHECK(text.status == std::stol(status));
        CHECK(contains(message_of(text.failure),
                       server.url("/x") + ": HTTP " + std::string(status).substr(0, 3)));
        CHECK(server.requests().size() == 1);
    }
}

TEST_CASE("a status that says no counts, even where its page never ends or breaks off") {
    for (const bool endless : {true, false}) {
        FaultServer server([endless](const Seen&, Connection& connection) {
            connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 100000000\r\n\r\n");
            for (int i = 0; connection.send(std::string(65536, 'x')) && endless; ++i) {
            }
            connection.close();
        });
        Bench bench;
        const auto text = bench.get(server.url());
        CHECK(kind_of(text.failure) == "refused");
        CHECK(text.status == 404);
    }
}

TEST_CASE("an answer that is too large ends, whether it says so first or not") {
    const auto endless = [](const Seen&, Connection& connection) {
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while (connection.send("400\r\n" + std::string(1024, 'x') + "\r\n")) {
        }
    };
    const auto announced = [](const Seen&, Connection& connection) {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4194305\r\n\r\n");
        connection.wait_until_gone();
    };
    for (const auto& talk : {FaultServer::Answer(endless), FaultServer::Answer(announced)}) {
        FaultServer server(talk);
        Bench bench;
        const auto text = bench.get(server.url());
        CHECK(kind_of(text.failure) == "too_large");
        CHECK(contains(message_of(text.failure), "4.0 MiB"));
        CHECK(text.body.size() <= 4 * 1024 * 1024);
    }
}

TEST_CASE("an answer of just the allowed size is taken") {
    FaultServer server({answer("200 OK", std::string(1000, 'x'))});
    Bench bench;
    ops::Request request;
    request.url = server.url();
    request.max_bytes = 1000;
    CHECK(bench.fetch(request).body.size() == 1000);
    request.max_bytes = 999;
    CHECK(kind_of(bench.fetch(request).failure) == "too_large");
}

TEST_CASE("header lines without end are refused") {
    const auto long_line = [](const Seen&, Connection& connection) {
        connection.send("HTTP/1.1 200 OK\r\nX: ");
        while (connection.send(std::string(65536, 'x'))) {
        }
    };
    const auto many_lines = [](const Seen&, Connection& connection) {
        connection.send("HTTP/1.1 200 OK\r\n");
        while (connection.send("X: y\r\n")) {
        }
    };
    const auto many_interims = [](const Seen&, Connection& connection) {
        while (connection.send("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n")) {
        }
    };
    for (const auto& talk : {FaultServer::Answer(long_line), FaultServer::Answer(many_lines),
                             FaultServer::Answer(many_interims)}) {
        FaultServer server(talk);
        Bench bench;
        const auto text = bench.get(server.url());
        CHECK(kind_of(text.failure) == "too_large");
        CHECK(contains(message_of(text.failure), "header lines"));
    }
}

TEST_CASE("what is no HTTP is refused") {
    FaultServer server([](const Seen&, Connection& connection) {
        connection.send("SSH-2.0-OpenSSH_9.2\r\n");
        connection.close();
    });
    Bench bench;
    const auto text = bench.get(server.url());
    CHECK(kind_of(text.failure) == "refused");
    CHECK(contains(message_of(text.failure), server.url()));
}

TEST_CASE("a server that is not there, resets, says nothing or breaks off is down") {
    Bench bench;
    const std::string nobody = "http://127.0.0.1:" + std::to_string(unused_port()) + "/";
    CHECK(kind_of(bench.get(nobody).failure) == "down");
    CHECK(contains(message_of(bench.get(nobody).failure), nobody));
    CHECK(kind_of(bench.get("http://absent.test/").failure) == "down");
    CHECK(contains(message_of(bench.get("http://absent.test/").failure), "absent.test"));

    for (const auto& talk :
         {FaultServer::Answer([](const Seen&, Connection& c) { c.reset(); }),
          FaultServer::Answer([](const Seen&, Connection& c) { c.close(); }),
          FaultServer::Answer([](const Seen&, Connection& c) {
              c.send("HTTP/1.1 103 Early Hints\r\n\r\n");
              c.close();
          }),
          FaultServer::Answer([](const Seen&, Connection& c) {
              c.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
              c.close();
          }),
          FaultServer::Answer([](const Seen&, Connection& c) {
              c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n");
              c.close();
          })}) {
        FaultServer server(talk);
        const auto text = bench.get(server.url());
        CHECK(kind_of(text.failure) == "down");
        CHECK(contains(message_of(text.failure), server.url()));
    }
}

TEST_CASE("an exchange ends at its timeout: no answer, or one that comes byte by byte") {
    FaultServer silent([](const Seen&, Connection& c) { c.wait_until_gone(); });
    FaultServer dripping(
        [](const Seen&, Connection& c) { c.dribble("HTTP/1.1 200 OK\r\nX: y", 20ms); });
    std::vector<std::thread> threads;
    for (const FaultServer* server : {&silent, &dripping}) {
        threads.emplace_back([server] {
            Bench bench;
            ops::Request request;
            request.url = server->url();
            request.timeout = 1s;
            Stopwatch watch;
            CHECK(kind_of(bench.fetch(request).failure) == "down");
            CHECK(watch.seconds() > 0.9);
            CHECK(watch.seconds() < 2);
        });
    }
    for (auto& thread : threads)
        thread.join();
}

TEST_CASE("a resolver that hangs does not outlast the connect timeout") {
    Bench bench;
    bench.settings.connect_timeout = 1s;
    Stopwatch watch;
    const auto text = bench.get("http://hanging.test/");
    CHECK(kind_of(text.failure) == "down");
    CHECK(watch.seconds() > 0.9);
    CHECK(watch.seconds() < 2);
    release_resolver();
}

TEST_CASE(
    "a stop signal ends an exchange at once: in the answer, in the resolver, before it begins") {
    FaultServer server([](const Seen&, Connection& c) { c.wait_until_gone(); });
    for (const std::string& url : {server.url(), std::string("http://hanging.test/")}) {
        CAPTURE(url);
        Bench bench;
        const StopLater stop(bench.stop, 400ms);
        const auto text = bench.get(url);
        CHECK(kind_of(text.failure) == "interrupted");
        CHECK(std::chrono::steady_clock::now() - stop.raised_at() < 800ms);
        CHECK(kind_of(bench.get(url).failure) == "interrupted");
    }
    CHECK(server.requests().size() == 1);
    release_resolver();
}

TEST_CASE("what may pass is tried again, as often as asked for") {
    FaultServer server({answer("503 Service Unavailable", ""), answer("502 Bad Gateway", ""),
                        answer("200 OK", "fine")});
    Bench bench;
    ops::Request request;
    request.url = server.url();
    request.retries = 2;
    CHECK(bench.fetch(request).body == "fine");
    CHECK(server.requests().size() == 3);

    FaultServer never({answer("503 Service Unavailable", "")});
    request.url = never.url();
    const auto text = bench.fetch(request);
    CHECK(kind_of(text.failure) == "down");
    CHECK(contains(message_of(text.failure), "HTTP 503 (try 3)"));
    CHECK(never.requests().size() == 3);
}

TEST_CASE("the first pause is about a second") {
    FaultServer server({answer("503 Service Unavailable", ""), answer("200 OK", "fine")});
    Bench bench;
    bench.settings.first_pause = ops::HttpSettings().first_pause;
    ops::Request request;
    request.url = server.url();
    request.retries = 1;
    CHECK(bench.fetch(request).body == "fine");
    const auto pause = server.requests().at(1).at - server.requests().at(0).at;
    CHECK(pause > 490ms);
    CHECK(pause < 1900ms);
}

TEST_CASE("what will not pass is not tried again") {
    for (const char* status : {"404 Not Found", "401 Unauthorized", "403 Forbidden"}) {
        FaultServer server({answer(status, "")});
        Bench bench;
        ops::Request request;
        request.url = server.url();
        request.retries = 3;
        CHECK(kind_of(bench.fetch(request).failure) == "refused");
        CHECK(server.requests().size() == 1);
    }
}

TEST_CASE("Retry-After lengthens the pause") {
    FaultServer server(
        {answer("429 Too Many Requests", "", "Retry-After: 1\r\n"), answer("200 OK", "fine")});
    Bench bench;
    ops::Request request;
    request.url = server.url();
    request.retries = 1;
    CHECK(bench.fetch(request).body == "fine");
    CHECK(server.requests().at(1).at - server.requests().at(0).at >= 1s);
}

TEST_CASE("a Retry-After beyond the time left ends the tries at once") {
    FaultServer server({answer("429 Too Many Requests", "", "Retry-After: 60\r\n")});
    Bench bench;
    ops::Request request;
    request.url = server.url();
    request.retries = 3;
    Stopwatch watch;
    CHECK(kind_of(bench.fetch(request).failure) == "down");
    CHECK(watch.seconds() < 1);
    CHECK(server.requests().size() == 1);
}

TEST_CASE("a stop signal ends a pause between tries at once") {
    FaultServer server({answer("429 Too Many Requests", "", "Retry-After: 20\r\n")});
    Bench bench;
    ops::Request request;
    request.url = server.url();
    request.retries = 3;
    const StopLater stop(bench.stop, 100ms);
    CHECK(kind_of(bench.fetch(request).failure) == "interrupted");
    CHECK(std::chrono::steady_clock::now() - stop.raised_at() < 800ms);
}

TEST_CASE("a line break in what becomes a header is refused before anything is sent") {
    FaultServer server({answer("200 OK", "")});
    Bench bench;
    ops::Request request;
    request.url = server.url();
    request.headers = {"X-Ops-Hostname: web-01\r\nX-Evil: 1"};
    CHECK(kind_of(bench.fetch(request).failure) == "local");
    request.headers.clear();
    request.bearer = "s3cret\nX-Evil: 1";
    CHECK(kind_of(bench.fetch(request).failure) == "local");
    CHECK_FALSE(contains(message_of(bench.fetch(request).failure), "s3cret"));
    CHECK(server.requests().empty());
}

TEST_CASE("a URL that is none of http or https is refused") {
    Bench bench;
    for (const char* url : {"", "file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/",
                            "http:///x", "http://a b/", "127.0.0.1:80"}) {
        CAPTURE(url);
        CHECK(kind_of(bench.get(url).failure) == "refused");
    }
}

TEST_CASE("many threads use one transport at once") {
    FaultServer server([](const Seen& request, Connection& connection) {
        connection.send(answer("200 OK", request.line));
    });
    Bench bench;
    ops::Log log({false, false, false, 80});
    const auto http = ops::make_curl_http(bench.settings, log, bench.stop);
    std::atomic<int> good{0};
    std::vector<std::thread> threads;
    for (int number = 0; number < 8; ++number) {
        threads.emplace_back([&, number] {
            for (int i = 0; i < 10; ++i) {
                const std::string path = "/" + std::to_string(number) + "/" + std::to_string(i);
                ops::Request request;
                request.url = server.url(path);
                good += http->fetch(request).body == "GET " + path + " HTTP/1.1";
            }
        });
    }
    for (auto& thread : threads)
        thread.join();
    CHECK(good == 80);
}
