// Credentials and signatures, with the real program (the transport itself has its own tests).
#include "expect.hpp"

using namespace e2e;

namespace {

/// A throw-away minisign key pair, and signatures made with it.
class Signer {
  public:
    Signer(Scene& scene, const std::string& name) : dir_(scene.host.root / name) {
        fs::create_directories(dir_);
        shell("cd " + dir_.string() + " && minisign -G -W -p key.pub -s key.sec >/dev/null");
    }
    [[nodiscard]] fs::path public_key() const { return dir_ / "key.pub"; }
    /// The signature of `bytes` as a file of that name; the signed comment may be another one.
    [[nodiscard]] std::string sign(const std::string& file, const std::string& bytes,
                                   const std::string& comment = "") const {
        write_file(dir_ / file, bytes);
        shell("cd " + dir_.string() + " && minisign -S -W -s key.sec -m '" + file + "' " +
              (comment.empty() ? "" : "-t '" + comment + "' ") + ">/dev/null </dev/null");
        return read_file(dir_ / (file + ".minisig"));
    }

  private:
    fs::path dir_;
};

struct Signed {
    Signed() : signer(scene, "signer"), agent(scene.release("falcon-agent", "1.0.1")) {
        scene.host.own(scene.host.root);
        scene.host.set("verify", "{minisign_key: " + signer.public_key().string() + "}");
        scene.want(agent);
    }
    void put_signature(const std::string& text) { scene.meta.put(agent.path() + ".minisig", text); }
    [[nodiscard]] std::string good() const {
        return signer.sign(agent.tarball_name(), agent.tarball());
    }

    Scene scene;
    Signer signer;
    Release agent;
};

}  // namespace

TEST_CASE("with a minisign key, a good signature lets a version in") {
    Signed it;
    it.put_signature(it.good());
    CHECK_EXIT(it.scene.pass(), 0);
    CHECK(it.scene.host.runs_only(it.agent));
    CHECK(it.scene.host.leftovers() == Words{});
}

TEST_CASE("a signature that is missing, foreign, altered or of another file keeps a version out") {
    struct Case {
        const char* what;
        std::function<std::string(Signed&)> signature;
    };
    const std::vector<Case> cases = {
        {"missing", [](Signed&) { return std::string(); }},
        {"empty", [](Signed&) { return std::string("\n"); }},
        {"junk", [](Signed&) { return noise(300); }},
        {"of another key",
         [](Signed& it) {
             return Signer(it.scene, "stranger").sign(it.agent.tarball_name(), it.agent.tarball());
         }},
        {"of other bytes",
         [](Signed& it) { return it.signer.sign(it.agent.tarball_name(), "other bytes"); }},
        {"whose signed comment names another file",
         [](Signed& it) {
             return it.signer.sign("falcon-agent-1.0.0.tar.gz", it.agent.tarball());
         }},
        {"whose signed comment only contains the name",
         [](Signed& it) {
             return it.signer.sign(it.agent.tarball_name(), it.agent.tarball(),
                                   "timestamp:1 file:x-falcon-agent-1.0.1.tar.gz.old");
         }},
        {"whose signed comment was altered",
         [](Signed& it) {
             std::string text = it.signer.sign("falcon-agent-1.0.0.tar.gz", it.agent.tarball());
             text.replace(text.find("1.0.0.tar"), 5, "1.0.1");
             return text;
         }},
    };
    for (const auto& each : cases) {
        CAPTURE(each.what);
        Signed it;
        const Release old = it.scene.release("falcon-agent", "1.0.0");
        it.scene.host.has_running(old);
        it.scene.host.set("download", "{retries: 0}");
        const std::string signature = each.signature(it);
        if (!signature.empty()) it.put_signature(signature);
        const Result result = it.scene.pass();
        CHECK_EXIT(result, 1);
        CHECK_CONTAINS(result.err, "falcon-agent");
        CHECK_FALSE(fs::exists(it.scene.host.dir(it.agent) / "control"));
        CHECK(it.scene.host.runs_only(old));
        CHECK(it.scene.host.deeds("falcon-agent") == Words{});
        it.put_signature(it.good());
        CHECK_EXIT(it.scene.pass(), 0);
        CHECK(it.scene.host.runs_only(it.agent));
    }
}

