// The server as its clients see it: over real connections on loopback.
#include "../../examples/ops-meta/server.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

void write(const fs::path& path, const std::string& text) {
    std::ofstream(path) << text;
}

/// A temporary folder with a desired file and a tarball.
class Folder {
  public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "ops-meta.XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
        fs::create_directory(path_ / "tarballs");
        write(path_ / "tarballs/a-1.tar.gz", "0123456789");
        write(path_ / "desired.yaml", "defaults: {a: {version: 1}}");
    }
    ~Folder() { fs::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] fs::path operator/(const std::string& name) const { return path_ / name; }

  private:
    fs::path path_;
};

meta::Options options_in(const Folder& folder) {
    meta::Options options;
    options.port = 0;
    options.desired = folder / "desired.yaml";
    options.tarballs = folder / "tarballs";
    options.log = folder / "log";
    return options;
}

class Running {
  public:
    explicit Running(const meta::Options& options)
        : journal_(options.log), server_(options, journal_), port_(server_.bind()) {
        thread_ = std::thread([this] { server_.run(); });
    }
    ~Running() {
        server_.stop();
        thread_.join();
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    [[nodiscard]] httplib::Client client() const { return httplib::Client("127.0.0.1", port_); }
    [[nodiscard]] std::string own_tarballs() const {
        return "http://127.0.0.1:" + std::to_string(port_) + "/tarballs";
    }

  private:
    meta::Journal journal_;
    meta::Server server_;
    int port_;
    std::thread thread_;
};

httplib::Result report(const Running& server, const std::string& body,
                       const httplib::Headers& headers = {{"X-Ops-Hostname", "web-1"}}) {
    return server.client().Post("/heartbeat", headers, body, "application/json");
}

json answer(const Running& server, const std::string& body = "[]") {
    const auto result = report(server, body);
    REQUIRE(result);
    REQUIRE(result->status == 200);
    return json::parse(result->body);
}

httplib::Result tarball(const Running& server, const httplib::Headers& headers) {
    return server.client().Get("/tarballs/a-1.tar.gz", headers);
}

}  // namespace

TEST_CASE("a report is answered in its own form, with this server's own tarballs") {
    const Folder folder;
    const Running server(options_in(folder));
    const json entry = {{"name", "a"},
                        {"version", "1"},
                        {"tarball", server.own_tarballs()},
                        {"md5", ""},
                        {"cmd", "start"}};
    CHECK(answer(server) == json::array({entry}));
    CHECK(answer(server, R"({"hostname":"h","realAgents":[]})") ==
          json{{"errorMessage", ""}, {"desiredAgents", {entry}}});
}

TEST_CASE("the hosts page knows who reported") {
    const Folder folder;
    const Running server(options_in(folder));
    answer(server, R"([{"name":"a","version":"0","status":"started","error":"a 1: oops"}])");
    answer(server, R"({"hostname":"other","realAgents":[]})");
    report(server, "[]", {});  // no name given: the address is one

    const json page = json::parse(server.client().Get("/hosts.json")->body);
    REQUIRE(page["hosts"].size() == 3);
    CHECK(page["hosts"][0]["hostname"] == "127.0.0.1");
    CHECK(page["hosts"][1]["hostname"] == "other");
    CHECK(page["hosts"][1]["protocol"] == "heartbeat");
    CHECK(page["hosts"][2]["agents"][0]["error"] == "a 1: oops");
    CHECK(server.client().Get("/")->body.find("a 1: oops") != std::string::npos);
}

TEST_CASE("an edit of the desired file counts from the next request on") {
    const Folder folder;
    const Running server(options_in(folder));
    for (const char* version : {"2", "3", "4"}) {  // faster than the clock of the file system
        write(folder / "desired.yaml", "defaults: {a: {version: " + std::string(version) + "}}");
        CHECK(answer(server)[0]["version"] == version);
    }
}

TEST_CASE("a bad edit leaves the last good state in force and is shown") {
    const Folder folder;
    const Running server(options_in(folder));
    write(folder / "desired.yaml", "defaults: {a: {versio: 2}}");
    CHECK(answer(server)[0]["version"] == "1");
    CHECK(json::parse(server.client().Get("/hosts.json")->body)["desired_fault"].is_string());
    fs::remove(folder / "desired.yaml");
    CHECK(answer(server)[0]["version"] == "1");
    write(folder / "desired.yaml", "defaults: {a: {version: 2}}");
    CHECK(answer(server)[0]["version"] == "2");
    CHECK(json::parse(server.client().Get("/hosts.json")->body)["desired_fault"].is_null());
}

TEST_CASE("a desired file that is bad from the start is refused") {
    const Folder folder;
    write(folder / "desired.yaml", "defaults: [");
    meta::Journal journal(folder / "log");
    CHECK_THROWS_AS(meta::Server(options_in(folder), journal), std::runtime_error);
}

TEST_CASE("an inline digest is the tarball's own, also after it was rebuilt") {
    const Folder folder;
    write(folder / "desired.yaml", "defaults: {a: {version: 1, md5: inline, sha256: inline}}");
    const Running server(options_in(folder));
    CHECK(answer(server)[0]["md5"] == "781e5e245d69b566979b86e28d23f2c7");
    CHECK(answer(server)[0]["sha256"] ==
          "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882");
    write(folder / "tarballs/a-1.tar.gz", "01234567890");
    CHECK(answer(server)[0]["md5"] == "ebe596017db2f8c69136e5d6e594d365");
}

TEST_CASE("a pause tells each protocol in its own way") {
    const Folder folder;
    write(folder / "desired.yaml", "paused: lunch");
    const Running server(options_in(folder));
    CHECK(report(server, "[]")->status == 503);
    CHECK(answer(server, R"({"realAgents":[]})")["errorMessage"] == "paused: lunch");
}

