// First installs, steady passes, digests.
#include <sys/stat.h>

#include "expect.hpp"

using namespace e2e;

TEST_CASE("a fresh host gets two agents from nothing") {
    for (const User user : users()) {
        CAPTURE(to_string(user));
        Scene scene(user);
        const Release falcon = scene.release("falcon-agent", "1.0.0");
        const Release dinp = scene.release("dinp-agent", "2.0.0");
        scene.want(falcon);
        scene.want(dinp);
        CHECK_EXIT(scene.pass(), 0);
        for (const Release* agent : {&falcon, &dinp}) {
            CHECK(scene.host.runs_only(*agent));
            CHECK(scene.host.version(agent->name()) == agent->version() + "\n");
            CHECK(scene.host.difference(*agent) == "");
            CHECK(scene.host.deeds(agent->name()) == Words{agent->version() + " start"});
            CHECK(scene.meta.count(agent->path()) == 1);
        }
        CHECK(scene.host.leftovers() == Words{});
    }
}

TEST_CASE("a steady pass downloads nothing, starts nothing, prints one line") {
    for (const User user : users()) {
        CAPTURE(to_string(user));
        Scene scene(user);
        const Release falcon = scene.release("falcon-agent", "1.0.0");
        const Release dinp = scene.release("dinp-agent", "2.0.0");
        scene.want(falcon);
        scene.want(dinp, "stop");
        REQUIRE_EXIT(scene.pass(), 0);
        scene.host.forget_journal();
        scene.meta.forget_requests();
        const Result steady = scene.pass();
        CHECK_EXIT(steady, 0);
        CHECK(lines_of(steady.err).size() == 1);
        CHECK(steady.out.empty());
        CHECK(scene.meta.requests().size() == 1);
        CHECK(scene.host.deeds("falcon-agent") == Words{});
        CHECK(scene.host.deeds("dinp-agent") == Words{});
        CHECK(scene.host.count(falcon, "status") == 1);
        CHECK(scene.host.count(dinp, "status") == 1);
    }
}

TEST_CASE("each line of the log has a time and a level") {
    Scene scene;
    scene.want(scene.release("falcon-agent", "1.0.0"));
    const Result result = scene.pass();
    REQUIRE_EXIT(result, 0);
    const auto year = shell("date +%Y").substr(0, 4);
    for (const auto& line : lines_of(result.err)) {
        CHECK_CONTAINS(line, year);
        CHECK_CONTAINS(line, "INFO");
    }
}

TEST_CASE("an agent that is to be stopped is installed and not started") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent, "stop");
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.version("falcon-agent") == "1.0.0\n");
    CHECK(scene.host.difference(agent) == "");
    CHECK(scene.host.count(agent, "start") == 0);
    scene.want(agent, "start");
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
    CHECK(scene.meta.count(agent.path()) == 1);
}

TEST_CASE("without a cmd an agent is reported and not touched, and that is no error") {
    for (const Json& extra : {Json{{"cmd", ""}}, Json{{"cmd", nullptr}}}) {
        CAPTURE(extra);
        Scene scene;
        const Release old = scene.release("falcon-agent", "1.0.0");
        const Release next = scene.release("falcon-agent", "1.0.1");
        scene.host.has_running(old);
        Json entry = scene.entry(next);
        entry["cmd"] = extra["cmd"];
        if (entry["cmd"].is_null()) entry.erase("cmd");
        scene.want_entry(entry);
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.host.deeds("falcon-agent") == Words{});
        CHECK(scene.host.runs_only(old));
        CHECK(scene.reported("falcon-agent").at("status") == "started");
        CHECK(scene.meta.count(next.path()) == 0);
    }
}

TEST_CASE("an entry that says only a name is reported and not touched") {
    Scene scene;
    const Release old = scene.release("falcon-agent", "1.0.0");
    scene.host.has_running(old);
    scene.host.crash(old);
    scene.want_entry({{"name", "falcon-agent"}, {"version", "1.0.0"}});
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.deeds("falcon-agent") == Words{});
}

TEST_CASE("agents that the answer does not name are reported and left alone") {
    Scene scene;
    const Release crashed = scene.release("falcon-agent", "1.0.0");
    const Release running = scene.release("dinp-agent", "2.0.0");
    scene.host.has(crashed);
    scene.host.has_running(running);
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.reported("falcon-agent").at("status") == "stoped");
    CHECK(scene.reported("dinp-agent").at("status") == "started");
    CHECK(scene.host.deeds("falcon-agent") == Words{});
    CHECK(scene.host.deeds("dinp-agent") == Words{});
}

