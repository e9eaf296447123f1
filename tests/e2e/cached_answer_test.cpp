// While ops-meta is down the last good answer is enforced, as far as that is safe.
#include <sys/stat.h>

#include "expect.hpp"

using namespace e2e;

namespace {

/// An agent that ops-meta wanted started when it last answered, crashed since.
struct Down {
    Down() : agent(scene.release("falcon-agent", "1.0.0")) {
        scene.want(agent);
        REQUIRE_EXIT(scene.pass(), 0);
        scene.host.crash(agent);
    }
    Scene scene;
    Release agent;
};

}  // namespace

TEST_CASE("with ops-meta down the last good answer keeps the agents in their run state") {
    struct Case {
        const char* what;
        std::function<void(Scene&)> take_down;
    };
    const std::vector<Case> cases = {
        {"the port is closed", [](Scene& scene) { scene.meta.shut_down(); }},
        {"500", [](Scene& scene) { scene.meta.behave("/heartbeat", {.status = 500}); }},
        {"502", [](Scene& scene) { scene.meta.behave("/heartbeat", {.status = 502}); }},
        {"503", [](Scene& scene) { scene.meta.behave("/heartbeat", {.status = 503}); }},
        {"504", [](Scene& scene) { scene.meta.behave("/heartbeat", {.status = 504}); }},
        {"429", [](Scene& scene) { scene.meta.behave("/heartbeat", {.status = 429}); }},
        {"a timeout",
         [](Scene& scene) {
             scene.host.timeout("report", 1);
             scene.meta.behave("/heartbeat", {.delay = seconds(3)});
         }},
        {"the connection is cut",
         [](Scene& scene) { scene.meta.behave("/heartbeat", {.cut_after = 1}); }},
    };
    for (const auto& each : cases) {
        CAPTURE(each.what);
        Down down;
        each.take_down(down.scene);
        const Result result = down.scene.pass();
        CHECK_EXIT(result, 69);
        CHECK(down.scene.host.runs_only(down.agent));
        CHECK(down.scene.host.deeds("falcon-agent") == Words{"1.0.0 start", "1.0.0 start"});
    }
}

TEST_CASE("a stop that was ordered is enforced, too") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent, "stop");
    REQUIRE_EXIT(scene.pass(), 0);
    REQUIRE(scene.host.control(agent, "start") == 0);
    scene.meta.shut_down();
    CHECK_EXIT(scene.pass(), 69);
    CHECK_FALSE(scene.host.alive(agent));
}

TEST_CASE("a steady host with ops-meta down ends with 69 and does nothing") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    REQUIRE_EXIT(scene.pass(), 0);
    scene.host.forget_journal();
    scene.meta.shut_down();
    CHECK_EXIT(scene.pass(), 69);
    CHECK(scene.host.deeds("falcon-agent") == Words{});
}

TEST_CASE("without a last answer nothing is touched: 69") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.host.has(agent);
    scene.meta.shut_down();
    CHECK_EXIT(scene.pass(), 69);
    CHECK(scene.host.deeds("falcon-agent") == Words{});
}

TEST_CASE("any other status, and an unusable answer, change nothing: the emergency brake") {
    for (const int status : {204, 301, 400, 401, 403, 404}) {
        CAPTURE(status);
        Down down;
        down.scene.meta.behave("/heartbeat", {.status = status});
        CHECK_EXIT(down.scene.pass(), 69);
        CHECK_FALSE(down.scene.host.alive(down.agent));
    }
    for (const char* answer :
         {"", "{}", "broken", R"({"errorMessage":"no","desiredAgents":[]})", "\"\""}) {
        CAPTURE(answer);
        Down down;
        down.scene.meta.answer(answer);
        CHECK_EXIT(down.scene.pass(), 69);
        CHECK_FALSE(down.scene.host.alive(down.agent));
        // And it is not kept in place of the good one.
        down.scene.meta.shut_down();
        CHECK_EXIT(down.scene.pass(), 69);
        CHECK(down.scene.host.runs_only(down.agent));
    }
}

TEST_CASE("no new switch is begun while ops-meta is down") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    scene.want(old);
    REQUIRE_EXIT(scene.pass(), 0);
    // The answer is kept, but its switch was not begun: the tarball was not there.
    scene.want(next);
    scene.meta.remove(next.path());
    REQUIRE_EXIT(scene.pass(), 1);
    scene.publish(next);
    scene.host.unpack(next);
    scene.meta.behave("/heartbeat", {.status = 503});
    CHECK_EXIT(scene.pass(), 69);
    CHECK(scene.host.runs_only(old));
    scene.host.crash(old);
    CHECK_EXIT(scene.pass(), 69);
    CHECK(scene.host.runs_only(old));
    scene.meta.behave_again("/heartbeat");
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(next));
}

TEST_CASE("no first install is begun while ops-meta is down") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    scene.meta.remove(agent.path());
    REQUIRE_EXIT(scene.pass(), 1);
    scene.publish(agent);
    scene.meta.behave("/heartbeat", {.status = 503});
    CHECK_EXIT(scene.pass(), 69);
    CHECK(scene.host.deeds("falcon-agent") == Words{});
    CHECK(scene.host.version("falcon-agent") == "(none)");
}

