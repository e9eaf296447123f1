// A folder for one test, with real scripts in it.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

namespace ops::test {

namespace fs = std::filesystem;

/// Fresh and empty; gone with all that is in it when the object goes.
class Scratch {
  public:
    enum class Where { disk, memory };

    /// In memory, if that can be: for trees so large that a busy disk would be what takes the time.
    explicit Scratch(Where where = Where::disk) {
        const bool in_memory = where == Where::memory && ::access("/dev/shm", W_OK) == 0;
        const fs::path parent = in_memory ? "/dev/shm" : fs::temp_directory_path();
        std::string name = parent / "ops-updater-test-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        path_ = fs::canonical(name);
    }
    ~Scratch() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    [[nodiscard]] const fs::path& path() const { return path_; }
    [[nodiscard]] fs::path operator/(const std::string& name) const { return path_ / name; }

    /// A file with this content, "" included.
    fs::path file(const std::string& name, const std::string& content, mode_t mode = 0644) const {
        const fs::path path = path_ / name;
        std::ofstream(path, std::ios::binary) << content;
        ::chmod(path.c_str(), mode);
        return path;
    }
    /// An executable shell script.
    fs::path script(const std::string& name, const std::string& body) const {
        return file(name, "#!/bin/sh\n" + body + "\n", 0755);
    }

  private:
    fs::path path_;
};

inline std::string content_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

/// Waits for a condition, at most so long; whether it came true.
template <typename Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

inline double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace ops::test
