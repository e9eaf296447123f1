#include "release.hpp"

#include <atomic>
#include <stdexcept>

#include "files.hpp"
#include "process.hpp"

namespace e2e {

namespace {

constexpr const char* script_head = R"(#!/bin/sh
# The control script of the test agent @NAME@ @VERSION@.
note() {
    read -r up rest </proc/uptime
    echo "$up @NAME@ @VERSION@ $1" >>'@ROOT@/journal'
}
# A pid given anew, or a zombie, does not have this working dir.
alive() {
    { read -r p <pid; } 2>/dev/null && [ "/proc/$p/cwd" -ef . ]
}
)";

constexpr const char* start_body =
    R"(    alive && { echo "@NAME@ @VERSION@ is already running"; exit 0; }
    @DAEMON@ &
    echo $! >pid
    echo "@NAME@ @VERSION@ is up"
)";

constexpr const char* stop_body = R"(    if alive; then
        kill "$p"
        n=0
        while alive; do
            n=$((n + 1))
            [ $n -le 60 ] || { echo "@NAME@ @VERSION@ does not go"; exit 1; }
            sleep 0.01
        done
    fi
    rm -f pid
    echo "@NAME@ @VERSION@ is down"
)";

constexpr const char* status_body = "    if alive; then echo started; else echo stoped; fi\n";

std::string replaced(std::string text, const std::string& word, const std::string& by) {
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size()))
        text.replace(at, word.size(), by);
    return text;
}

std::string found(const std::map<std::string, std::string>& map, const std::string& key,
                  const std::string& otherwise = "") {
    const auto at = map.find(key);
    return at == map.end() ? otherwise : at->second;
}

}  // namespace

Release::Release(fs::path root, std::string name, std::string version)
    : root_(std::move(root)), name_(std::move(name)), version_(std::move(version)) {
    files_["program"] = {"the program of " + name_ + " " + version_ + "\n", 0755};
    files_["conf/agent.conf"] = {"version = " + version_ + "\n", 0644};
}

Release& Release::before(const std::string& verb, const std::string& script) {
    before_[verb] += script + "\n";
    return *this;
}

Release& Release::instead_of(const std::string& verb, const std::string& script) {
    body_[verb] = script + "\n";
    return *this;
}

Release& Release::after(const std::string& verb, const std::string& script) {
    after_[verb] += script + "\n";
    return *this;
}

Release& Release::start_fails(const std::string& output) {
    return instead_of("start", "echo '" + output + "'; exit 3");
}

Release& Release::start_hangs() {
    return instead_of("start", "sleep 600");
}

Release& Release::start_does_nothing() {
    return instead_of("start", "exit 0");
}

Release& Release::stop_refuses() {
    return instead_of("stop", "echo 'I stay'; exit 1");
}

Release& Release::stop_hangs() {
    return instead_of("stop", "sleep 600");
}

Release& Release::status_hangs() {
    return instead_of("status", "sleep 600");
}

Release& Release::status_says(const std::string& text) {
    return instead_of("status", "printf '" + text + "'");
}

Release& Release::daemon_lives_for(const std::string& time) {
    return daemon("sleep " + time);
}

Release& Release::daemon_ignores_term() {
    return daemon("sh -c 'trap \"\" TERM; exec sleep 600'");
}

Release& Release::daemon(const std::string& command) {
    daemon_ = command;
    return *this;
}

Release& Release::file(const std::string& path, const std::string& content, mode_t mode) {
    files_[path] = {content, mode};
    return *this;
}

std::string Release::control() const {
    std::string script = script_head;
    script += "note \"$1\"\ncase $1 in\n";
    const std::map<std::string, std::string> usual = {
        {"start", start_body}, {"stop", stop_body}, {"status", status_body}};
    for (const auto& [verb, body] : usual)
        script += verb + ")\n" + found(before_, verb) + found(body_, verb, body) +
                  found(after_, verb) + "    ;;\n";
    script += "*) echo \"what is $1?\"; exit 64 ;;\nesac\n";
    script = replaced(script, "@DAEMON@", daemon_);
    script = replaced(script, "@NAME@", name_);
    script = replaced(script, "@VERSION@", version_);
    return replaced(script, "@ROOT@", root_.string());
}

std::map<std::string, Release::File> Release::files() const {
    auto files = files_;
    files.try_emplace("control", File{control(), 0755});
    return files;
}

Release& Release::published_as(std::string tarball) {
    tarball_ = std::move(tarball);
    return *this;
}

const std::string& Release::tarball() const {
    if (tarball_.empty()) tarball_ = pack();
    return tarball_;
}

std::string Release::pack() const {
    static std::atomic<int> number{0};
    const fs::path dir = root_ / "pack" / std::to_string(++number);
    std::string members;
    for (const auto& [path, file] : files()) {
        fs::create_directories((dir / path).parent_path());
        write_file(dir / path, file.content, file.mode);
        members += " '" + path + "'";
    }
    const std::string packed = dir.string() + ".tar.gz";
    shell("umask 022; GZIP=-1 tar -C '" + dir.string() + "' -czf '" + packed + "'" + members +
          " 2>/dev/null");
    std::string bytes = read_file(packed);
    fs::remove_all(dir);
    fs::remove(packed);
    return bytes;
}

std::string Release::md5() const {
    return md5_hex(tarball());
}

std::string Release::sha256() const {
    return sha256_hex(tarball());
}

std::string Release::tarball_name() const {
    return name_ + "-" + version_ + ".tar.gz";
}

}  // namespace e2e
