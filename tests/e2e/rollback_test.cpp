// A new version that does not come up: back to the previous one, in the same pass.
#include <regex>

#include "expect.hpp"

using namespace e2e;

namespace {

struct BadUpgrade {
    explicit BadUpgrade(User user = User::self)
        : scene(user),
          good(scene.release("falcon-agent", "1.0.0")),
          bad(scene.release("falcon-agent", "1.0.1")),
          other(scene.release("dinp-agent", "2.0.0")) {
        scene.host.timeout("start", 1);
        scene.host.timeout("stop", 1);
    }

    /// The good version is installed by the updater and runs; the bad one is wanted.
    void begin() {
        scene.want(good);
        REQUIRE_EXIT(scene.pass(), 0);
        scene.want(bad);
        scene.want(other);
        scene.host.forget_journal();
    }

    void check_rolled_back(const Result& result) {
        CHECK_EXIT(result, 1);
        CHECK(scene.host.runs_only(good));
        CHECK(scene.host.difference(good) == "");
        CHECK(scene.host.runs_only(other));
        CHECK(scene.host.leftovers() == Words{});
        CHECK_CONTAINS(result.err, "falcon-agent");
        CHECK_CONTAINS(result.err, "1.0.1");
    }

    Scene scene;
    Release good;
    Release bad;
    Release other;
};

bool is_iso_time(const std::string& text) {
    static const std::regex form(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d))");
    return std::regex_match(text, form);
}

}  // namespace

TEST_CASE("a start that fails is rolled back: the new one stopped, the old one started") {
    for (const User user : users()) {
        CAPTURE(to_string(user));
        BadUpgrade upgrade(user);
        upgrade.bad.start_fails();
        upgrade.begin();
        upgrade.check_rolled_back(upgrade.scene.pass());
        CHECK(upgrade.scene.host.deeds("falcon-agent") ==
              Words{"1.0.0 stop", "1.0.1 start", "1.0.1 stop", "1.0.0 start"});
        CHECK(upgrade.scene.host.difference(upgrade.bad) == "");  // stays for the post-mortem
    }
}

TEST_CASE("a start that hangs is rolled back, and nothing of it is left") {
    BadUpgrade upgrade;
    upgrade.bad.start_hangs();
    upgrade.begin();
    upgrade.check_rolled_back(upgrade.scene.pass());
    CHECK(eventually([&] { return upgrade.scene.host.strays().empty(); }));
}

TEST_CASE("a start that exits with 0 while the status stays stopped is rolled back") {
    BadUpgrade upgrade;
    upgrade.bad.start_does_nothing();
    upgrade.begin();
    upgrade.check_rolled_back(upgrade.scene.pass());
}

TEST_CASE("a new version whose status hangs, says nothing or says both is rolled back") {
    for (const char* status : {"hangs", "", "started and stopped\\n"}) {
        CAPTURE(status);
        BadUpgrade upgrade;
        upgrade.scene.host.timeout("status", 1);
        if (std::string(status) == "hangs")
            upgrade.bad.status_hangs();
        else
            upgrade.bad.status_says(status);
        upgrade.begin();
        upgrade.check_rolled_back(upgrade.scene.pass());
        CHECK_FALSE(upgrade.scene.host.alive(upgrade.bad));
    }
}

TEST_CASE("a daemon that dies at once is rolled back") {
    BadUpgrade upgrade;
    upgrade.bad.daemon("sh -c 'echo no license; exit 1'").after("start", "sleep 0.2");
    upgrade.begin();
    upgrade.check_rolled_back(upgrade.scene.pass());
}

TEST_CASE("a version whose control was no program at all is rolled back") {
    BadUpgrade upgrade;
    upgrade.bad.file("control", "#!/no/such/interpreter\n", 0755);
    upgrade.begin();
    CHECK_EXIT(upgrade.scene.pass(), 1);
    CHECK(upgrade.scene.host.deeds("falcon-agent").back() == "1.0.0 start");
    CHECK(upgrade.scene.host.runs_only(upgrade.good));
}

TEST_CASE("the new version is really gone before the old one starts") {
    BadUpgrade upgrade;
    // Its start fails with the daemon up; its stop takes a while.
    upgrade.bad.after("start", "exit 7")
        .instead_of("stop", "alive && (sleep 0.4; kill $p) & exit 0");
    upgrade.good.before("start", "if (cd ../1.0.1 2>/dev/null && alive); then touch " +
                                     upgrade.scene.host.flag("both") + "; fi");
    upgrade.begin();
    upgrade.check_rolled_back(upgrade.scene.pass());
    CHECK_FALSE(upgrade.scene.host.raised("both"));
}

