#include <doctest/doctest.h>

#include "../support/files.hpp"
#include "bench.hpp"
#include "fault_server.hpp"

using namespace transport;
using e2e::contains;

namespace {

/// Answers every request to a path "/N" with a redirect to "/N-1", and "/0" with "there".
void count_down(const Seen& request, Connection& connection) {
    const std::size_t slash = request.line.find('/');
    const int left = std::stoi(request.line.substr(slash + 1));
    connection.send(left == 0 ? answer("200 OK", "there")
                              : redirect_to("/" + std::to_string(left - 1)));
}

std::string method_of(const Seen& request) {
    return request.line.substr(0, request.line.find(' '));
}

}  // namespace

TEST_CASE("five redirects are followed, a sixth is not") {
    FaultServer server(count_down);
    Bench bench;
    CHECK(bench.get(server.url("/5")).body == "there");
    CHECK(server.requests().size() == 6);
    const auto text = bench.get(server.url("/6"));
    CHECK(kind_of(text.failure) == "refused");
    CHECK(contains(message_of(text.failure), "more than 5 times"));
    CHECK(server.requests().size() == 12);
}

TEST_CASE("a redirect loop ends") {
    FaultServer server({redirect_to("/")});
    Bench bench;
    bench.settings.retries = 3;
    CHECK(kind_of(bench.get(server.url()).failure) == "refused");
    CHECK(kind_of(bench.download(server.url()).failure) == "refused");
    CHECK(server.requests().size() == 12);
    CHECK(bench.files() == "");
}

TEST_CASE("a POST stays a POST with its body, whatever the redirect's status") {
    for (const char* status : {"301 Moved Permanently", "302 Found", "303 See Other",
                               "307 Temporary Redirect", "308 Permanent Redirect"}) {
        CAPTURE(status);
        FaultServer server({redirect_to("/new", status), answer("200 OK", "[]")});
        Bench bench;
        CHECK(bench.post(server.url("/old"), "[1]").body == "[]");
        const auto requests = server.requests();
        REQUIRE(requests.size() == 2);
        CHECK(requests[1].line == "POST /new HTTP/1.1");
        CHECK(requests[1].body == "[1]");
        CHECK(requests[1].field("content-type") == "application/json");
        CHECK(requests[1].field("x-ops-hostname") == "web-01");
    }
}

TEST_CASE("a GET stays a GET") {
    FaultServer server({redirect_to("/new"), answer("200 OK", "x")});
    Bench bench;
    CHECK(bench.get(server.url("/old")).body == "x");
    CHECK(method_of(server.requests().at(1)) == "GET");
}

TEST_CASE("no redirect leads out of http and https, or to what is no URL") {
    for (const char* location :
         {"file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:70/x", "scp://127.0.0.1/x",
          "http://", "http://127.0.0.1:99999/x", "javascript:alert(1)", "http://a\tb/"}) {
        CAPTURE(location);
        FaultServer server({redirect_to(location)});
        Bench bench;
        const auto text = bench.get(server.url("/x"));
        CHECK(kind_of(text.failure) == "refused");
        CHECK(contains(message_of(text.failure), server.url("/x")));
        CHECK(kind_of(bench.download(server.url("/x")).failure) == "refused");
        CHECK(bench.files() == "");
    }
}

TEST_CASE("a redirect without a location is a status like any other") {
    FaultServer server({answer("302 Found", "")});
    Bench bench;
    CHECK(contains(message_of(bench.get(server.url()).failure), "HTTP 302"));
}

TEST_CASE("a location that follows the body is none") {
    FaultServer server(
        {"HTTP/1.1 302 Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
         "0\r\nLocation: /elsewhere\r\n\r\n"});
    Bench bench;
    CHECK(message_of(bench.get(server.url("/x")).failure) == server.url("/x") + ": HTTP 302");
    CHECK(server.requests().size() == 1);
}

TEST_CASE("a message names the URL asked for and the one redirected to") {
    FaultServer server({redirect_to("/gone"), answer("404 Not Found", "")});
    Bench bench;
    CHECK(message_of(bench.get(server.url("/x")).failure) ==
          server.url("/x") + " (redirected to " + server.url("/gone") + "): HTTP 404");
}

TEST_CASE("the token goes on to the same scheme, host and port") {
    FaultServer server({redirect_to("/new"), answer("200 OK", "[]")});
    Bench bench;
    CHECK(bench.post(server.url("/old"), "[]", "s3cret").body == "[]");
    CHECK(server.requests().at(1).field("authorization") == "Bearer s3cret");
}

TEST_CASE("the token goes to no other host and to no other port of the same host") {
    FaultServer other({answer("200 OK", "[]")});
    for (const std::string& target :
         {other.url("/new", "127.0.0.1"), other.url("/new", "other.test")}) {
        CAPTURE(target);
        FaultServer server({redirect_to(target)});
        Bench bench;
        CHECK(bench.post(server.url("/old"), "[]", "s3cret").body == "[]");
        CHECK(server.requests().at(0).field("authorization") == "Bearer s3cret");
        const Seen request = other.requests().back();
        CHECK(request.line == "POST /new HTTP/1.1");
        CHECK_FALSE(request.has("authorization"));
    }
    CHECK(other.requests().size() == 2);
}

TEST_CASE("the token goes to no other name of the same address and port") {
    FaultServer server([](const Seen& request, Connection& connection) {
        const std::string host = request.field("host");
        const std::string port = host.substr(host.find(':'));
        connection.send(contains(host, "meta.test") ? redirect_to("http://other.test" + port + "/")
                                                    : answer("200 OK", "[]"));
    });
    Bench bench;
    CHECK(bench.post(server.url("/", "meta.test"), "[]", "s3cret").body == "[]");
    const auto requests = server.requests();
    REQUIRE(requests.size() == 2);
    CHECK(requests[0].has("authorization"));
    CHECK_FALSE(requests[1].has("authorization"));
}

TEST_CASE("user and password of a URL go to its host alone") {
    FaultServer other({answer("200 OK", "x")});
    FaultServer server({redirect_to("/again"), redirect_to(other.url())});
    Bench bench;
    const std::string address = "127.0.0.1:" + std::to_string(server.port());
    CHECK(bench.get("http://me:s3cret@" + address + "/").body == "x");
    CHECK(server.requests().at(0).field("authorization") == "Basic bWU6czNjcmV0");
    CHECK(server.requests().at(1).field("authorization") == "Basic bWU6czNjcmV0");
    CHECK_FALSE(other.requests().at(0).has("authorization"));
}

TEST_CASE("a redirect brings no user and password of its own") {
    FaultServer other({answer("200 OK", "x")});
    FaultServer server(
        {redirect_to("http://me:s3cret@127.0.0.1:" + std::to_string(other.port()) + "/")});
    Bench bench;
    CHECK(bench.get(server.url()).body == "x");
    CHECK_FALSE(other.requests().at(0).has("authorization"));
}

TEST_CASE("a download follows redirects, and each of its tries begins at the first URL") {
    FaultServer mirror({answer("503 Service Unavailable", ""), answer("200 OK", "content")});
    FaultServer server({redirect_to(mirror.url("/file"))});
    Bench bench;
    bench.settings.retries = 1;
    CHECK(message_of(bench.download(server.url("/file")).failure) == "");
    CHECK(bench.parted() == "content");
    CHECK(server.requests().size() == 2);
}
