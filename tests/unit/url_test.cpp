#include "rules/url.hpp"

#include <doctest/doctest.h>

#include "rules/error.hpp"
#include "rules/text.hpp"

using namespace ops;

namespace {

std::string server_fault(std::string_view address) {
    try {
        server_url(address);
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("a server's address becomes the URL that reports go to") {
    CHECK(server_url("127.0.0.1:2200") == "http://127.0.0.1:2200/heartbeat");
    CHECK(server_url("meta.example.com") == "http://meta.example.com/heartbeat");
    CHECK(server_url("http://h/") == "http://h/heartbeat");
    CHECK(server_url("https://h:8443") == "https://h:8443/heartbeat");
    CHECK(server_url("http://h/x") == "http://h/x");
    CHECK(server_url("h/x/") == "http://h/x/");
    CHECK(server_url("HTTPS://Meta/x") == "https://Meta/x");
    CHECK(server_url("user:pw@h:80") == "http://user:pw@h:80/heartbeat");
    CHECK(server_url("[::1]:2200") == "http://[::1]:2200/heartbeat");
    CHECK(server_url("https://[2001:db8::7]/r") == "https://[2001:db8::7]/r");
}

TEST_CASE("a query is no path") {
    CHECK(server_url("http://h?x=1") == "http://h/heartbeat?x=1");
    CHECK(server_url("http://h/?x=1") == "http://h/heartbeat?x=1");
    CHECK(server_url("h:1/x?to=http://y") == "http://h:1/x?to=http://y");
    CHECK(server_url("h?to=http://y") == "http://h/heartbeat?to=http://y");
}

TEST_CASE("what is no address of a server is refused") {
    for (const char* address : {"",
                                "/",
                                "http://",
                                "http:///x",
                                "://h",
                                "ftp://h",
                                "file:///etc/passwd",
                                "h:0",
                                "h:65536",
                                "h:",
                                "h:x",
                                "h:-1",
                                "h:80:80",
                                "a b",
                                "h\n",
                                "h/\x01",
                                "http://h/#top",
                                "h#x",
                                "[::1",
                                "[]",
                                "[::1]x",
                                "[1.2.3.4]",
                                "[::g]",
                                "::1",
                                "a,b",
                                "h\xc3\xa9",
                                "..",
                                "http://u@",
                                "h\\@evil",
                                "http://h%00"}) {
        CAPTURE(std::string(address));
        CHECK(server_fault(address) != "");
    }
}

TEST_CASE("a refused server is named without its password") {
    const std::string fault = server_fault("http://joe:secret@h:0/");
    CHECK(fault == "the server \"http://***@h:0/\" has no valid port (1 to 65535)");
}

TEST_CASE("http and https URLs with a host are good") {
    for (const char* url :
         {"http://11.11.11.11:8888/falcon", "https://h", "HTTP://h/", "http://u:p@h/x?y=z&a=b",
          "http://a_b-c.d:1/", "http://[::1]:65535/x", "http://h/下载", "http://h/a%20b"}) {
        CAPTURE(std::string(url));
        CHECK(url_fault(url) == "");
    }
}

TEST_CASE("every other URL has a fault") {
    CHECK(url_fault("") == "is empty");
    CHECK(url_fault("h/x") == "is no http or https URL");
    CHECK(url_fault("ftp://h/x") == "is no http or https URL");
    CHECK(url_fault("http:/h") == "is no http or https URL");
    CHECK(url_fault("http://") == "has no host");
    CHECK(url_fault("http://:80/") == "has no host");
    CHECK(url_fault("http://h h/") == "has blanks in it");
    CHECK(url_fault(" http://h/") == "has blanks in it");
    CHECK(url_fault("http://h/\n") == "has control characters in it");
    CHECK(url_fault("http://h/\x7f") == "has control characters in it");
    CHECK(url_fault("http://h/\xff") == "has control characters in it");
    CHECK(url_fault(std::string_view("http://h/\0x", 11)) == "has control characters in it");
    CHECK(url_fault("http://h/#x") == "has a fragment (#) in it");
    CHECK(url_fault("http://h$/") == "has no valid host");
    CHECK(url_fault("http://h:99999/") == "has no valid port (1 to 65535)");
}

TEST_CASE("a slash between prefix and file is always one") {
    CHECK(join_url("http://h/falcon", "a-1.tar.gz") == "http://h/falcon/a-1.tar.gz");
    CHECK(join_url("http://h/falcon/", "a") == "http://h/falcon/a");
    CHECK(join_url("http://h///", "a") == "http://h/a");
    CHECK(join_url("http://h", "a") == "http://h/a");
}

TEST_CASE("a joined URL's scheme is in lower case, and nothing else is changed") {
    CHECK(join_url("HTTPS://H/X", "A") == "https://H/X/A");
}

TEST_CASE("users and passwords do not reach a log") {
    CHECK(redact_url("http://joe:secret@h/x") == "http://***@h/x");
    CHECK(redact_url("http://joe@h/x") == "http://***@h/x");
    CHECK(redact_url("joe:secret@h:80") == "***@h:80");
    CHECK(redact_url("http://joe:a@b@h/x") == "http://***@h/x");
    CHECK(redact_url("http://joe:pa/ss@h/x") == "http://***@h/x");
    CHECK(redact_url("http://joe:pa?ss@h/x") == "http://***@h/x");
}

TEST_CASE("a URL without a user is shown as it is") {
    CHECK(redact_url("http://h/@scope/x") == "http://h/@scope/x");
    CHECK(redact_url("http://[::1]:80/a?b=c") == "http://[::1]:80/a?b=c");
    CHECK(redact_url("") == "");
}

TEST_CASE("control characters of a URL do not reach a log") {
    CHECK(redact_url("http://h/\x1b[1m\n\x7f\xff") == "http://h/?[1m???");
    const std::string shown = redact_url("http://u:\n@h/\xc2\x9b");
    CHECK(shown == "http://***@h/?");
}

TEST_CASE("the host of a URL is given without anything around it") {
    CHECK(url_host("http://Meta.Example.com:80/x") == "meta.example.com");
    CHECK(url_host("https://u:p@h/x") == "h");
    CHECK(url_host("https://u:a@b@h/x") == "h");
    CHECK(url_host("http://[2001:DB8::1]:80/") == "2001:db8::1");
    CHECK(url_host("http://h?x=@evil") == "h");
    CHECK(url_host("http://good.example/@evil") == "good.example");
}

TEST_CASE("what is no URL has no host") {
    CHECK(url_host("") == "");
    CHECK(url_host("h/x") == "");
    CHECK(url_host("ftp://h/") == "");
    CHECK(url_host("http://[::1/") == "");
}
