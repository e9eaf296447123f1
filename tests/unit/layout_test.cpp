#include "rules/layout.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace ops;

namespace {

const Layout layout("/home/work/ops");

}  // namespace

TEST_CASE("an agent's files are where the contract has them") {
    CHECK(layout.ops_dir() == "/home/work/ops");
    CHECK(layout.pid_file() == "/home/work/ops/ops-updater.pid");
    CHECK(layout.agent_dir("falcon-agent") == "/home/work/ops/falcon-agent");
    CHECK(layout.version_file("falcon-agent") == "/home/work/ops/falcon-agent/.version");
    CHECK(layout.hold_file("falcon-agent") == "/home/work/ops/falcon-agent/.hold");
    CHECK(layout.control_log("falcon-agent") == "/home/work/ops/falcon-agent/control.log");
    CHECK(layout.version_dir("falcon-agent", "1.0.1") == "/home/work/ops/falcon-agent/1.0.1");
    CHECK(layout.control("falcon-agent", "1.0.1") == "/home/work/ops/falcon-agent/1.0.1/control");
}

TEST_CASE("a stage's files lie in the version dir, under the tarball's name") {
    const StagePaths stage = layout.stage("a", "1");
    CHECK(stage.dir == layout.version_dir("a", "1"));
    CHECK(stage.tarball == "/home/work/ops/a/1/a-1.tar.gz");
    CHECK(stage.part == "/home/work/ops/a/1/a-1.tar.gz.part");
    CHECK(stage.validator.parent_path() == stage.dir);
    CHECK(stage.signature == "/home/work/ops/a/1/a-1.tar.gz.minisig");
    CHECK(std::set{stage.tarball, stage.part, stage.validator, stage.signature}.size() == 4);
}

TEST_CASE("a republished build is staged in the state dir, never in the version dir") {
    const StagePaths aside = layout.stage_aside("a", "1");
    CHECK(aside.dir.parent_path() == layout.aside_dir());
    CHECK(aside.tarball.parent_path() == aside.dir);
    CHECK(aside.tarball.filename() == "a-1.tar.gz");
}

TEST_CASE("no two builds share a dir aside") {
    CHECK(layout.stage_aside("a-1", "2").dir != layout.stage_aside("a", "1-2").dir);
    CHECK(layout.stage_aside("a", "1").dir != layout.stage_aside("a", "2").dir);
}

TEST_CASE("the updater's memory lies in its own dir, a file an agent") {
    CHECK(layout.state_dir() == "/home/work/ops/.ops-updater");
    CHECK(layout.agent_memory_dir().parent_path() == layout.state_dir());
    CHECK(layout.agent_memory("a").parent_path() == layout.agent_memory_dir());
    CHECK(layout.agent_memory("a") != layout.agent_memory("b"));
    CHECK(layout.aside_dir().parent_path() == layout.state_dir());
    for (const auto& file : {layout.answer(), layout.last_pass(), layout.running()}) {
        CHECK(file.parent_path() == layout.state_dir());
    }
    CHECK(std::set{layout.answer(), layout.last_pass(), layout.running(), layout.aside_dir(),
                   layout.agent_memory_dir()}
              .size() == 5);
}

TEST_CASE("the longest names still fit into a file name") {
    const std::string name(128, 'n');
    const std::string version(72, 'v');
    CHECK(layout.stage(name, version).validator.filename().string().size() <= 255);
    CHECK(layout.stage_aside(name, version).dir.filename().string().size() <= 255);
    CHECK(layout.agent_memory(name).filename().string().size() <= 255);
}

TEST_CASE("a tarball is named by agent and version") {
    CHECK(Layout::tarball_name("falcon-agent", "1.0.1") == "falcon-agent-1.0.1.tar.gz");
}