TEST_CASE("the kept answer belongs to its server, protocol and hostname") {
    struct Case {
        const char* what;
        std::function<void(Scene&)> change;
    };
    const std::vector<Case> cases = {
        {"another server", [](Scene& scene) { scene.host.server += "/other"; }},
        {"another protocol", [](Scene& scene) { scene.host.set("protocol", "heartbeat"); }},
        {"another hostname", [](Scene& scene) { scene.host.name = "web-02"; }},
    };
    for (const auto& each : cases) {
        CAPTURE(each.what);
        Down down;
        down.scene.meta.shut_down();
        each.change(down.scene);
        CHECK_EXIT(down.scene.pass(), 69);
        CHECK_FALSE(down.scene.host.alive(down.agent));
    }
}

TEST_CASE("--desired never enters the kept answer") {
    Down down;
    const fs::path file = down.scene.host.root / "desired.json";
    down.scene.host.write(file, Json::array({down.scene.entry(down.agent, "stop")}).dump());
    REQUIRE_EXIT(down.scene.pass({"--desired=" + file.string()}), 0);
    down.scene.meta.shut_down();
    CHECK_EXIT(down.scene.pass(), 69);
    CHECK(down.scene.host.runs_only(down.agent));  // as the server's answer wanted it
}

TEST_CASE("a dry run's answer is not kept") {
    Down down;
    down.scene.want(down.agent, "stop");
    REQUIRE_EXIT(down.scene.pass({"--dry-run"}), 0);
    down.scene.meta.shut_down();
    CHECK_EXIT(down.scene.pass(), 69);
    CHECK(down.scene.host.runs_only(down.agent));
}

TEST_CASE("what is kept is for its owner alone") {
    Down down;
    const fs::path memory = down.scene.host.ops / ".ops-updater";
    struct stat info {};
    REQUIRE(::stat(memory.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0700);
    int files = 0;
    for (const auto& path : tree(memory)) {
        REQUIRE(::lstat((memory / path).c_str(), &info) == 0);
        if (!S_ISREG(info.st_mode)) continue;
        CAPTURE(path);
        if (contains(read_file(memory / path), "tarball")) {
            CHECK((info.st_mode & 0777U) == 0600);
            ++files;
        }
    }
    CHECK(files == 1);
}

TEST_CASE("a corrupt kept answer is no answer") {
    Down down;
    const fs::path memory = down.scene.host.ops / ".ops-updater";
    for (const auto& path : tree(memory))
        if (path.back() != '/' && contains(read_file(memory / path), "tarball"))
            down.scene.host.write(memory / path, "{\"body\": [", 0600);
    down.scene.meta.shut_down();
    CHECK_EXIT(down.scene.pass(), 69);
    CHECK_FALSE(down.scene.host.alive(down.agent));
}

TEST_CASE("what the answer's bad entries say is not enforced from the kept answer either") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    scene.want_entry({{"name", "../evil"}, {"version", "1"}, {"cmd", "stop"}});
    REQUIRE_EXIT(scene.pass(), 1);
    scene.host.crash(agent);
    scene.meta.shut_down();
    CHECK_EXIT(scene.pass(), 69);
    CHECK(scene.host.runs_only(agent));
}

TEST_CASE("a leftover of a stage whose switch was begun is finished while ops-meta is down") {
    // Killed between `.version` and start: the pass that follows has only the kept answer.
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    Release next = scene.release("falcon-agent", "1.0.1");
    const std::string flag = scene.host.flag("kill");
    next.before("start", "if [ -e " + flag + " ]; then rm " + flag + "; kill -9 \"$(cat " +
                             (scene.host.ops / "ops-updater.pid").string() + ")\"; exit 1; fi");
    scene.want(old);
    REQUIRE_EXIT(scene.pass(), 0);
    scene.want(next);
    scene.host.raise("kill");
    REQUIRE_EXIT(scene.pass(), 137);
    scene.meta.shut_down();
    CHECK_EXIT(scene.pass(), 69);
    CHECK(scene.host.runs_only(next));
}

TEST_CASE("a version that fails is rolled back while ops-meta is down") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    Release next = scene.release("falcon-agent", "1.0.1");
    const std::string flag = scene.host.flag("kill");
    next.before("start", "if [ -e " + flag + " ]; then rm " + flag + "; kill -9 \"$(cat " +
                             (scene.host.ops / "ops-updater.pid").string() + ")\"; fi; exit 4");
    scene.want(old);
    REQUIRE_EXIT(scene.pass(), 0);
    scene.want(next);
    scene.host.raise("kill");
    REQUIRE_EXIT(scene.pass(), 137);
    scene.meta.shut_down();
    CHECK_EXIT(scene.pass(), 69);
    CHECK(scene.host.runs_only(old));
    CHECK(scene.status_of("falcon-agent").at("failed").at("version") == "1.0.1");
}