TEST_CASE("a leftover tarball is verified again") {
    Signed it;
    Release evil = it.scene.release("falcon-agent", "1.0.1");
    evil.file("evil", "yes");
    it.scene.publish(evil);  // with a good digest
    it.scene.host.set("download", "{retries: 0}");
    it.scene.host.write(it.scene.host.tarball(evil), evil.tarball());
    it.put_signature(it.good());  // of the honest build
    CHECK_EXIT(it.scene.pass(), 1);
    CHECK_FALSE(fs::exists(it.scene.host.dir(evil) / "control"));
}

TEST_CASE("the bearer token goes to ops-meta and nowhere else") {
    Scene scene;
    MetaServer files;
    scene.host.write(scene.host.root / "token", "s3cr3t\n", 0600);
    scene.host.set("token_file", (scene.host.root / "token").string());
    const Release agent = scene.release("falcon-agent", "1.0.0");
    files.put(agent.path(), agent.tarball());
    files.put(agent.md5_path(), agent.md5());
    scene.want(agent, "start", {{"tarball", files.url() + "/files"}});
    CHECK_EXIT(scene.pass(), 0);
    CHECK(scene.host.runs_only(agent));
    CHECK(scene.meta.reports().at(0).header("authorization") == "Bearer s3cr3t");
    for (const auto& request : files.requests())
        CHECK(request.header("authorization") == "");
    // Nor to the files that lie on the same host.
    const Release other = scene.release("dinp-agent", "1.0.0");
    scene.want(other);
    CHECK_EXIT(scene.pass(), 0);
    for (const auto& request : scene.meta.requests(other.path()))
        CHECK(request.header("authorization") == "");
}

TEST_CASE("the netrc's credentials go to their host, and not to another after a redirect") {
    Scene scene;
    MetaServer files;
    scene.host.write(scene.host.root / "netrc", "machine 127.0.0.1 login me password p4ss\n", 0600);
    scene.host.set("netrc_file", (scene.host.root / "netrc").string());
    const Release agent = scene.release("falcon-agent", "1.0.0");
    files.put(agent.path(), agent.tarball());
    scene.want(agent);
    // The same server by another name is another host.
    scene.meta.behave(agent.path(),
                      {.status = 302,
                       .headers = {{"Location", "http://localhost:" + std::to_string(files.port()) +
                                                    agent.path()}}});
    const Result result = scene.pass({"--debug"});
    CHECK_EXIT(result, 0);
    CHECK(scene.host.runs_only(agent));
    CHECK(scene.meta.requests(agent.path()).at(0).header("authorization").rfind("Basic ", 0) == 0);
    REQUIRE(files.count(agent.path()) == 1);
    CHECK(files.requests(agent.path()).at(0).header("authorization") == "");
    CHECK_LACKS(result.err, "p4ss");
}

TEST_CASE("a password in a URL is not shown") {
    Scene scene;
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent, "start",
               {{"tarball", "http://me:p4ssw0rd@" + scene.meta.address() + "/nowhere"}});
    scene.host.set("download", "{retries: 0}");
    const Result result = scene.pass({"--debug"});
    CHECK_EXIT(result, 1);
    CHECK_LACKS(result.err, "p4ssw0rd");
    scene.pass();
    CHECK_LACKS(scene.meta.last_report(), "p4ssw0rd");
    CHECK_LACKS(scene.pass({"--status"}).out, "p4ssw0rd");
}

TEST_CASE("no secret is in the arguments or the environment of what the pass runs") {
    Scene scene;
    scene.host.write(scene.host.root / "token", "s3cr3t\n", 0600);
    scene.host.set("token_file", (scene.host.root / "token").string());
    Release agent = scene.release("falcon-agent", "1.0.0");
    agent.before("start", "{ env; cat /proc/$$/cmdline /proc/*/cmdline 2>/dev/null; } >" +
                              scene.host.flag("seen"));
    scene.want(agent);
    REQUIRE_EXIT(scene.pass(), 0);
    CHECK_LACKS(read_file(scene.host.flag("seen")), "s3cr3t");
}
