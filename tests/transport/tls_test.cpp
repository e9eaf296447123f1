#include <doctest/doctest.h>

#include "../support/files.hpp"
#include "bench.hpp"
#include "fault_server.hpp"
#include "nginx.hpp"

using namespace transport;
using e2e::contains;

namespace {

/// Made once for all tests: a good server, one of another CA, an expired one, one for another host,
/// one that wants a client certificate, one that knows only TLS 1.1, and plain http.
struct Scene {
    Certificates certificates;
    std::unique_ptr<Nginx> nginx;

    enum Port { http, good, foreign, expired, elsewhere, mutual, old };

    Scene() {
        certificates.make_ca("ca");
        certificates.make_ca("foreign-ca");
        certificates.issue("good", "DNS:localhost,IP:127.0.0.1", "ca");
        certificates.issue("foreign", "DNS:localhost", "foreign-ca");
        certificates.issue("expired", "DNS:localhost", "ca", -1);
        certificates.issue("elsewhere", "DNS:elsewhere.test", "ca");
        certificates.issue("web-01", "DNS:web-01", "ca");
        certificates.issue("stranger", "DNS:stranger", "foreign-ca");
        nginx = std::make_unique<Nginx>(
            "server { listen 127.0.0.1:{port0}; root {root};"
            "  location /up { return 302 https://localhost:{port1}/down; } }" +
            server(good, "good",
                   "location /down { return 302 http://127.0.0.1:{port0}/file; }"
                   "location /over { return 307 https://localhost:{port5}/file; }") +
            server(foreign, "foreign") + server(expired, "expired") +
            server(elsewhere, "elsewhere") +
            server(mutual, "good",
                   "ssl_verify_client on; ssl_client_certificate " + certificates.file("ca.pem") +
                       ";") +
            server(old, "good", "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;"));
        nginx->put("file", "content");
    }

    std::string server(Port port, const std::string& name, const std::string& more = "") {
        return "server { listen 127.0.0.1:{port" + std::to_string(port) + "} ssl; root {root};" +
               "ssl_certificate " + certificates.file(name + ".pem") + "; ssl_certificate_key " +
               certificates.file(name + ".key") + ";" + more + "}\n";
    }

    std::string url(Port port, const std::string& path = "/file") const {
        return nginx->https(path, port);
    }
};

Scene& scene() {
    static Scene the_scene;
    return the_scene;
}

struct TlsBench : Bench {
    TlsBench() { settings.ca_file = scene().certificates.file("ca.pem"); }
};

}  // namespace

TEST_CASE("a server whose certificate the CA file vouches for is trusted") {
    TlsBench bench;
    const auto text = bench.get(scene().url(Scene::good));
    CHECK(message_of(text.failure) == "");
    CHECK(text.body == "content");
    CHECK(message_of(bench.download(scene().url(Scene::good)).failure) == "");
    CHECK(bench.parted() == "content");
}

TEST_CASE("a bad certificate is refused, not retried, and the message says which host and why") {
    struct Case {
        Scene::Port port;
        std::string why;
    };
    for (const Case& bad : {Case{Scene::foreign, "unable to get local issuer certificate"},
                            Case{Scene::expired, "certificate has expired"},
                            Case{Scene::elsewhere, "no alternative certificate subject name"}}) {
        CAPTURE(bad.why);
        TlsBench bench;
        bench.settings.retries = 3;
        Stopwatch watch;
        const auto text = bench.get(scene().url(bad.port));
        const auto file = bench.download(scene().url(bad.port));
        CHECK(watch.seconds() < 1);
        for (const auto& failure : {text.failure, file.failure}) {
            CHECK(kind_of(failure) == "refused");
            CHECK(contains(message_of(failure), scene().url(bad.port)));
            CHECK(contains(message_of(failure), "the certificate of localhost is refused"));
            CHECK(contains(message_of(failure), bad.why));
            CHECK_FALSE(contains(message_of(failure), "(try"));
        }
        CHECK(bench.files() == "");
    }
}

TEST_CASE("without a CA file the system's CAs decide, and they do not know the test's") {
    Bench bench;
    const auto text = bench.get(scene().url(Scene::good));
    CHECK(kind_of(text.failure) == "refused");
    CHECK(contains(message_of(text.failure), "certificate"));
}

TEST_CASE("the name in the URL must be in the certificate: an address counts as a name") {
    TlsBench bench;
    CHECK(bench.get(scene().nginx->https("/file", Scene::good, "127.0.0.1")).body == "content");
    CHECK(kind_of(bench.get(scene().nginx->https("/file", Scene::good, "other.test")).failure) ==
          "refused");
    CHECK(bench.get(scene().nginx->https("/file", Scene::elsewhere, "elsewhere.test")).body ==
          "content");
}

TEST_CASE("a CA file that is missing or none is refused with its name") {
    TlsBench bench;
    bench.settings.ca_file = bench.dir.path / "absent.pem";
    const auto absent = bench.get(scene().url(Scene::good));
    CHECK(kind_of(absent.failure) == "refused");
    CHECK(contains(message_of(absent.failure), "absent.pem"));
    e2e::write_file(bench.dir.path / "bad.pem", "no certificate\n");
    bench.settings.ca_file = bench.dir.path / "bad.pem";
    CHECK(kind_of(bench.get(scene().url(Scene::good)).failure) == "refused");
}

