// Clocks that jump. The program sees another time by a library that is put before libc's.
#include "expect.hpp"

using namespace e2e;

namespace {

class Clock {
  public:
    explicit Clock(Scene& scene) : scene_(scene), library_(scene.host.root / "clock.so") {
        const fs::path source = scene.host.root / "clock.c";
        write_file(source, R"(
#include <sys/syscall.h>
#include <sys/time.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
static long shift(void) { const char* s = getenv("CLOCK_SHIFT"); return s ? atol(s) : 0; }
int clock_gettime(clockid_t id, struct timespec* t) {
    int rc = syscall(SYS_clock_gettime, id, t);
    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) t->tv_sec += shift();
    return rc;
}
time_t time(time_t* at) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (at) *at = t.tv_sec;
    return t.tv_sec;
}
int gettimeofday(struct timeval* at, void* zone) {
    struct timespec t;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    at->tv_sec = t.tv_sec;
    at->tv_usec = t.tv_nsec / 1000;
    return 0;
}
)");
        shell("gcc -shared -fPIC -O1 -o '" + library_.string() + "' '" + source.string() + "'");
    }

    /// A pass whose clock is that many seconds ahead (or behind).
    Result pass(long shift, const Words& args = {}) {  // NOLINT(google-runtime-int)
        RunOptions options;
        options.args = args;
        options.env["LD_PRELOAD"] = library_.string();
        options.env["CLOCK_SHIFT"] = std::to_string(shift);
        const char* asan = std::getenv("ASAN_OPTIONS");
        options.env["ASAN_OPTIONS"] =
            std::string(asan != nullptr ? asan : "") + ":verify_asan_link_order=0";
        return scene_.host.run(options);
    }

  private:
    Scene& scene_;
    fs::path library_;
};

constexpr long day = 86400;         // NOLINT(google-runtime-int)
constexpr long years = 3650 * day;  // NOLINT(google-runtime-int)

}  // namespace

TEST_CASE("a next try that lies implausibly far ahead counts as now") {
    Scene scene;
    Clock clock(scene);
    const Release old = scene.release("falcon-agent", "1.0.0");
    Release bad = scene.release("falcon-agent", "1.0.1");
    bad.instead_of("start",
                   "[ -e " + scene.host.flag("mended") + " ] || exit 3; sleep 600 & echo $! >pid");
    scene.want(old);
    REQUIRE_EXIT(scene.pass(), 0);
    scene.want(bad);
    REQUIRE_EXIT(clock.pass(years), 1);
    REQUIRE_EXIT(clock.pass(years), 1);
    REQUIRE(scene.host.count(bad, "start") == 1);
    scene.host.raise("mended");
    CHECK_EXIT(scene.pass(), 0);  // the clock is right again
    CHECK(scene.host.runs_only(bad));
}

TEST_CASE("a clock that jumps ahead ends the wait, and nothing worse") {
    Scene scene;
    Clock clock(scene);
    const Release old = scene.release("falcon-agent", "1.0.0");
    Release bad = scene.release("falcon-agent", "1.0.1");
    bad.start_fails();
    scene.want(old);
    REQUIRE_EXIT(scene.pass(), 0);
    scene.want(bad);
    REQUIRE_EXIT(scene.pass(), 1);
    REQUIRE_EXIT(clock.pass(years), 1);
    CHECK(scene.host.count(bad, "start") == 2);
    CHECK(scene.host.runs_only(old));
}

TEST_CASE("a clock that was set back does not disturb a steady host") {
    Scene scene;
    Clock clock(scene);
    const Release agent = scene.release("falcon-agent", "1.0.0");
    scene.want(agent);
    REQUIRE_EXIT(scene.pass(), 0);
    for (const long shift : {-years, years, -day, day, -years}) {  // NOLINT(google-runtime-int)
        CAPTURE(shift);
        CHECK_EXIT(clock.pass(shift), 0);
        CHECK(scene.host.deeds("falcon-agent") == Words{"1.0.0 start"});
    }
}

TEST_CASE("jumping clocks roll no fleet back: one death stays one death") {
    Scene scene;
    Clock clock(scene);
    scene.host.set("rollback", "{max_restarts: 3, probation: 3600}");
    const Release old = scene.release("falcon-agent", "1.0.0");
    const Release next = scene.release("falcon-agent", "1.0.1");
    scene.want(old);
    REQUIRE_EXIT(scene.pass(), 0);
    scene.want(next);
    REQUIRE_EXIT(clock.pass(years), 0);
    for (const long shift : {0L, -years}) {  // NOLINT(google-runtime-int)
        CAPTURE(shift);
        scene.host.crash(next);
        CHECK_EXIT(clock.pass(shift), 0);
        CHECK(scene.host.runs_only(next));
    }
}

TEST_CASE("older means used longer ago, whatever the clock said") {
    Scene scene;
    Clock clock(scene);
    for (const char* version : {"1.0", "1.1"}) {
        scene.want(scene.release("falcon-agent", version));
        REQUIRE_EXIT(scene.pass(), 0);
    }
    for (const char* version : {"1.2", "1.3", "1.4"}) {
        scene.want(scene.release("falcon-agent", version));
        REQUIRE_EXIT(clock.pass(-day), 0);
    }
    REQUIRE_EXIT(clock.pass(-day), 0);
    Words left;
    for (const auto& entry : fs::directory_iterator(scene.host.agent_dir("falcon-agent")))
        if (entry.is_directory()) left.push_back(entry.path().filename());
    std::sort(left.begin(), left.end());
    CHECK(left == Words{"1.2", "1.3", "1.4"});
}
