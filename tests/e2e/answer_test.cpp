// The answer of ops-meta: both shapes, every rule of an entry, and what is no answer at all.
#include <algorithm>

#include "expect.hpp"

using namespace e2e;

namespace {

std::string shown(const Json& json) {
    return json.dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 300);
}

/// A host with a crashed agent: whether an answer is acted on shows in its being started.
struct Crashed {
    Crashed() : agent(scene.release("falcon-agent", "1.0.0")) { scene.host.has(agent); }
    Scene scene;
    Release agent;
};

}  // namespace

TEST_CASE("either answer shape is understood under either protocol") {
    for (const char* protocol : {"list", "heartbeat"})
        for (const bool as_list : {true, false}) {
            CAPTURE(protocol);
            CAPTURE(as_list);
            Scene scene;
            const Release agent = scene.release("falcon-agent", "1.0.0");
            scene.host.set("protocol", protocol);
            scene.want(agent);
            scene.answer_as_list(as_list);
            CHECK_EXIT(scene.pass(), 0);
            CHECK(scene.host.runs_only(agent));
        }
}

TEST_CASE("unknown fields are ignored") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.publish(agent);
    Json entry = scene.entry(agent);
    entry["owner"] = {{"team", "ops"}};
    entry["timestamp"] = 1;
    scene.meta.answer(
        Json{{"errorMessage", ""}, {"desiredAgents", Json::array({entry})}, {"x", 1}}.dump());
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
}

TEST_CASE("an entry that breaks a rule is an error of that entry alone") {
    Scene scene;
    const Release good = scene.release("good-agent", "1.0.0");
    scene.publish(good);
    int number = 0;
    const auto with = [&](const std::string& key, const Json& value) {
        Json entry = {{"name", "bad-agent-" + std::to_string(++number)},
                      {"version", "1.0.0"},
                      {"tarball", scene.meta.url() + "/files"},
                      {"md5", ""},
                      {"cmd", "start"}};
        entry[key] = value;
        return entry;
    };
    Json bad = {nullptr, 7, "text", Json::array(), Json::object(), true};
    const std::vector<Json> names = {nullptr,
                                     7,
                                     "",
                                     Json::array(),
                                     true,
                                     ".",
                                     "..",
                                     "../up",
                                     "a/b",
                                     "/etc",
                                     ".hidden",
                                     "-rf",
                                     "a b",
                                     "a\nb",
                                     std::string("a\0b", 3),
                                     "ä",
                                     "a;b",
                                     "$(id)",
                                     "*",
                                     std::string(129, 'a'),
                                     "ops-updater",
                                     "ops-updater-2",
                                     "ops-updater.pid"};
    const std::vector<Json> versions = {nullptr,    1.0,  "",      "..",   "1/2",
                                        ".version", "-1", "1.0\n", " 1.0", std::string(129, '1'),
                                        "1\\2",     "1:2"};
    const std::vector<Json> cmds = {"restart", 1, "START", Json::object(), true, " start"};
    const std::vector<Json> tarballs = {nullptr,
                                        "",
                                        7,
                                        "file:///etc",
                                        "ftp://127.0.0.1/x",
                                        "/local/path",
                                        "http://",
                                        "javascript:alert(1)",
                                        "http://127.0.0.1/a b",
                                        "http://127.0.0.1/\x01",
                                        "http://127.0.0.1:99999/x",
                                        Json::array()};
    const std::vector<Json> md5s = {
        7,          std::string(31, 'a'), std::string(33, 'a'), "file:///etc",
        "nonsense", Json::object(),       std::string(64, 'a')};
    const std::vector<Json> sha256s = {
        7, std::string(63, 'a'), "nonsense", std::string(32, 'a'), "file:///etc", Json::array()};
    for (const auto& value : names)
        bad.push_back(with("name", value));
    for (const auto& value : versions)
        bad.push_back(with("version", value));
    for (const auto& value : cmds)
        bad.push_back(with("cmd", value));
    for (const auto& value : tarballs)
        bad.push_back(with("tarball", value));
    for (const auto& value : md5s)
        bad.push_back(with("md5", value));
    for (const auto& value : sha256s)
        bad.push_back(with("sha256", value));
    bad.push_back(with("name", std::string(120, 'a')));
    bad.back()["version"] = std::string(81, '1');

    Json all = bad;
    all.insert(all.begin() + 20, scene.entry(good));
    scene.meta.answer(all.dump());
    const Json errors = scene.plan().at("errors");
    CHECK(errors.size() == bad.size());
    CHECK_MESSAGE(errors.size() == bad.size(), shown(errors));

    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK(scene.host.runs_only(good));
    for (const auto& request : scene.meta.requests())
        CHECK_LACKS(request.path, "bad-agent");
    Words dirs;
    for (const auto& entry : fs::directory_iterator(scene.host.ops))
        if (entry.is_directory()) dirs.push_back(entry.path().filename());
    std::sort(dirs.begin(), dirs.end());
    CHECK(dirs == Words{".ops-updater", "good-agent"});
    CHECK_FALSE(fs::exists(scene.host.root / "up"));
}