TEST_CASE("what start and the daemon print is appended to control.log") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.daemon("sh -c 'echo a word of the daemon; echo and one to stderr >&2; exec sleep 600'");
    scene.host.write("falcon-agent/control.log", "from before\n");
    scene.want(agent);
    REQUIRE_EXIT(scene.pass(), 0);
    const auto log = [&] {
        return read_file(scene.host.agent_dir("falcon-agent") / "control.log");
    };
    CHECK(eventually([&] { return contains(log(), "and one to stderr"); }));
    CHECK(log().rfind("from before\n", 0) == 0);
    CHECK_CONTAINS(log(), "falcon-agent 1.0.0 is up");
    CHECK_CONTAINS(log(), "a word of the daemon");
}

TEST_CASE("a control.log above 1 MiB is emptied by a pass, and the daemon goes on writing there") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.daemon("sh -c 'while [ ! -e go ]; do sleep 0.02; done; echo later; exec sleep 600'");
    scene.want(agent);
    REQUIRE_EXIT(scene.pass(), 0);
    const fs::path log = scene.host.agent_dir("falcon-agent") / "control.log";
    struct stat before {};
    REQUIRE(::stat(log.c_str(), &before) == 0);
    fs::resize_file(log, 1024 * 1024 + 1);
    REQUIRE_EXIT(scene.pass(), 0);
    struct stat after {};
    REQUIRE(::stat(log.c_str(), &after) == 0);
    CHECK(after.st_size < 1024);
    CHECK(after.st_ino == before.st_ino);
    scene.host.write(scene.host.dir(agent) / "go", "");
    CHECK(eventually([&] { return contains(read_file(log), "later"); }));
    CHECK(fs::file_size(log) < 1024);
    CHECK(scene.host.deeds("falcon-agent") == Words{"1.0.0 start"});
}

TEST_CASE("a control.log of just 1 MiB stays") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.host.has_running(agent);
    scene.host.write("falcon-agent/control.log", std::string(1024 * 1024, 'x'));
    scene.want(agent);
    REQUIRE_EXIT(scene.pass(), 0);
    CHECK(fs::file_size(scene.host.agent_dir("falcon-agent") / "control.log") == 1024 * 1024);
}

// --- digests -----------------------------------------------------------------------------------

namespace {

struct Digests {
    const char* what;
    std::function<Json(Scene&, const Release&)> extra;
};

const std::vector<Digests>& good_digests() {
    static const std::vector<Digests> list = {
        {"an md5 file at the tarball's prefix",
         [](Scene&, const Release&) { return Json::object(); }},
        {"no md5 field at all",
         [](Scene&, const Release&) {
             return Json{{"md5", nullptr}};
         }},
        {"an md5 prefix of its own",
         [](Scene& scene, const Release& agent) {
             scene.meta.put("/digests/" + agent.tarball_name() + ".md5",
                            agent.md5() + "  " + agent.tarball_name() + "\n");
             scene.meta.remove(agent.md5_path());
             return Json{{"md5", scene.meta.url() + "/digests"}};
         }},
        {"prefixes with a slash at the end",
         [](Scene& scene, const Release&) {
             return Json{{"tarball", scene.meta.url() + "/files/"},
                         {"md5", scene.meta.url() + "/files/"}};
         }},
        {"an md5 inline",
         [](Scene& scene, const Release& agent) {
             scene.meta.remove(agent.md5_path());
             return Json{{"md5", agent.md5()}};
         }},
        {"a bare digest in the md5 file",
         [](Scene& scene, const Release& agent) {
             scene.meta.put(agent.md5_path(), agent.md5());
             return Json::object();
         }},
        {"a path of the build machine in the md5 file",
         [](Scene& scene, const Release& agent) {
             scene.meta.put(agent.md5_path(),
                            agent.md5() + " */home/build/out/" + agent.tarball_name() + "\n");
             return Json::object();
         }},
        {"several lines in the md5 file",
         [](Scene& scene, const Release& agent) {
             scene.meta.put(agent.md5_path(), std::string(32, 'a') + "  other-1.0.0.tar.gz\n" +
                                                  agent.md5() + "  " + agent.tarball_name() + "\n" +
                                                  std::string(32, 'b') + "  more.tar.gz\n");
             return Json::object();
         }},
        {"a sha256 inline",
         [](Scene&, const Release& agent) {
             return Json{{"sha256", agent.sha256()}};
         }},
        {"a sha256 prefix",
         [](Scene& scene, const Release&) {
             return Json{{"sha256", scene.meta.url() + "/files"}};
         }},
        {"a good sha256 beside a wrong md5",
         [](Scene&, const Release& agent) {
             return Json{{"sha256", agent.sha256()}, {"md5", std::string(32, '0')}};
         }},
    };
    return list;
}

const std::vector<Digests>& bad_digests() {
    static const std::vector<Digests> list = {
        {"another md5 in the file",
         [](Scene& scene, const Release& agent) {
             scene.meta.put(agent.md5_path(), std::string(32, '1') + "  x\n");
             return Json::object();
         }},
        {"another md5 inline",
         [](Scene&, const Release&) {
             return Json{{"md5", std::string(32, '1')}};
         }},
        {"another sha256 inline",
         [](Scene&, const Release&) {
             return Json{{"sha256", std::string(64, '1')}};
         }},
        {"another sha256 beside a good md5",
         [](Scene&, const Release& agent) {
             return Json{{"sha256", std::string(64, '1')}, {"md5", agent.md5()}};
         }},
        {"no md5 file",
         [](Scene& scene, const Release& agent) {
             scene.meta.remove(agent.md5_path());
             return Json::object();
         }},
        {"an empty md5 file",
         [](Scene& scene, const Release& agent) {
             scene.meta.put(agent.md5_path(), "");
             return Json::object();
         }},
        {"an md5 file that is a web page",
         [](Scene& scene, const Release& agent) {
             scene.meta.put(agent.md5_path(), "<html>login first</html>");
             return Json::object();
         }},
        {"an md5 file that names another file's absolute path",
         [](Scene& scene, const Release& agent) {
             scene.meta.put(agent.md5_path(), md5_hex(read_file("/etc/passwd")) +
                                                  "  /etc/passwd\n" + std::string(32, '2') + "  " +
                                                  agent.tarball_name() + "\n");
             return Json::object();
         }},
        {"several lines, none for this file",
         [](Scene& scene, const Release& agent) {
             scene.meta.put(agent.md5_path(),
                            agent.md5() + "  a.tar.gz\n" + agent.md5() + "  b.tar.gz\n");
             return Json::object();
         }},
        {"a sha256 prefix without the file",
         [](Scene& scene, const Release& agent) {
             scene.meta.remove(agent.sha256_path());
             return Json{{"sha256", scene.meta.url() + "/files"}};
         }},
    };
    return list;
}

}  // namespace

