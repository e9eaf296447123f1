#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include "scratch.hpp"
#include "world/process.hpp"

using namespace ops;
using namespace ops::test;

namespace {

/// Sets one variable, or unsets it, until the end of the test.
class Variable {
  public:
    Variable(std::string name, const char* value) : name_(std::move(name)) {
        if (const char* old = std::getenv(name_.c_str())) old_ = old;
        set(value);
    }
    ~Variable() { set(old_ ? old_->c_str() : nullptr); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

  private:
    void set(const char* value) {
        if (value != nullptr) {
            ::setenv(name_.c_str(), value, 1);
        } else {
            ::unsetenv(name_.c_str());
        }
    }
    std::string name_;
    std::optional<std::string> old_;
};

bool has(const std::vector<std::string>& environment, const std::string& entry) {
    return std::find(environment.begin(), environment.end(), entry) != environment.end();
}

bool names(const std::vector<std::string>& environment, const std::string& name) {
    return std::any_of(environment.begin(), environment.end(),
                       [&](const std::string& entry) { return entry.find(name + "=") == 0; });
}

constexpr const char* six_folders = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

}  // namespace

TEST_CASE("cron's PATH is completed by the sbin folders") {
    const Variable path("PATH", "/usr/bin:/bin");
    CHECK(search_path() == "/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin");
    CHECK(has(script_environment(), "PATH=/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"));
}

TEST_CASE("what PATH has already stays where it is") {
    const Variable path("PATH", "/sbin:/opt/bin:/usr/local/sbin");
    CHECK(search_path() == "/sbin:/opt/bin:/usr/local/sbin:/usr/sbin");
}

TEST_CASE("without PATH there are the six usual folders") {
    {
        const Variable path("PATH", nullptr);
        CHECK(search_path() == six_folders);
        CHECK(has(script_environment(), std::string("PATH=") + six_folders));
    }
    const Variable path("PATH", "");
    CHECK(search_path() == six_folders);
    CHECK_FALSE(has(script_environment(), "PATH="));
}

TEST_CASE("scripts get the rest of the environment as it is") {
    const Variable language("LANG", "de_DE.UTF-8");
    const Variable own("AGENT_HOME", "/srv/a b");
    CHECK(has(script_environment(), "LANG=de_DE.UTF-8"));
    CHECK(has(script_environment(), "AGENT_HOME=/srv/a b"));
}

TEST_CASE("tools get nothing that changes what they do or say") {
    const Variable options("TAR_OPTIONS", "--exclude=control");
    const Variable gzip("GZIP", "-9");
    const Variable posix("POSIXLY_CORRECT", "1");
    const Variable messages("LC_MESSAGES", "de_DE.UTF-8");
    const Variable all("LC_ALL", "de_DE.UTF-8");
    const Variable language("LANGUAGE", "de");
    const Variable shell("BASH_ENV", "/etc/profile");
    const Variable function("BASH_FUNC_gzip%%", "() { false; }");
    const Variable library("LD_LIBRARY_PATH", "/opt/lib");
    const Variable own("TARGET", "kept");
    const std::vector<std::string> environment = tool_environment();
    for (const char* name : {"TAR_OPTIONS", "GZIP", "POSIXLY_CORRECT", "LC_MESSAGES", "LANGUAGE",
                             "BASH_ENV", "BASH_FUNC_gzip%%"}) {
        CAPTURE(name);
        CHECK_FALSE(names(environment, name));
    }
    CHECK(has(environment, "LC_ALL=C"));
    CHECK_FALSE(has(environment, "LC_ALL=de_DE.UTF-8"));
    CHECK(has(environment, "LD_LIBRARY_PATH=/opt/lib"));
    CHECK(has(environment, "TARGET=kept"));
    CHECK(names(environment, "PATH"));
}

TEST_CASE("a program is found in the first folder that has it as an executable file") {
    const Scratch dir;
    for (const char* name : {"a", "b", "c", "d", "e"})
        fs::create_directory(dir / name);
    fs::create_directory(dir / "a/tool");
    dir.file("b/tool", "text", 0644);
    dir.script("c/tool", "exit 0");
    fs::create_symlink("../c/tool", dir / "d/tool");
    const auto path = [&](const std::string& folders) {
        std::string text;
        for (const char folder : folders)
            text += (dir / std::string(1, folder)).native() + ":";
        return text;
    };
    CHECK(find_program("tool", path("abcd")) == (dir / "c/tool").native());
    CHECK(find_program("tool", path("abd")) == (dir / "d/tool").native());
    CHECK_FALSE(find_program("tool", path("abe")));
}

TEST_CASE("relative and empty folders of PATH are passed over") {
    const Scratch dir;
    dir.script("tool", "exit 0");
    const fs::path before = fs::current_path();
    fs::current_path(dir.path());
    CHECK_FALSE(find_program("tool", ".::" + dir.path().filename().native()));
    CHECK(find_program("tool", ".:" + dir.path().native() + "/") == (dir / "tool").native());
    CHECK_FALSE(find_program("../" + dir.path().filename().native() + "/tool", dir.path()));
    CHECK_FALSE(find_program("", dir.path()));
    fs::current_path(before);
}
