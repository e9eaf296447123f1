#include <doctest/doctest.h>

#include "world/http_headers.hpp"
#include "world/http_retry.hpp"
#include "world/http_url.hpp"

using namespace ops;
using namespace std::chrono_literals;

namespace {

HttpHeaders headers_of(std::initializer_list<const char*> lines) {
    HttpHeaders headers;
    for (const char* line : lines)
        headers.take(line);
    return headers;
}

constexpr const char* noon = "Date: Tue, 15 Nov 1994 12:00:00 GMT\r\n";

}  // namespace

TEST_CASE("header names are read in any case, values without the white space around them") {
    const auto headers =
        headers_of({"HTTP/1.1 200 OK\r\n", "eTaG:  \"a\" \r\n", "LOCATION:/x\r\n"});
    CHECK(headers.etag == "\"a\"");
    CHECK(headers.location == "/x");
}

TEST_CASE("what an interim answer said is forgotten, but its bytes count") {
    const auto headers = headers_of(
        {"HTTP/1.1 103 Early Hints\r\n", "ETag: \"a\"\r\n", "\r\n", "HTTP/1.1 200 OK\r\n", "\r\n"});
    CHECK(headers.etag.empty());
    CHECK(headers.bytes == 26 + 11 + 2 + 17 + 2);
}

TEST_CASE("a Content-Range is first, last and total, in bytes") {
    const auto range = parse_content_range("bytes 5-9/10");
    REQUIRE(range);
    CHECK(range->first == 5);
    CHECK(range->last == 9);
    CHECK(range->total == 10);
    CHECK(parse_content_range("Bytes 0-0/1"));
}

TEST_CASE("a Content-Range that leaves something open or contradicts itself is none") {
    for (const char* value :
         {"", "bytes", "bytes */10", "bytes 5-9/*", "bytes 9-5/10", "bytes 5-10/10", "bytes 5-9",
          "bytes -9/10", "bytes 5-/10", "items 5-9/10", "bytes 5-9/10x", "bytes 5/9-10",
          "bytes +5-9/10", "bytes 5-9/99999999999999999999"}) {
        CAPTURE(value);
        CHECK_FALSE(parse_content_range(value));
    }
}

TEST_CASE("Retry-After is seconds or a date") {
    CHECK(parse_retry_after("7", 0) == 7s);
    CHECK(parse_retry_after("Tue, 15 Nov 1994 12:00:09 GMT", 784900800) == 9s);
    CHECK(parse_retry_after("Tue, 15 Nov 1994 12:00:09 GMT", 784900900) == 0s);
    CHECK_FALSE(parse_retry_after("", 0));
    CHECK_FALSE(parse_retry_after("soon", 0));
    CHECK_FALSE(parse_retry_after("-7", 0));
    CHECK(*parse_retry_after("99999999999", 0) > 24h);
}

TEST_CASE("a strong ETag validates a range") {
    CHECK(range_validator(headers_of({"ETag: \"5f-1a\"\r\n"})) == "\"5f-1a\"");
}

TEST_CASE("a weak, empty, unquoted or odd ETag does not, and no date beside it either") {
    for (const char* etag : {"ETag: W/\"5f\"\r\n", "ETag: \"\"\r\n", "ETag: 5f\r\n",
                             "ETag: \"5\"f\"\r\n", "ETag: \"5\tf\"\r\n"}) {
        CAPTURE(etag);
        CHECK(range_validator(
                  headers_of({etag, noon, "Last-Modified: Tue, 15 Nov 1994 11:00:00 GMT\r\n"}))
                  .empty());
    }
}

TEST_CASE("without an ETag, a Last-Modified a second older than the answer validates a range") {
    CHECK(range_validator(headers_of({noon, "Last-Modified: Tue, 15 Nov 1994 11:59:59 GMT\r\n"})) ==
          "Tue, 15 Nov 1994 11:59:59 GMT");
    CHECK(range_validator(headers_of({noon, "Last-Modified: Tue, 15 Nov 1994 12:00:00 GMT\r\n"}))
              .empty());
    CHECK(
        range_validator(headers_of({"Last-Modified: Tue, 15 Nov 1994 11:00:00 GMT\r\n"})).empty());
    CHECK(range_validator(headers_of({noon, "Last-Modified: yesterday\r\n"})).empty());
}

TEST_CASE("pauses double from the first, half of it to one and a half, up to 30 s") {
    CHECK(retry_pause(2, 1000ms, 0.5) == 1000ms);
    CHECK(retry_pause(3, 1000ms, 0.5) == 2000ms);
    CHECK(retry_pause(4, 1000ms, 0.5) == 4000ms);
    CHECK(retry_pause(2, 1000ms, 0) == 500ms);
    CHECK(retry_pause(2, 1000ms, 0.999) == 1499ms);
    CHECK(retry_pause(9, 1000ms, 0) == 30s);
    CHECK(retry_pause(1000, 1000ms, 0.999) == 30s);
}

TEST_CASE("an origin is scheme, host and port, however they are written") {
    CHECK(split_url("HTTP://Meta.Test/x")->origin == split_url("http://meta.test:80/y")->origin);
    CHECK(split_url("https://meta.test/")->origin == split_url("https://meta.test:443/")->origin);
    CHECK(split_url("http://meta.test/")->origin != split_url("http://meta.test:81/")->origin);
    CHECK(split_url("http://meta.test/")->origin != split_url("https://meta.test/")->origin);
    CHECK(split_url("http://meta.test/")->origin !=
          split_url("http://meta.test.evil.test/")->origin);
    CHECK(split_url("http://meta.test@evil.test/")->origin.host == "evil.test");
}

TEST_CASE("user and password are taken out of a URL, decoded") {
    const auto url = split_url("http://me:p%40ss@meta.test/x");
    REQUIRE(url);
    CHECK(url->user == "me");
    CHECK(url->password == "p@ss");
    CHECK(url->url == "http://meta.test/x");
}

TEST_CASE("a redirect's location is relative to where it came from, and brings no credentials") {
    CHECK(resolve_redirect("http://a.test/x/y", "z")->url == "http://a.test/x/z");
    CHECK(resolve_redirect("https://a.test/x/y", "//b.test/z")->url == "https://b.test/z");
    CHECK(resolve_redirect("http://a.test/x/y", "/z#part")->url == "http://a.test/z");
    const auto to = resolve_redirect("http://a.test/", "http://me:secret@b.test/");
    REQUIRE(to);
    CHECK(to->user.empty());
    CHECK(to->password.empty());
    CHECK(to->url == "http://b.test/");
    CHECK(resolve_redirect("http://a.test/", "file:///etc/passwd")->origin.scheme == "file");
}