TEST_CASE("a good digest, wherever it comes from, lets a version in") {
    for (const auto& digests : good_digests()) {
        CAPTURE(digests.what);
        Scene scene;
        const Release agent = scene.release("falcon-agent", "1.0.0");
        scene.publish(agent);
        Json entry = scene.entry(agent);
        entry.update(digests.extra(scene, agent));
        if (entry["md5"].is_null()) entry.erase("md5");
        scene.want_entry(entry);
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.host.runs_only(agent));
        CHECK(scene.host.leftovers() == Words{});
    }
}

TEST_CASE("no digest or a wrong one: no install, the old version runs on, the others go ahead") {
    for (const auto& digests : bad_digests()) {
        CAPTURE(digests.what);
        Scene scene;
        const Release old = scene.release("falcon-agent", "1.0.0");
        const Release next = scene.release("falcon-agent", "1.0.1");
        const Release other = scene.release("dinp-agent", "2.0.0");
        scene.host.has_running(old);
        scene.publish(next);
        Json entry = scene.entry(next);
        entry.update(digests.extra(scene, next));
        scene.want_entry(entry);
        scene.want(other);
        scene.host.set("download", "{retries: 0}");
        const Result result = scene.pass();
        CHECK_EXIT(result, 1);
        CHECK_CONTAINS(result.err, "falcon-agent");
        CHECK_CONTAINS(result.err, "1.0.1");
        CHECK(scene.host.runs_only(old));
        CHECK(scene.host.deeds("falcon-agent") == Words{});
        CHECK_FALSE(fs::exists(scene.host.dir(next) / "control"));
        CHECK(scene.host.runs_only(other));
    }
}

TEST_CASE("a digest error names both digests") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    const std::string wrong(32, '7');
    scene.want(agent, "start", {{"md5", wrong}});
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK_CONTAINS(result.err, wrong);
    CHECK_CONTAINS(result.err, agent.md5());
}

TEST_CASE("with a sha256 no md5 is asked for") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent, "start", {{"sha256", scene.meta.url() + "/files"}});
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.meta.count(agent.md5_path()) == 0);
    CHECK(scene.meta.count(agent.sha256_path()) == 1);
}

TEST_CASE("an upper-case digest is the same digest") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    std::string upper = agent.md5();
    for (auto& letter : upper)
        letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    scene.want(agent, "start", {{"md5", upper}});
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.deeds("falcon-agent") == Words{"1.0.0 start"});
}