TEST_CASE("a client certificate is shown where it is wanted") {
    TlsBench bench;
    const auto without = bench.get(scene().url(Scene::mutual));
    CHECK(kind_of(without.failure) == "refused");
    CHECK(without.status == 400);

    bench.settings.cert_file = scene().certificates.file("web-01.pem");
    bench.settings.key_file = scene().certificates.file("web-01.key");
    CHECK(bench.get(scene().url(Scene::mutual)).body == "content");
    CHECK(message_of(bench.download(scene().url(Scene::mutual)).failure) == "");

    bench.settings.cert_file = scene().certificates.file("stranger.pem");
    bench.settings.key_file = scene().certificates.file("stranger.key");
    CHECK(kind_of(bench.get(scene().url(Scene::mutual)).failure) == "refused");
}

TEST_CASE("a key that does not fit the client certificate, or is missing, is refused") {
    TlsBench bench;
    bench.settings.cert_file = scene().certificates.file("web-01.pem");
    for (const char* key : {"stranger.key", "absent.key"}) {
        bench.settings.key_file = scene().certificates.file(key);
        CHECK(kind_of(bench.get(scene().url(Scene::mutual)).failure) == "refused");
    }
}

TEST_CASE("TLS below 1.2 is refused") {
    TlsBench bench;
    const auto text = bench.get(scene().url(Scene::old));
    CHECK(kind_of(text.failure) == "refused");
    CHECK(contains(message_of(text.failure), "no TLS connection with localhost"));
}

TEST_CASE("https to a server that speaks plain http is refused") {
    TlsBench bench;
    CHECK(kind_of(bench.get(scene().nginx->https("/file", Scene::http)).failure) == "refused");
}

TEST_CASE(
    "a connection that breaks in the TLS handshake is down, or hangs no longer than to connect") {
    TlsBench bench;
    FaultServer resets{FaultServer::Answer()};
    const std::string port = std::to_string(resets.port());
    CHECK(kind_of(bench.get("https://localhost:" + port + "/").failure) == "down");

    FaultServer silent([](const Seen&, Connection&) {});
    bench.settings.connect_timeout = std::chrono::seconds(1);
    Stopwatch watch;
    const std::string silent_port = std::to_string(silent.port());
    CHECK(kind_of(bench.get("https://localhost:" + silent_port + "/").failure) == "down");
    CHECK(watch.seconds() < 2);
}

TEST_CASE("no redirect leads from https to http") {
    TlsBench bench;
    const auto text = bench.get(scene().url(Scene::good, "/down"));
    CHECK(kind_of(text.failure) == "refused");
    CHECK(contains(message_of(text.failure), "redirected from https to http://127.0.0.1"));
    CHECK(kind_of(bench.download(scene().url(Scene::good, "/down")).failure) == "refused");
    CHECK(bench.files() == "");
}

TEST_CASE("nor does one that began at http and has reached https") {
    TlsBench bench;
    const auto text = bench.get(scene().nginx->url("/up"));
    CHECK(kind_of(text.failure) == "refused");
    CHECK(contains(message_of(text.failure), "redirected from https to"));
}

TEST_CASE("a redirect from https to https is followed, and that server's certificate judged too") {
    TlsBench bench;
    bench.settings.cert_file = scene().certificates.file("web-01.pem");
    bench.settings.key_file = scene().certificates.file("web-01.key");
    CHECK(bench.get(scene().url(Scene::good, "/over")).body == "content");
}

TEST_CASE("an https proxy tunnel carries neither token nor host name in the clear") {
    FaultServer proxy(be_a_proxy);
    TlsBench bench;
    bench.settings.proxy = proxy.url();
    const auto text = bench.post(scene().url(Scene::good), "[]", "s3cret");
    CHECK(text.status == 405);  // nginx takes no POST to a file: the request came through
    const Seen request = proxy.requests().at(0);
    CHECK(contains(request.line, "CONNECT localhost:"));
    CHECK_FALSE(request.has("authorization"));
    CHECK_FALSE(request.has("x-ops-hostname"));
}

TEST_CASE("https_proxy of the environment is for https, in capitals too; http_proxy is not") {
    for (const char* name : {"https_proxy", "HTTPS_PROXY"}) {
        FaultServer proxy(be_a_proxy);
        TlsBench bench;
        const WithEnv for_https(name, proxy.url());
        const WithEnv for_http("http_proxy", "http://127.0.0.1:" + std::to_string(unused_port()));
        CHECK(bench.get(scene().url(Scene::good)).body == "content");
        CHECK(proxy.requests().size() == 1);
    }
}

TEST_CASE("a certificate is judged through a proxy as well") {
    FaultServer proxy(be_a_proxy);
    TlsBench bench;
    bench.settings.proxy = proxy.url();
    CHECK(kind_of(bench.get(scene().url(Scene::foreign)).failure) == "refused");
    CHECK(contains(message_of(bench.get(scene().url(Scene::foreign)).failure), "localhost"));
}