TEST_CASE("if the new version will not stop, the old one is not started; the next pass goes on") {
    BadUpgrade upgrade;
    upgrade.bad.after("start", "exit 7")
        .before("stop", "[ -e " + upgrade.scene.host.flag("may-stop") + " ] || exit 1");
    upgrade.begin();
    CHECK_EXIT(upgrade.scene.pass(), 1);
    CHECK(upgrade.scene.host.version("falcon-agent") == "1.0.1\n");
    CHECK(upgrade.scene.host.running_versions("falcon-agent") == Words{"1.0.1"});
    CHECK_EXIT(upgrade.scene.pass(), 1);
    CHECK(upgrade.scene.host.version("falcon-agent") == "1.0.1\n");
    CHECK(upgrade.scene.host.count(upgrade.good, "start") == 0);
    upgrade.scene.host.raise("may-stop");
    CHECK_EXIT(upgrade.scene.pass(), 1);
    CHECK(upgrade.scene.host.runs_only(upgrade.good));
    CHECK(upgrade.scene.host.count(upgrade.bad, "start") == 1);
}

TEST_CASE("--status tells version, cause, the script's last output and the time of the next try") {
    BadUpgrade upgrade;
    upgrade.bad.start_fails("cannot bind to port 1988");
    upgrade.begin();
    CHECK(upgrade.scene.status_of("falcon-agent").at("failed") == nullptr);
    const auto before = std::stoll(shell("date +%s"));
    REQUIRE_EXIT(upgrade.scene.pass(), 1);
    const Json agent = upgrade.scene.status_of("falcon-agent");
    CHECK(agent.at("version") == "1.0.0");
    CHECK(agent.at("status") == "started");
    CHECK(agent.at("versions") == Json{"1.0.0", "1.0.1"});
    CHECK(agent.at("held") == nullptr);
    const Json failed = agent.at("failed");
    CHECK(failed.at("version") == "1.0.1");
    CHECK_CONTAINS(failed.at("cause").get<std::string>(), "start");
    CHECK_CONTAINS(failed.at("output").get<std::string>(), "cannot bind to port 1988");
    const auto retry_at = failed.at("retry_at").get<std::string>();
    CHECK(is_iso_time(retry_at));
    const auto at = std::stoll(shell("date -d " + retry_at + " +%s"));
    CHECK(at - before >= 600);
    CHECK(at - before < 660);
    const Result text = upgrade.scene.pass({"--status"});
    CHECK_EXIT(text, 0);
    for (const char* word : {"falcon-agent", "1.0.0", "1.0.1", "cannot bind to port 1988"})
        CHECK_CONTAINS(text.out, word);
    CHECK(upgrade.scene.status_of("dinp-agent").at("failed") == nullptr);
}

TEST_CASE("the failure is sent with the next report") {
    BadUpgrade upgrade;
    upgrade.bad.start_fails();
    upgrade.begin();
    REQUIRE_EXIT(upgrade.scene.pass(), 1);
    CHECK_EXIT(upgrade.scene.pass(), 1);
    const Json entry = upgrade.scene.reported("falcon-agent");
    CHECK(entry.at("version") == "1.0.0");
    CHECK(entry.at("status") == "started");
    CHECK_CONTAINS(entry.at("error").get<std::string>(), "1.0.1");
    CHECK_LACKS(entry.at("error").get<std::string>(), "\n");
    CHECK_FALSE(upgrade.scene.reported("dinp-agent").contains("error"));
}

TEST_CASE("the failure is durable before the rollback begins") {
    BadUpgrade upgrade;
    const std::string kill =
        "kill -9 \"$(cat " + (upgrade.scene.host.ops / "ops-updater.pid").string() + ")\"";
    // The first thing that a rollback does is to stop the new version.
    upgrade.bad.start_fails("the reason").before("stop", kill);
    upgrade.begin();
    CHECK_EXIT(upgrade.scene.pass(), 137);
    const Json failed = upgrade.scene.status_of("falcon-agent").at("failed");
    REQUIRE(failed.is_object());
    CHECK(failed.at("version") == "1.0.1");
    CHECK_CONTAINS(failed.at("output").get<std::string>(), "the reason");
}

TEST_CASE("a kill in the middle of a rollback converges") {
    for (const char* place : {"stop of the new", "start of the old", "after start of the old"}) {
        CAPTURE(place);
        BadUpgrade upgrade;
        const std::string flag = upgrade.scene.host.flag("kill");
        const std::string kill = "if [ -e " + flag + " ]; then rm " + flag + "; kill -9 \"$(cat " +
                                 (upgrade.scene.host.ops / "ops-updater.pid").string() +
                                 ")\"; sleep 0.05; fi";
        upgrade.bad.after("start", "exit 7");  // with its daemon up
        if (place == std::string("stop of the new")) upgrade.bad.before("stop", kill);
        if (place == std::string("start of the old")) upgrade.good.before("start", kill);
        if (place == std::string("after start of the old")) upgrade.good.after("start", kill);
        upgrade.begin();
        upgrade.scene.host.raise("kill");
        CHECK_EXIT(upgrade.scene.pass(), 137);
        CHECK(eventually([&] { return upgrade.scene.host.strays().empty(); }));
        CHECK_EXIT(upgrade.scene.pass(), 1);  // the bad version is being waited out
        CHECK(upgrade.scene.host.runs_only(upgrade.good));
        CHECK(upgrade.scene.host.count(upgrade.bad, "start") == 1);
        CHECK(upgrade.scene.host.running_versions("falcon-agent") == Words{"1.0.0"});
    }
}