TEST_CASE("each kind of broken entry by itself ends with 1") {
    for (
        const char* text :
        {"[null]", "[7]", "[{}]", R"([{"name":"../x","version":"1","cmd":"stop"}])",
         R"([{"name":"a","version":"1","cmd":"restart"}])",
         R"([{"name":"a","version":"","cmd":"start"}])",
         R"([{"name":"a","version":"1","cmd":"start","tarball":"x"}])",
         R"([{"name":"a","version":"1","cmd":"start","tarball":"http://127.0.0.1:1","md5":"x"}])"}) {
        CAPTURE(text);
        Scene scene;
        scene.meta.answer(text);
        CHECK_EXIT(scene.pass(), 1);
        CHECK_FALSE(fs::exists(scene.host.ops / "a"));
    }
}

TEST_CASE("the longest names and versions that the contract allows are handled") {
    Scene scene;
    const Release long_name = scene.release(std::string(128, 'a'), "1.0.0");
    const Release both = scene.release("b" + std::string(99, '_'), "1" + std::string(99, '~'));
    const Release odd = scene.release("A.b_c+d~e-f", "0+x~1._-");
    const Release number = scene.release("7", "1");
    for (const auto* agent : {&long_name, &both, &odd, &number}) {
        scene.publish(*agent);
        scene.want(*agent, "start", {{"md5", agent->md5()}});
    }
    CHECK_EXIT(scene.pass(), 0);
    for (const auto* agent : {&long_name, &both, &odd, &number})
        CHECK(scene.host.runs_only(*agent));
}

TEST_CASE("an agent named twice is not touched, all others are handled") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    const Release other = scene.release("dinp-agent", "2.0.0");
    scene.host.has_running(old);
    scene.publish(next);
    scene.want_entry(scene.entry(next));
    scene.want_entry(scene.entry(old, "stop"));
    scene.want(other);
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK_CONTAINS(result.err, "falcon-agent");
    CHECK(scene.host.deeds("falcon-agent") == Words{});
    CHECK(scene.host.runs_only(other));
}

TEST_CASE(
    "an agent named twice is not touched even where one of the entries is bad, or both agree") {
    for (const std::string cmd : {"restart", "start"}) {
        CAPTURE(cmd);
        Crashed crashed;
        crashed.scene.publish(crashed.agent);
        crashed.scene.want_entry(crashed.scene.entry(crashed.agent));
        crashed.scene.want_entry(crashed.scene.entry(crashed.agent, cmd));
        CHECK_EXIT(crashed.scene.pass(), 1);
        CHECK(crashed.scene.host.deeds("falcon-agent") == Words{});
    }
}

TEST_CASE("what is no answer changes nothing and ends with 69") {
    Crashed crashed;
    const Json entry = crashed.scene.entry(crashed.agent);
    const std::string good = Json::array({entry}).dump();
    const std::string deep(100000, '[');
    const std::vector<std::string> answers = {
        "",
        " ",
        "null",
        "7",
        "true",
        "\"text\"",
        "{}",
        "not json",
        "<html><body>login</body></html>",
        good.substr(0, good.size() - 1),
        good + "x",
        good + good,
        std::string("\0\0\0", 3),
        "\xff\xfe[]",
        deep,
        deep + std::string(100000, ']'),
        Json{{"errorMessage", "host is unknown"}, {"desiredAgents", Json::array({entry})}}.dump(),
        Json{{"errorMessage", 7}, {"desiredAgents", Json::array({entry})}}.dump(),
        Json{{"errorMessage", Json::array()}, {"desiredAgents", Json::array({entry})}}.dump(),
        Json{{"errorMessage", false}, {"desiredAgents", Json::array({entry})}}.dump(),
        Json{{"errorMessage", ""}}.dump(),
        Json{{"desiredAgents", "none"}}.dump(),
        Json{{"desiredAgents", Json::object()}}.dump(),
        Json{{"agents", Json::array({entry})}}.dump(),
        entry.dump(),
    };
    for (const auto& answer : answers) {
        CAPTURE(answer.substr(0, 200));
        crashed.scene.meta.answer(answer);
        CHECK_EXIT(crashed.scene.pass(), 69);
        CHECK(crashed.scene.host.deeds("falcon-agent") == Words{});
    }
}

TEST_CASE("the errorMessage of ops-meta is shown, without control characters") {
    Scene scene;
    scene.meta.answer(Json{
        {"errorMessage", "host \x1b[31mweb-01\nis unknown"},
        {"desiredAgents",
         nullptr}}.dump());
    const Result result = scene.pass();
    CHECK_EXIT(result, 69);
    CHECK_CONTAINS(result.err, "web-01");
    CHECK_CONTAINS(result.err, "is unknown");
    CHECK_LACKS(result.err, "\x1b");
}