TEST_CASE("reports that make no sense get 400, too large ones 413") {
    const Folder folder;
    const Running server(options_in(folder));
    CHECK(report(server, "{}")->status == 400);
    CHECK(report(server, "")->status == 400);
    const std::string large(1024 * 1024 + 1, ' ');
    CHECK(report(server, large)->status == 413);
    bool sent = false;
    const auto chunked = server.client().Post(
        "/heartbeat",
        [&](std::size_t, httplib::DataSink& sink) {
            if (!sent) sink.write(large.data(), large.size());
            sent = true;
            sink.done();
            return true;
        },
        "application/json");
    // The server may hang up on it before the whole body is there.
    if (chunked) CHECK(chunked->status == 413);
    CHECK(answer(server)[0]["version"] == "1");
}

TEST_CASE("a download is resumed where it broke off") {
    const Folder folder;
    const Running server(options_in(folder));
    const auto whole = tarball(server, {});
    CHECK(whole->status == 200);
    CHECK(whole->body == "0123456789");
    const std::string etag = whole->get_header_value("ETag");
    const auto rest = tarball(server, {{"Range", "bytes=4-"}, {"If-Range", etag}});
    CHECK(rest->status == 206);
    CHECK(rest->body == "456789");
    CHECK(rest->get_header_value("Content-Range") == "bytes 4-9/10");
    CHECK(tarball(server, {{"If-None-Match", etag}})->status == 304);
}

TEST_CASE("a file that changed is sent whole") {
    const Folder folder;
    const Running server(options_in(folder));
    const std::string etag = tarball(server, {})->get_header_value("ETag");
    const fs::path file = folder / "tarballs/a-1.tar.gz";
    write(file, "abcdefghij");
    // The file system's clock may be too coarse for two writes that follow so close.
    fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(1));
    const auto again = tarball(server, {{"Range", "bytes=4-"}, {"If-Range", etag}});
    CHECK(again->status == 200);
    CHECK(again->body == "abcdefghij");
}

TEST_CASE("ranges beyond a file or of a page do no harm") {
    const Folder folder;
    const Running server(options_in(folder));
    const auto beyond = tarball(server, {{"Range", "bytes=10-"}});
    CHECK(beyond->status == 416);
    CHECK(beyond->get_header_value("Content-Range") == "bytes */10");
    CHECK(server.client().Get("/", httplib::Headers{{"Range", "bytes=999999-"}})->status == 200);
}

TEST_CASE("only files in the folder are served") {
    const Folder folder;
    write(folder / "tarballs/.hidden", "x");
    fs::create_directory(folder / "tarballs/team");
    write(folder / "tarballs/team/b-1.tar.gz", "b");
    const Running server(options_in(folder));
    CHECK(server.client().Get("/tarballs/team/b-1.tar.gz")->body == "b");
    for (const char* path :
         {"/tarballs/../desired.yaml", "/tarballs/%2e%2e/desired.yaml", "/tarballs/.hidden",
          "/tarballs/team", "/tarballs//etc/passwd", "/tarballs/none", "/other"}) {
        CAPTURE(path);
        CHECK(server.client().Get(path)->status == 404);
    }
    CHECK(server.client().Post("/other", "x", "text/plain")->status == 404);
    CHECK(server.client().Put("/heartbeat", "x", "text/plain")->status == 405);
}

TEST_CASE("with a token, reports without it are refused") {
    const Folder folder;
    meta::Options options = options_in(folder);
    options.token = "secret";
    const Running server(options);
    CHECK(report(server, "[]")->status == 401);
    CHECK(report(server, "[]", {{"Authorization", "Bearer secre"}})->status == 401);
    CHECK(report(server, "[]", {{"Authorization", "Bearer secret"}})->status == 200);
}

TEST_CASE("addresses that are not allowed are refused") {
    const Folder folder;
    meta::Options options = options_in(folder);
    options.allow = {meta::Network::parse("10.0.0.0/8")};
    const Running server(options);
    CHECK(report(server, "[]")->status == 403);
    CHECK(server.client().Get("/")->status == 403);
}

TEST_CASE("300 clients at once, idle ones among them, are all answered") {
    const Folder folder;
    const Running server(options_in(folder));
    std::atomic<int> good = 0;
    std::vector<std::thread> clients;
    clients.reserve(300);
    for (int i = 0; i < 300; ++i) {
        clients.emplace_back([&] {
            auto client = server.client();
            client.set_keep_alive(true);  // the connection stays open to the end
            client.set_connection_timeout(30);
            client.set_read_timeout(30);
            const auto first = client.Post("/heartbeat", "[]", "application/json");
            const auto second = client.Get("/tarballs/a-1.tar.gz");
            if (first && first->status == 200 && second && second->status == 200) ++good;
        });
    }
    for (std::thread& client : clients)
        client.join();
    CHECK(good == 300);
}

TEST_CASE("an idle connection does not hold up the end") {
    const Folder folder;
    auto server = std::make_unique<Running>(options_in(folder));
    auto client = server->client();
    client.set_keep_alive(true);
    REQUIRE(client.Get("/"));
    const auto begin = std::chrono::steady_clock::now();
    server.reset();
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}

TEST_CASE("a second server on the same port is an error") {
    const Folder folder;
    const Running server(options_in(folder));
    meta::Options options = options_in(folder);
    options.port = std::stoi(server.own_tarballs().substr(17));
    meta::Journal journal(options.log);
    meta::Server second(options, journal);
    CHECK_THROWS_AS(second.bind(), std::runtime_error);
}
