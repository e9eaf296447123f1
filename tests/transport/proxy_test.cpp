#include <doctest/doctest.h>

#include "../support/files.hpp"
#include "bench.hpp"
#include "fault_server.hpp"
#include "nginx.hpp"

using namespace transport;
using e2e::contains;

namespace {

/// Two servers: what is behind the proxy, and the proxy.
struct Scene {
    FaultServer server{{answer("200 OK", "behind")}};
    FaultServer proxy{be_a_proxy};
    Bench bench;
};

}  // namespace

TEST_CASE("the proxy of the settings is used") {
    Scene scene;
    scene.bench.settings.proxy = scene.proxy.url();
    CHECK(scene.bench.get(scene.server.url("/x", "meta.test")).body == "behind");
    CHECK(scene.proxy.requests().at(0).line ==
          "GET " + scene.server.url("/x", "meta.test") + " HTTP/1.1");
}

TEST_CASE("without one in the settings, the environment's is used") {
    Scene scene;
    const WithEnv proxy("http_proxy", scene.proxy.url());
    CHECK(scene.bench.get(scene.server.url()).body == "behind");
    CHECK(scene.proxy.requests().size() == 1);
}

TEST_CASE("the settings' proxy comes before the environment's") {
    Scene scene;
    const WithEnv proxy("http_proxy", "http://127.0.0.1:" + std::to_string(unused_port()));
    scene.bench.settings.proxy = scene.proxy.url();
    CHECK(scene.bench.get(scene.server.url()).body == "behind");
    CHECK(scene.proxy.requests().size() == 1);
}

TEST_CASE("HTTP_PROXY in capitals is ignored: a CGI client could set it") {
    Scene scene;
    const WithEnv proxy("HTTP_PROXY", scene.proxy.url());
    CHECK(scene.bench.get(scene.server.url()).body == "behind");
    CHECK(scene.proxy.requests().empty());
}

TEST_CASE("no_proxy names hosts that are asked directly, in capitals too, whoever set the proxy") {
    for (const char* name : {"no_proxy", "NO_PROXY"}) {
        for (const bool by_settings : {true, false}) {
            CAPTURE(name);
            CAPTURE(by_settings);
            Scene scene;
            const WithEnv none(name, "elsewhere.test,meta.test");
            const WithEnv proxy("http_proxy", by_settings ? "" : scene.proxy.url());
            if (by_settings) scene.bench.settings.proxy = scene.proxy.url();
            CHECK(scene.bench.get(scene.server.url("/", "meta.test")).body == "behind");
            CHECK(scene.proxy.requests().empty());
            CHECK(scene.bench.get(scene.server.url("/", "other.test")).body == "behind");
            CHECK(scene.proxy.requests().size() == 1);
        }
    }
}

TEST_CASE("the proxy's user and password go to the proxy alone and into no message") {
    Scene scene;
    scene.bench.debug = true;
    const std::string address = "127.0.0.1:" + std::to_string(scene.proxy.port());
    scene.bench.settings.proxy = "http://me:p4ssword@" + address;
    StderrCapture captured;
    CHECK(scene.bench.get(scene.server.url()).body == "behind");
    CHECK(contains(scene.proxy.requests().at(0).field("proxy-authorization"), "Basic "));
    CHECK_FALSE(scene.server.requests().at(0).has("proxy-authorization"));

    scene.bench.settings.proxy = "http://me:p4ssword@127.0.0.1:" + std::to_string(unused_port());
    const auto text = scene.bench.get(scene.server.url());
    CHECK(kind_of(text.failure) == "down");
    CHECK_FALSE(contains(message_of(text.failure) + captured.text(), "p4ssword"));
}

TEST_CASE("a proxy that refuses, or cannot reach the server") {
    Bench bench;
    FaultServer wants_login({answer("407 Proxy Authentication Required", "")});
    FaultServer unreachable({answer("502 Bad Gateway", "")});
    for (const char* scheme : {"http", "https"}) {
        CAPTURE(scheme);
        const std::string url = std::string(scheme) + "://meta.test/";
        bench.settings.proxy = wants_login.url();
        CHECK(kind_of(bench.get(url).failure) == "refused");
        CHECK(contains(message_of(bench.get(url).failure), "407"));
        bench.settings.proxy = unreachable.url();
        CHECK(kind_of(bench.get(url).failure) == "down");
        CHECK(contains(message_of(bench.get(url).failure), "502"));
    }
    bench.settings.proxy = "http://absent.test:3128";
    CHECK(kind_of(bench.get("http://meta.test/").failure) == "down");
}

TEST_CASE("a download resumes through a proxy") {
    Nginx nginx(
        "map $http_user_agent $rate { slow 50k; default 0; }"
        "server { listen 127.0.0.1:{port0}; root {root}; limit_rate $rate; }");
    const std::string content = e2e::noise(200'000);
    nginx.put("file", content);
    FaultServer proxy(be_a_proxy);
    Bench bench;
    bench.settings.proxy = proxy.url();
    bench.begin_download(nginx.url("/file"));
    const auto rest = bench.download(nginx.url("/file"));
    CHECK(message_of(rest.failure) == "");
    CHECK(rest.resumed > 0);
    CHECK(bench.parted() == content);
    CHECK(contains(proxy.requests().at(1).field("range"), "bytes="));
}