TEST_CASE(
    "a rollback goes on although ops-meta is down, and although it wants something else now") {
    for (const bool down : {true, false}) {
        CAPTURE(down);
        BadUpgrade upgrade;
        upgrade.bad.after("start", "exit 7")
            .before("stop", "[ -e " + upgrade.scene.host.flag("may-stop") + " ] || exit 1");
        upgrade.begin();
        REQUIRE_EXIT(upgrade.scene.pass(), 1);
        REQUIRE(upgrade.scene.host.version("falcon-agent") == "1.0.1\n");
        upgrade.scene.host.raise("may-stop");
        if (down) {
            upgrade.scene.meta.shut_down();
            CHECK_EXIT(upgrade.scene.pass(), 69);
        } else {
            upgrade.scene.want(upgrade.good);
            upgrade.scene.pass();
            CHECK_EXIT(upgrade.scene.pass(), 0);
        }
        CHECK(upgrade.scene.host.runs_only(upgrade.good));
    }
}

TEST_CASE("if neither version comes up, both are told of, and the pass ends with 1") {
    BadUpgrade upgrade;
    const std::string broken = upgrade.scene.host.flag("broken");
    upgrade.bad.start_fails("the new one fails");
    upgrade.good.before("start",
                        "[ ! -e " + broken + " ] || { echo 'the old one fails'; exit 5; }");
    upgrade.begin();
    upgrade.scene.host.raise("broken");
    const Result result = upgrade.scene.pass();
    CHECK_EXIT(result, 1);
    CHECK(upgrade.scene.host.version("falcon-agent") == "1.0.0\n");
    CHECK(upgrade.scene.host.running_versions("falcon-agent") == Words{});
    upgrade.scene.host.lower("broken");
    CHECK_EXIT(upgrade.scene.pass(), 1);
    CHECK(upgrade.scene.host.runs_only(upgrade.good));
}

TEST_CASE("a rollback to a version that was installed by hand works, too") {
    BadUpgrade upgrade;
    upgrade.bad.start_fails();
    upgrade.scene.host.has_running(upgrade.good);
    upgrade.scene.want(upgrade.bad);
    upgrade.scene.want(upgrade.other);
    upgrade.check_rolled_back(upgrade.scene.pass());
}

TEST_CASE("an old version that was stopped is left stopped where stop is wanted") {
    BadUpgrade upgrade;
    upgrade.bad.start_fails();
    upgrade.begin();
    upgrade.scene.want(upgrade.bad, "stop");
    CHECK_EXIT(upgrade.scene.pass(), 0);  // never started, so nothing shows
    CHECK(upgrade.scene.host.version("falcon-agent") == "1.0.1\n");
    upgrade.scene.want(upgrade.bad, "start");
    CHECK_EXIT(upgrade.scene.pass(), 1);  // the switch was pending until now
    CHECK(upgrade.scene.host.runs_only(upgrade.good));
}

TEST_CASE("a failed version of a first install has nothing to go back to") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.start_fails("no license found");
    scene.want(agent);
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK(scene.host.version("falcon-agent") == "1.0.0\n");
    CHECK(scene.host.count(agent, "start") == 1);
    CHECK_CONTAINS(result.err, "no license found");
    const Json failed = scene.status_of("falcon-agent").at("failed");
    CHECK(failed.at("version") == "1.0.0");
    CHECK_CONTAINS(failed.at("output").get<std::string>(), "no license found");
    // Its starts follow the back-off.
    CHECK_EXIT(scene.pass(), 1);
    CHECK(scene.host.count(agent, "start") == 1);
    CHECK_EXIT(scene.pass({"--retry"}), 1);
    CHECK(scene.host.count(agent, "start") == 2);
}

TEST_CASE(
    "a first install that failed is tried again after the wait, and mended by a good release") {
    Scene scene;
    scene.host.set("rollback", "{retry_after: 1}");
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.instead_of(
        "start", "[ -e " + scene.host.flag("mended") + " ] || exit 3; sleep 600 & echo $! >pid");
    scene.want(agent);
    REQUIRE_EXIT(scene.pass(), 1);
    scene.host.raise("mended");
    CHECK(eventually([&] { return scene.pass().code == 0; }, seconds(6)));
    CHECK(scene.host.runs_only(agent));
    CHECK(scene.host.count(agent, "start") == 2);
    CHECK(scene.status_of("falcon-agent").at("failed") == nullptr);
}
