#include <doctest/doctest.h>

#include "../support/files.hpp"
#include "bench.hpp"
#include "fault_server.hpp"
#include "nginx.hpp"

using namespace transport;
using e2e::contains;

namespace {

constexpr const char* basic_auth = R"(
    server {
        listen 127.0.0.1:{port0};
        root {root};
        auth_basic "releases";
        auth_basic_user_file {root}/users;
    }
)";

void write_netrc(const Bench& bench, const std::string& host) {
    e2e::write_file(bench.dir.path / "netrc", "machine " + host + " login me password s3cret\n",
                    0600);
}

/// What a server that gives back all that it was sent would answer.
std::string echo(const Seen& request) {
    std::string all = request.line;
    for (const auto& [name, value] : request.fields)
        all += "\n" + name + ": " + value;
    return all + "\n\n" + request.body;
}

}  // namespace

TEST_CASE("netrc has the login for a host that wants one") {
    Nginx nginx(basic_auth);
    nginx.put("users", "me:{PLAIN}s3cret\n");
    nginx.put("file", "content");
    Bench bench;
    CHECK(contains(message_of(bench.get(nginx.url("/file")).failure), "HTTP 401"));

    write_netrc(bench, "127.0.0.1");
    bench.settings.netrc_file = bench.dir.path / "netrc";
    CHECK(bench.get(nginx.url("/file")).body == "content");
    CHECK(message_of(bench.download(nginx.url("/file")).failure) == "");
    CHECK(bench.parted() == "content");

    e2e::write_file(bench.dir.path / "netrc", "machine 127.0.0.1 login me password wrong\n", 0600);
    const auto refused = bench.get(nginx.url("/file"));
    CHECK(kind_of(refused.failure) == "refused");
    CHECK(message_of(refused.failure) ==
          nginx.url("/file") + ": HTTP 401 (no or wrong credentials)");
}

TEST_CASE("netrc's login goes to no host but its own, redirects included") {
    FaultServer other({answer("200 OK", "x")});
    FaultServer server({redirect_to(other.url("/", "other.test"))});
    Bench bench;
    write_netrc(bench, "meta.test");
    bench.settings.netrc_file = bench.dir.path / "netrc";
    CHECK(bench.get(server.url("/", "meta.test")).body == "x");
    CHECK(server.requests().at(0).field("authorization") == "Basic bWU6czNjcmV0");
    CHECK_FALSE(other.requests().at(0).has("authorization"));
}

TEST_CASE("where there is a token, netrc is not asked") {
    FaultServer server({answer("200 OK", "[]")});
    Bench bench;
    write_netrc(bench, "127.0.0.1");
    bench.settings.netrc_file = bench.dir.path / "netrc";
    CHECK(bench.post(server.url(), "[]", "s3cret").body == "[]");
    CHECK(server.requests().at(0).field("authorization") == "Bearer s3cret");
}

TEST_CASE("the .netrc of whoever runs the program is never read") {
    FaultServer server({answer("200 OK", "x")});
    Bench bench;
    const WithEnv home("HOME", bench.dir.path);
    e2e::write_file(bench.dir.path / ".netrc", "default login me password s3cret\n", 0600);
    CHECK(bench.get(server.url()).body == "x");
    CHECK_FALSE(server.requests().at(0).has("authorization"));
}

TEST_CASE("debug shows requests and answers, but no secret, even from a server that echoes it") {
    FaultServer server([](const Seen& request, Connection& connection) {
        if (contains(request.line, "/old")) {
            return void(
                connection.send(redirect_to("/new?" + request.field("authorization").substr(7))));
        }
        connection.send(answer("200 OK", echo(request)));
    });
    Bench bench;
    bench.debug = true;
    StderrCapture captured;
    const auto text = bench.post(server.url("/old"), R"([{"name":"falcon-agent"}])", "s3cret");
    const std::string log = captured.text();
    CHECK(contains(text.body, "Bearer s3cret"));
    CHECK(contains(log, "POST " + server.url("/old") + ": HTTP 302"));
    CHECK(contains(log, "POST " + server.url("/new")));
    CHECK(contains(log, R"([{"name":"falcon-agent"}])"));
    CHECK(contains(log, "HTTP 200"));
    CHECK_FALSE(contains(log, "s3cret"));
    CHECK_FALSE(contains(log, "czNjcmV0"));
}

TEST_CASE("a failure's message has no secret: not the URL's, not the token") {
    FaultServer server([](const Seen& request, Connection& connection) {
        connection.send(redirect_to("ftp://x.test/" + request.field("authorization")));
    });
    Bench bench;
    bench.debug = true;
    StderrCapture captured;
    const std::string address = "127.0.0.1:" + std::to_string(server.port());
    const auto with_token = bench.post(server.url(), "[]", "s3cret");
    const auto with_password = bench.download("http://me:p4ssword@" + address + "/x");
    const std::string all =
        message_of(with_token.failure) + message_of(with_password.failure) + captured.text();
    CHECK(contains(all, "***"));
    CHECK_FALSE(contains(all, "s3cret"));
    CHECK_FALSE(contains(all, "p4ssword"));
}

TEST_CASE("debug shows the first 2 KiB of a body, and nothing in it moves the terminal") {
    FaultServer server({answer("200 OK", "\x1b[2Jcleared" + std::string(3000, 'x') + "end")});
    Bench bench;
    bench.debug = true;
    StderrCapture captured;
    bench.get(server.url());
    const std::string log = captured.text();
    CHECK(contains(log, "?[2Jcleared"));
    CHECK_FALSE(contains(log, "\x1b"));
    CHECK_FALSE(contains(log, std::string(2048, 'x')));
    CHECK(contains(log, std::string(2000, 'x')));
}

TEST_CASE("without debug nothing is logged") {
    FaultServer server({answer("404 Not Found", "")});
    Bench bench;
    StderrCapture captured;
    bench.post(server.url(), "[]", "s3cret");
    bench.download(server.url());
    CHECK(captured.text() == "");
}

TEST_CASE("the note beside a part has no password") {
    FaultServer server([](const Seen&, Connection& connection) {
        connection.send("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: 10\r\n\r\n12345");
        connection.close();
    });
    Bench bench;
    bench.download("http://me:p4ssword@127.0.0.1:" + std::to_string(server.port()) + "/x");
    const std::string note = e2e::read_file(bench.validator);
    CHECK(contains(note, "\"a\""));
    CHECK_FALSE(contains(note, "p4ssword"));
}