// --- transport, as far as every install meets it ------------------------------------------------

TEST_CASE("a tarball that is not there is asked for once and spoils no other agent") {
    Scene scene;
    const Release gone = scene.release("falcon-agent", "1.0.0");
    const Release other = scene.release("dinp-agent", "2.0.0");
    scene.want(gone);
    scene.want(other);
    scene.meta.remove(gone.path());
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK_CONTAINS(result.err, "404");
    CHECK(scene.meta.count(gone.path()) == 1);
    CHECK(scene.host.runs_only(other));
}

TEST_CASE("a server that is down for a moment is asked again") {
    for (const int status : {503, 500, 429}) {
        CAPTURE(status);
        Scene scene;
        const Release agent = scene.release("falcon-agent", "1.0.0");
        scene.want(agent);
        scene.meta.behave(agent.path(), {.times = 1, .status = status});
        CHECK_EXIT(scene.pass(), 0);
        CHECK(scene.meta.count(agent.path()) == 2);
        CHECK(scene.host.runs_only(agent));
    }
}

TEST_CASE("a connection that is cut is resumed in the same pass") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.file("blob", noise(300000));
    scene.want(agent);
    scene.meta.behave(agent.path(), {.times = 1, .cut_after = 100000});
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
    CHECK(scene.host.difference(agent) == "");
    const auto requests = scene.meta.requests(agent.path());
    REQUIRE(requests.size() == 2);
    CHECK(requests[1].header("range") == "bytes=100000-");
    CHECK(requests[1].header("if-range") != "");
}

TEST_CASE("tries are limited by download.retries") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    scene.host.set("download", "{retries: 1}");
    scene.meta.behave(agent.path(), {.status = 503});
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK(scene.meta.count(agent.path()) == 2);
    CHECK_CONTAINS(result.err, "503");
}

TEST_CASE("a tarball above max_size is refused, announced or chunked") {
    for (const bool chunked : {false, true}) {
        CAPTURE(chunked);
        Scene scene;
        Release agent = scene.release("falcon-agent", "1.0.0");
        agent.file("blob", noise(200000));
        scene.want(agent);
        scene.host.set("download", "{max_size: 100K, retries: 0}");
        scene.meta.behave(agent.path(), {.chunked = chunked});
        const Result result = scene.pass();
        CHECK_EXIT(result, 1);
        CHECK_CONTAINS(result.err, "falcon-agent");
        CHECK_FALSE(fs::exists(scene.host.dir(agent) / "control"));
        CHECK_FALSE(fs::exists(scene.host.tarball(agent)));
    }
}

TEST_CASE("redirects are followed, but not for ever, nor to anything but http") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.host.set("download", "{retries: 0}");
    scene.want(agent);
    const auto redirect = [&](const std::string& to) {
        scene.meta.behave(agent.path(), {.status = 302, .headers = {{"Location", to}}});
    };
    redirect(agent.path());  // in a circle
    CHECK_EXIT(scene.pass(), 1);
    CHECK(scene.meta.count(agent.path()) == 6);
    const fs::path local = scene.host.root / "local.tar.gz";
    write_file(local, agent.tarball());
    redirect("file://" + local.string());
    CHECK_EXIT(scene.pass(), 1);
    redirect("ftp://127.0.0.1/x");
    CHECK_EXIT(scene.pass(), 1);
    CHECK_FALSE(fs::exists(scene.host.dir(agent) / "control"));
    scene.meta.put("/elsewhere", agent.tarball());
    redirect("/elsewhere");
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
}

TEST_CASE("a transfer that stalls ends after timeouts.stall") {
    Scene scene;
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.file("blob", noise(100000));
    const Release other = scene.release("dinp-agent", "2.0.0");
    scene.want(agent);
    scene.want(other);
    scene.host.timeout("stall", 1);
    scene.host.set("download", "{retries: 0}");
    scene.meta.behave(agent.path(), {.hold_after = 1000});
    const Result result = scene.pass();
    CHECK_EXIT(result, 1);
    CHECK(result.seconds < 10);
    CHECK(scene.host.runs_only(other));
}

TEST_CASE("many at once: twelve agents from nothing") {
    Scene scene;
    std::vector<Release> agents;
    for (int i = 0; i < 12; ++i) {
        agents.push_back(scene.release("agent-" + std::to_string(i), "1." + std::to_string(i)));
        scene.want(agents.back());
    }
    CHECK_EXIT(scene.pass(), 0);
    for (const auto& agent : agents)
        CHECK(scene.host.runs_only(agent));
    CHECK(scene.host.leftovers() == Words{});
}
