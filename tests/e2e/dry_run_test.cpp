// `--dry-run` and `--desired`.
#include "expect.hpp"

using namespace e2e;

namespace {

/// Everything on the host but what the harness itself writes.
std::map<std::string, std::string> picture(const Scene& scene) {
    return snapshot(scene.host.ops);
}

Words actions(const Json& plan) {
    return plan.at("actions").get<Words>();
}

}  // namespace

TEST_CASE("a dry run changes nothing on disk and runs nothing but control status") {
    for (const User user : users()) {
        CAPTURE(to_string(user));
        Scene scene(user);
        const Release fresh = scene.release("a-fresh-one", "1.0.0");
        const Release old = scene.release("b-old-one", "1.0.0");
        const Release next = scene.release("b-old-one", "1.0.1");
        const Release crashed = scene.release("c-crashed-one", "1.0.0");
        const Release unwanted = scene.release("d-unwanted-one", "1.0.0");
        const Release relic = scene.release("e-relic", "1.0.0");
        for (const auto* agent : {&old, &unwanted, &relic})
            scene.host.has_running(*agent);
        scene.host.has(crashed);
        scene.host.write(scene.host.tarball(relic), relic.tarball());
        fs::remove(scene.host.agent_dir("d-unwanted-one") / ".version");
        for (const auto* agent : {&fresh, &next, &crashed, &relic})
            scene.want(*agent);
        scene.want(unwanted, "stop");
        scene.host.forget_journal();
        const auto before = picture(scene);
        const Result result = scene.pass({"--dry-run"});
        CHECK_EXIT(result, 0);
        CHECK(picture(scene) == before);
        for (const auto& event : scene.host.journal())
            CHECK(event.verb == "status");
        CHECK(scene.meta.requests().size() == 1);
        CHECK(scene.meta.reports().size() == 1);
        for (const auto* agent : {&fresh, &next, &crashed, &unwanted})
            CHECK_CONTAINS(result.out, agent->name());
        CHECK_CONTAINS(result.out, "1.0.1");
        CHECK_FALSE(fs::exists(scene.host.ops / "ops-updater.pid"));
        CHECK_FALSE(fs::exists(scene.host.ops / ".ops-updater"));
    }
}

TEST_CASE("after real passes, too, a dry run changes nothing") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    Release next = scene.release("falcon-agent", "1.0.1");
    next.start_fails();
    scene.want(old);
    REQUIRE_EXIT(scene.pass(), 0);
    scene.want(next);
    REQUIRE_EXIT(scene.pass(), 1);
    const auto before = picture(scene);
    CHECK_EXIT(scene.pass({"--dry-run"}), 0);
    CHECK_EXIT(scene.pass({"--dry-run", "--retry"}), 0);
    CHECK_EXIT(scene.pass({"--dry-run", "--format=json"}), 0);
    CHECK(picture(scene) == before);
}

TEST_CASE("the plan as JSON has the contract's fields") {
    Scene scene;
    const Release fresh = scene.release("a-fresh-one", "1.0.0");
    const Release old = scene.release("b-old-one", "1.0.0");
    const Release next = scene.release("b-old-one", "1.0.1");
    const Release crashed = scene.release("c-crashed-one", "1.0.0");
    const Release steady = scene.release("d-steady-one", "1.0.0");
    const Release loud = scene.release("e-unwanted-one", "1.0.0");
    const Release unnamed = scene.release("f-unnamed-one", "1.0.0");
    for (const auto* agent : {&old, &steady, &loud, &unnamed})
        scene.host.has_running(*agent);
    scene.host.has(crashed);
    for (const auto* agent : {&fresh, &next, &crashed, &steady})
        scene.want(*agent);
    scene.want(loud, "stop");
    const Json plan = scene.plan();
    CHECK(plan.at("host") == "web-01");
    CHECK_CONTAINS(plan.at("server").get<std::string>(), scene.meta.address());
    CHECK(plan.at("errors") == Json::array());
    const Json& agents = plan.at("agents");

    const Json a = named(agents, "a-fresh-one");
    CHECK(a.at("current") == nullptr);
    CHECK(a.at("desired") == "1.0.0");
    CHECK(a.at("cmd") == "start");
    CHECK(actions(a) == Words{"download", "unpack", "switch", "start"});
    CHECK(a.at("reason").is_string());
    const Json b = named(agents, "b-old-one");
    CHECK(b.at("current") == "1.0.0");
    CHECK(b.at("desired") == "1.0.1");
    CHECK(b.at("status") == "started");
    CHECK(actions(b) == Words{"download", "unpack", "stop", "switch", "start"});
    CHECK(actions(named(agents, "c-crashed-one")) == Words{"start"});
    CHECK(actions(named(agents, "d-steady-one")) == Words{});
    CHECK(actions(named(agents, "e-unwanted-one")) == Words{"stop"});
    const Json f = named(agents, "f-unnamed-one");
    CHECK(f.at("desired") == nullptr);
    CHECK(f.at("cmd") == nullptr);
    CHECK(actions(f) == Words{});
}

