// A real nginx in a folder of its own, and certificates for it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "../support/process.hpp"
#include "bench.hpp"

namespace transport {

class Nginx {
  public:
    /// `http` goes into the http block; "{port0}", "{port1}" … are free ports of loopback, "{root}"
    /// the folder of the files, "{dir}" nginx's own. Returns once it answers; throws with its log.
    explicit Nginx(const std::string& http);
    ~Nginx();
    Nginx(const Nginx&) = delete;
    Nginx& operator=(const Nginx&) = delete;

    /// A file to be served. `modified`: seconds after some moment long past; nginx makes its ETag
    /// of this and the size.
    void put(const std::string& name, const std::string& content, int modified = 0);

    [[nodiscard]] std::string url(const std::string& path, int port = 0,
                                  const std::string& host = "127.0.0.1") const;
    [[nodiscard]] std::string https(const std::string& path, int port,
                                    const std::string& host = "localhost") const;
    [[nodiscard]] int port(int number) const { return ports_.at(static_cast<std::size_t>(number)); }

    /// Lines of its access log that contain this: "PORT METHOD URI STATUS RANGE". Waits until there
    /// are `at_least` so many: nginx writes them after the answer.
    [[nodiscard]] std::vector<std::string> log(const std::string& part, std::size_t at_least) const;

  private:
    bool start(const std::string& http);

    TempDir dir_;
    std::vector<int> ports_;
    std::unique_ptr<e2e::Process> process_;
};

/// Certificates made by the openssl command, in a folder of their own.
class Certificates {
  public:
    Certificates();

    void make_ca(const std::string& name);
    /// NAME.pem and NAME.key; `alternative` is the subjectAltName, `days` may be negative.
    void issue(const std::string& name, const std::string& alternative, const std::string& ca,
               int days = 2);
    [[nodiscard]] std::string file(const std::string& name) const { return dir_.path / name; }

  private:
    TempDir dir_;
};

}  // namespace transport