TEST_CASE("an envelope as Go servers send it is understood") {
    Crashed crashed;
    const Json entries = Json::array({crashed.scene.entry(crashed.agent)});
    crashed.scene.publish(crashed.agent);
    for (const Json& answer :
         std::vector<Json>{{{"desiredAgents", nullptr}},
                           {{"errorMessage", nullptr}, {"desiredAgents", nullptr}},
                           {{"errorMessage", ""}, {"desiredAgents", Json::array()}}}) {
        CAPTURE(shown(answer));
        crashed.scene.meta.answer(answer.dump());
        CHECK_EXIT(crashed.scene.pass(), 0);
        CHECK(crashed.scene.host.deeds("falcon-agent") == Words{});
    }
    crashed.scene.meta.answer(Json{{"errorMessage", nullptr}, {"desiredAgents", entries}}.dump());
    CHECK_EXIT(crashed.scene.pass(), 0);
    CHECK(crashed.scene.host.runs_only(crashed.agent));
}

TEST_CASE("an answer above 4 MiB changes nothing: 69") {
    for (const bool chunked : {false, true}) {
        CAPTURE(chunked);
        Crashed crashed;
        Json entry = crashed.scene.entry(crashed.agent);
        crashed.scene.publish(crashed.agent);
        entry["padding"] = std::string(4U * 1024 * 1024, 'x');
        crashed.scene.meta.answer(Json::array({entry}).dump());
        crashed.scene.meta.behave("/heartbeat", {.chunked = chunked});
        CHECK_EXIT(crashed.scene.pass(), 69);
        CHECK(crashed.scene.host.deeds("falcon-agent") == Words{});
        entry["padding"] = std::string(4U * 1024 * 1024 - 1000, 'x');
        crashed.scene.meta.answer(Json::array({entry}).dump());
        CHECK_EXIT(crashed.scene.pass(), 0);
        CHECK(crashed.scene.host.runs_only(crashed.agent));
    }
}

TEST_CASE("an answer without end ends the exchange, and memory stays flat") {
    Scene scene;
    const std::string block(65536, ' ');
    std::string header = "HTTP/1.1 200 OK\r\n";
    SUBCASE("chunked") {
        header += "Transfer-Encoding: chunked\r\n\r\n";
    }
    SUBCASE("until the connection ends") {
        header += "\r\n";
    }
    const bool chunked = contains(header, "chunked");
    RawServer server([&](int connection) {
        RawServer::read_head(connection);
        RawServer::say(connection, header + (chunked ? "1\r\n[\r\n" : "["));
        while (RawServer::say(connection, chunked ? "10000\r\n" + block + "\r\n" : block)) {
        }
    });
    scene.host.server = server.address();
    const Result result = scene.pass();
    CHECK_EXIT(result, 69);
    CHECK(result.seconds < 10);
}

TEST_CASE("a slow loris is left after timeouts.report") {
    Scene scene;
    RawServer server([&](int connection) {
        RawServer::read_head(connection);
        RawServer::say(connection, "HTTP/1.1 200 OK\r\n");
        for (int i = 0; i < 200; ++i) {
            if (!RawServer::say(connection, "X-Slow: y\r\n")) return;
            std::this_thread::sleep_for(milliseconds(50));
        }
    });
    scene.host.server = server.address();
    scene.host.timeout("report", 1);
    const Result result = scene.pass();
    CHECK_EXIT(result, 69);
    CHECK(result.seconds < 5);
}

TEST_CASE("answers that are no HTTP at all are 69") {
    const std::vector<std::string> answers = {
        "",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n[]",
        "HTTP/9.9 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]"};
    for (const auto& answer : answers) {
        CAPTURE(answer);
        Scene scene;
        RawServer server([&](int connection) {
            RawServer::read_head(connection);
            RawServer::say(connection, answer);
        });
        scene.host.server = server.address();
        const Result result = scene.pass();
        // Without Content-Encoding support the plain list may be taken as what it is.
        if (contains(answer, "gzip"))
            CHECK((result.code == 69 || result.code == 0));
        else
            CHECK_EXIT(result, 69);
    }
}

TEST_CASE("any other status than 200 changes nothing: 69") {
    for (const int status : {201, 204, 301, 302, 304, 400, 401, 403, 404, 410, 418}) {
        CAPTURE(status);
        Crashed crashed;
        crashed.scene.want(crashed.agent);
        crashed.scene.meta.behave("/heartbeat", {.status = status});
        CHECK_EXIT(crashed.scene.pass(), 69);
        CHECK(crashed.scene.host.deeds("falcon-agent") == Words{});
    }
}

TEST_CASE("ten thousand entries are one answer") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.publish(agent);
    Json entries = Json::array({scene.entry(agent)});
    for (int i = 0; i < 10000; ++i)
        entries.push_back({{"name", "agent-" + std::to_string(i)}, {"version", "1"}});
    scene.meta.answer(entries.dump());
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
}