TEST_CASE("a plan tells a stage to be finished from one to be begun") {
    Scene scene;
    Release next = scene.release("falcon-agent", "1.0.1");
    next.file("blob", noise(100000));
    scene.want(next);
    scene.host.write(scene.host.tarball(next), next.tarball());
    const Json unpack = scene.plan_of("falcon-agent");
    CHECK(actions(unpack) == Words{"unpack", "switch", "start"});
    fs::remove(scene.host.tarball(next));

    scene.meta.behave(next.path(), {.hold_after = 50000});
    Process pass = scene.start_pass();
    REQUIRE(eventually([&] {
        const fs::path part = scene.host.tarball(next).string() + ".part";
        return fs::exists(part) && fs::file_size(part) == 50000;
    }));
    pass.kill(SIGKILL);
    pass.wait();
    const Json resume = scene.plan_of("falcon-agent");
    CHECK(actions(resume) == Words{"resume", "unpack", "switch", "start"});
}

TEST_CASE("a dry run exits with 1 if an entry is bad, and names it") {
    Scene scene;
    const Release good = scene.release("falcon-agent", "1.0.0");
    scene.want(good);
    scene.want_entry({{"name", "../evil"}, {"version", "1"}, {"cmd", "start"}});
    CHECK_EXIT(scene.pass({"--dry-run"}), 1);
    const Json plan = scene.plan();
    CHECK(plan.at("errors").size() == 1);
    CHECK(actions(named(plan.at("agents"), "falcon-agent")).size() == 4);
}

TEST_CASE("a dry run exits with 69 where ops-meta is unreachable or its answer unusable") {
    Scene scene;
    scene.meta.answer("no json");
    CHECK_EXIT(scene.pass({"--dry-run"}), 69);
    scene.meta.shut_down();
    CHECK_EXIT(scene.pass({"--dry-run"}), 69);
}

TEST_CASE("a dry run does not sleep its splay") {
    Scene scene;
    RunOptions options;
    options.bare = true;
    options.args = {"--dry-run", "--ops-dir=" + scene.host.ops.string(),
                    "--config=" + scene.host.config_file().string(),
                    "--server=" + scene.host.server, "--splay=80000"};
    scene.host.write(scene.host.config_file(), "{}\n");
    CHECK_EXIT(scene.host.run(options), 0);
}

TEST_CASE("--desired takes the wanted state from a file or from stdin: no report, no splay") {
    for (const bool from_stdin : {false, true}) {
        CAPTURE(from_stdin);
        Scene scene;
        const Release agent = scene.release("falcon-agent", "1.0.0");
        scene.publish(agent);
        const std::string text = Json::array({scene.entry(agent)}).dump();
        const fs::path file = scene.host.root / "desired.json";
        scene.host.write(file, text);
        RunOptions options;
        options.bare = true;
        options.args = {"--ops-dir=" + scene.host.ops.string(),
                        "--config=" + scene.host.config_file().string(), "--splay=80000",
                        "--desired=" + (from_stdin ? std::string("-") : file.string())};
        if (from_stdin) options.input = text;
        scene.host.write(scene.host.config_file(), "{}\n");
        CHECK_EXIT(scene.host.run(options), 0);
        CHECK(scene.host.runs_only(agent));
        CHECK(scene.meta.reports().empty());
    }
}

TEST_CASE("a change is tried on a host before it is published: --dry-run with --desired") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    scene.host.has_running(old);
    scene.want(old);
    const fs::path file = scene.host.root / "desired.json";
    scene.host.write(file, Json{{"desiredAgents", Json::array({scene.entry(next)})}}.dump());
    const Json plan = scene.plan_of("falcon-agent", {"--desired=" + file.string()});
    CHECK(plan.at("desired") == "1.0.1");
    CHECK(scene.meta.reports().empty());
}

TEST_CASE("a --desired file that cannot be used touches nothing") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.host.has(agent);
    scene.want(agent);
    CHECK(scene.pass({"--desired=/no/such/file"}).code != 0);
    scene.host.write(scene.host.root / "desired.json", "{broken");
    CHECK_EXIT(scene.pass({"--desired=" + (scene.host.root / "desired.json").string()}), 69);
    CHECK(scene.host.deeds("falcon-agent") == Words{});
}

TEST_CASE("what others wrote reaches the terminal without control characters") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.instead_of("start", "printf '\\033[2J\\033]0;owned\\007\\r gone'; exit 3");
    scene.want(agent);
    scene.want_entry({{"name", "evil\x1b[31m\x07"}, {"version", "1"}, {"cmd", "start"}});
    const Result pass = scene.pass();
    CHECK_EXIT(pass, 1);
    const Result plan = scene.pass({"--dry-run"});
    const Result status = scene.pass({"--status"});
    for (const Result* result : {&pass, &plan, &status})
        for (const char letter : result->out + result->err)
            CHECK((static_cast<unsigned char>(letter) >= 0x20 || letter == '\n'));
}
