// Old versions go, but only those that the updater deployed.
#include "expect.hpp"

using namespace e2e;

namespace {

struct History {
    explicit History(const std::string& keep) { scene.host.set("keep_versions", keep); }

    Release deploy(const std::string& version) {
        const Release release = scene.release("falcon-agent", version);
        scene.want(release);
        REQUIRE_EXIT(scene.pass(), 0);
        REQUIRE(scene.host.runs_only(release));
        return release;
    }

    /// The version dirs on disk, sorted.
    [[nodiscard]] Words versions() const {
        Words found;
        for (const auto& entry : fs::directory_iterator(scene.host.agent_dir("falcon-agent")))
            if (entry.is_directory()) found.push_back(entry.path().filename());
        std::sort(found.begin(), found.end());
        return found;
    }

    Scene scene;
};

}  // namespace

TEST_CASE("keep_versions counts the current one") {
    History history("3");
    for (const char* version : {"1.0", "1.1", "1.2"})
        history.deploy(version);
    CHECK(history.versions() == Words{"1.0", "1.1", "1.2"});
    history.deploy("1.3");
    CHECK_EXIT(history.scene.pass(), 0);
    CHECK(history.versions() == Words{"1.1", "1.2", "1.3"});
}

TEST_CASE("the default is three") {
    Scene scene;
    for (const char* version : {"1", "2", "3", "4", "5"}) {
        scene.want(scene.release("falcon-agent", version));
        REQUIRE_EXIT(scene.pass(), 0);
    }
    CHECK_EXIT(scene.pass(), 0);
    CHECK_FALSE(fs::exists(scene.host.ops / "falcon-agent/1"));
    CHECK_FALSE(fs::exists(scene.host.ops / "falcon-agent/2"));
    for (const char* version : {"3", "4", "5"})
        CHECK(fs::exists(scene.host.ops / "falcon-agent" / version));
}

TEST_CASE("the previous version always stays, even with keep_versions 1") {
    History history("1");
    for (const char* version : {"1.0", "1.1", "1.2"})
        history.deploy(version);
    CHECK_EXIT(history.scene.pass(), 0);
    CHECK(history.versions() == Words{"1.1", "1.2"});
}

TEST_CASE("older means used longer ago, not a smaller number") {
    History history("2");
    for (const char* version : {"9.0", "10.0", "2.0", "1.0"})
        history.deploy(version);
    CHECK_EXIT(history.scene.pass(), 0);
    CHECK(history.versions() == Words{"1.0", "2.0"});
}

TEST_CASE("what the agents wrote into a version dir goes with it") {
    History history("2");
    const Release first = history.deploy("1.0");
    history.scene.host.write(history.scene.host.dir(first) / "var" / "log", "…");
    history.deploy("1.1");
    history.deploy("1.2");
    CHECK_EXIT(history.scene.pass(), 0);
    CHECK(history.versions() == Words{"1.1", "1.2"});
}

TEST_CASE("version dirs made by hand, data dirs and foreign files stay for ever") {
    History history("1");
    history.scene.host.unpack(history.scene.release("falcon-agent", "0.8"));
    const Release by_hand = history.scene.release("falcon-agent", "0.9");
    history.scene.host.has_running(by_hand);
    history.scene.host.write("falcon-agent/data/db", "the agent's");
    history.scene.host.write("falcon-agent/notes.txt", "an operator's");
    for (const char* version : {"1.0", "1.1", "1.2", "1.3"})
        history.deploy(version);
    CHECK_EXIT(history.scene.pass(), 0);
    CHECK(history.versions() == Words{"0.8", "0.9", "1.2", "1.3", "data"});
    CHECK(fs::exists(history.scene.host.ops / "falcon-agent/notes.txt"));
    CHECK(fs::exists(history.scene.host.ops / "falcon-agent/data/db"));
}

TEST_CASE("a failed version that is being waited out stays, and so does the one it goes back to") {
    History history("1");
    history.deploy("1.0");
    history.deploy("1.1");
    Release bad = history.scene.release("falcon-agent", "1.2");
    bad.start_fails();
    history.scene.want(bad);
    REQUIRE_EXIT(history.scene.pass(), 1);
    REQUIRE_EXIT(history.scene.pass(), 1);
    const Words left = history.versions();
    CHECK(std::count(left.begin(), left.end(), "1.1") == 1);
    CHECK(std::count(left.begin(), left.end(), "1.2") == 1);
    CHECK(history.scene.host.version("falcon-agent") == "1.1\n");
    CHECK(history.scene.host.difference(bad) == "");
}

TEST_CASE("a desired version that is staged and not switched to stays") {
    History history("1");
    history.deploy("1.0");
    history.deploy("1.1");
    Release next = history.scene.release("falcon-agent", "1.2");
    history.scene.want(next, "stop");
    REQUIRE_EXIT(history.scene.pass(), 0);
    CHECK_EXIT(history.scene.pass(), 0);
    CHECK(history.versions() == Words{"1.1", "1.2"});
}

TEST_CASE("nothing is pruned of an agent that is held or not named") {
    History history("9");
    for (const char* version : {"1.0", "1.1", "1.2", "1.3"})
        history.deploy(version);
    history.scene.host.set("keep_versions", "1");
    history.scene.want_nothing();
    CHECK_EXIT(history.scene.pass(), 0);
    CHECK(history.versions().size() == 4);
    history.scene.want(history.scene.release("falcon-agent", "1.3"));
    history.scene.host.set("hold", "[falcon-agent]");
    CHECK_EXIT(history.scene.pass(), 0);
    CHECK(history.versions().size() == 4);
}

TEST_CASE("the plan shows what will be pruned") {
    History history("9");
    for (const char* version : {"1.0", "1.1", "1.2"})
        history.deploy(version);
    history.scene.host.set("keep_versions", "2");
    const Words actions = history.scene.plan_of("falcon-agent").at("actions").get<Words>();
    CHECK(actions == Words{"prune"});
    CHECK_EXIT(history.scene.pass(), 0);
    CHECK(history.versions() == Words{"1.1", "1.2"});
}

TEST_CASE("a pruned version can be installed again") {
    History history("1");
    for (const char* version : {"1.0", "1.1", "1.2"})
        history.deploy(version);
    CHECK_EXIT(history.scene.pass(), 0);
    REQUIRE_FALSE(fs::exists(history.scene.host.ops / "falcon-agent/1.0"));
    history.deploy("1.0");
}
