// What ops-meta is told.
#include <ctime>

#include "expect.hpp"

using namespace e2e;

TEST_CASE("protocol list: the body is the seed's") {
    Scene scene;
    const Release falcon = scene.release("falcon-agent", "1.0.0");
    const Release dinp = scene.release("dinp-agent", "2.0.0");
    scene.host.has_running(falcon);
    scene.host.has(dinp);
    CHECK_EXIT(scene.pass(), 0);
    const Request request = scene.meta.reports().at(0);
    CHECK(request.header("content-type") == "application/json");
    CHECK(request.header("x-ops-hostname") == "web-01");
    const Json body = Json::parse(request.body);
    REQUIRE(body.size() == 2);
    CHECK(named(body, "falcon-agent") ==
          Json{{"name", "falcon-agent"}, {"version", "1.0.0"}, {"status", "started"}});
    CHECK(named(body, "dinp-agent") ==
          Json{{"name", "dinp-agent"}, {"version", "2.0.0"}, {"status", "stoped"}});
}

TEST_CASE("a fresh host reports an empty list, not null") {
    Scene scene;
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.last_report() == Json::array());
    scene.host.set("protocol", "heartbeat");
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.last_report() == Json{{"hostname", "web-01"}, {"realAgents", Json::array()}});
}

TEST_CASE("protocol heartbeat: the body is open-falcon's, with unix seconds") {
    Scene scene;
    scene.host.set("protocol", "heartbeat");
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.host.has_running(agent);
    CHECK_EXIT(scene.pass(), 0);
    const Json body = scene.last_report();
    CHECK(body.at("hostname") == "web-01");
    const Json entry = body.at("realAgents").at(0);
    CHECK(entry.at("name") == "falcon-agent");
    CHECK(entry.at("version") == "1.0.0");
    CHECK(entry.at("status") == "started");
    CHECK(std::abs(entry.at("timestamp").get<std::int64_t>() - std::time(nullptr)) < 30);
    CHECK(scene.meta.reports().at(0).header("x-ops-hostname") == "web-01");
}

TEST_CASE(
    "an agent with trouble carries one line that names version and cause, until all is well") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.1");
    scene.want(agent);
    scene.meta.remove(agent.path());
    REQUIRE_EXIT(scene.pass(), 1);
    scene.publish(agent);
    REQUIRE_EXIT(scene.pass(), 0);
    const Json entry = scene.reported("falcon-agent");  // of the first stage that failed
    CHECK(entry.at("version") == "");
    CHECK(entry.at("status") == "unknown");
    const auto error = entry.at("error").get<std::string>();
    CHECK_CONTAINS(error, "1.0.1");
    CHECK_CONTAINS(error, "404");
    CHECK_LACKS(error, "\n");
    REQUIRE_EXIT(scene.pass(), 0);
    CHECK_FALSE(scene.reported("falcon-agent").contains("error"));
    CHECK(scene.reported("falcon-agent").at("version") == "1.0.1");
}

TEST_CASE("a failed stage beside a running version is reported with that version") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    scene.host.has_running(old);
    scene.want(next, "start", {{"md5", std::string(32, '0')}});
    REQUIRE_EXIT(scene.pass(), 1);
    scene.want_nothing();
    scene.pass();
    const Json entry = scene.reported("falcon-agent");
    CHECK(entry.at("version") == "1.0.0");
    CHECK(entry.at("status") == "started");
    CHECK_CONTAINS(entry.at("error").get<std::string>(), "1.0.1");
}

TEST_CASE("where the first start failed, .version and the report say that version") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.start_fails("no license found");
    scene.want(agent);
    REQUIRE_EXIT(scene.pass(), 1);
    CHECK(scene.host.version("falcon-agent") == "1.0.0\n");
    scene.pass();
    const Json entry = scene.reported("falcon-agent");
    CHECK(entry.at("version") == "1.0.0");
    CHECK(entry.at("status") == "stoped");
    CHECK_CONTAINS(entry.at("error").get<std::string>(), "1.0.0");
}

TEST_CASE("a status that could not be told is trouble, and says why") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.status_hangs();
    scene.host.has(agent);
    scene.host.timeout("status", 1);
    CHECK_EXIT(scene.pass(), 0);
    const Json entry = scene.reported("falcon-agent");
    CHECK(entry.at("status") == "unknown");
    CHECK_CONTAINS(entry.at("error").get<std::string>(), "1.0.0");
}

TEST_CASE("version dirs without a .version, never touched by the updater, are not reported") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.host.unpack(agent);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.last_report() == Json::array());
}

TEST_CASE("bytes that are no UTF-8 spoil no report") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.instead_of("start", "printf 'caf\\351 \\377\\376 \\033[1m'; exit 3");
    scene.want(agent);
    REQUIRE_EXIT(scene.pass(), 1);
    scene.pass();
    const std::string body = scene.meta.last_report();
    CHECK(Json::accept(body));
    CHECK_LACKS(body, "\\u001b");
}

TEST_CASE("a report is sent before anything is done") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.host.has(agent);
    scene.want(agent);
    REQUIRE_EXIT(scene.pass(), 0);
    CHECK(scene.meta.reports().size() == 1);
    CHECK(scene.reported("falcon-agent").at("status") == "stoped");
}
