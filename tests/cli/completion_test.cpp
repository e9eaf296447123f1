// The bash completion, asked by a real bash.
#include <doctest/doctest.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "cli.hpp"

namespace {

using Offers = std::set<std::string>;

/// A folder that is gone with the test, and what completion offers in it.
class Folder {
  public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "ops-XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    void write(const std::string& file, const std::string& text = "x") const {
        std::filesystem::create_directories((path_ / file).parent_path());
        std::ofstream(path_ / file) << text;
    }
    /// What is offered for the last of `words`, as bash splits them ("=" is a word of its own).
    [[nodiscard]] Offers complete(const std::vector<std::string>& words) const;

  private:
    std::filesystem::path path_;
};

Offers Folder::complete(const std::vector<std::string>& words) const {
    std::string script = ". src/completion/ops-updater.bash; COMP_WORDS=(ops-updater";
    for (const std::string& word : words) {
        script += " '" + word + "'";
    }
    script += "); COMP_CWORD=" + std::to_string(words.size()) +
              "; _ops_updater; printf '%s\\n' \"${COMPREPLY[@]}\"";
    write("script", script);
    FILE* bash =
        popen(("bash --norc --noprofile '" + (path_ / "script").string() + "'").c_str(), "r");
    REQUIRE(bash != nullptr);
    std::string output;
    for (int c = std::fgetc(bash); c != EOF; c = std::fgetc(bash)) {
        output += static_cast<char>(c);
    }
    REQUIRE(pclose(bash) == 0);
    Offers offers;
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
        if (!line.empty()) offers.insert(line);
    }
    return offers;
}

}  // namespace

TEST_CASE("completion offers every option") {
    const Folder folder;
    const std::vector<std::string> names = ops::option_names();
    CHECK(folder.complete({""}) == Offers(names.begin(), names.end()));
    CHECK(folder.complete({"--once", "--dr"}) == Offers{"--dry-run"});
    CHECK(folder.complete({"--debug", "--ver"}) == Offers{"--version"});
}

TEST_CASE("completion offers the words that an option takes") {
    const Folder folder;
    CHECK(folder.complete({"--format", ""}) == Offers{"text", "json"});
    CHECK(folder.complete({"--format", "=", "j"}) == Offers{"json"});
    CHECK(folder.complete({"--debug", "="}) == Offers{"true", "false"});
    CHECK(folder.complete({"--debug", "=", "f"}) == Offers{"false"});
    CHECK(folder.complete({"--interval", ""}).empty());
}

TEST_CASE("completion offers the agents of the ops dir, and expands no hostile name") {
    const Folder folder;
    folder.write("ops/falcon-agent/.version");
    folder.write("ops/dinp-agent/1.0.0/control");
    folder.write("ops/data/file");
    folder.write("ops/$(touch hostile)/.version");
    folder.write("ops/`exit`/.version");
    const std::string ops = (folder.path() / "ops").string();
    CHECK(folder.complete({"--ops-dir", ops, "--agent", ""}) ==
          Offers{"falcon-agent", "dinp-agent"});
    CHECK(folder.complete({"--ops-dir", "=", ops, "--agent", "=", "f"}) == Offers{"falcon-agent"});
    CHECK(folder.complete({"--ops-dir", ops + "/none", "--agent", ""}).empty());
    CHECK_FALSE(std::filesystem::exists("hostile"));
}

TEST_CASE("completion offers files and folders") {
    const Folder folder;
    folder.write("ops/x.yaml");
    const std::string path = folder.path().string();
    CHECK(folder.complete({"--config", path + "/ops/x"}) == Offers{path + "/ops/x.yaml"});
    CHECK(folder.complete({"--ops-dir", path + "/o"}) == Offers{path + "/ops"});
}
