// ops-meta and the file server of the tests: one HTTP server on loopback that does as it is told.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace e2e {

/// One request as it came in.
struct Request {
    std::string method;
    std::string path;
    std::multimap<std::string, std::string> headers;  ///< names in lower case
    std::string body;
    std::chrono::steady_clock::time_point at;

    /// The header's value, "" where there is none. `name` in lower case.
    [[nodiscard]] std::string header(const std::string& name) const;
};

/// How the answers to one path differ from the usual ones.
struct Behaviour {
    int times = -1;                                ///< for so many requests; then as usual
    int status = 0;                                ///< instead of 200
    std::map<std::string, std::string> headers{};  ///< sent besides
    std::optional<std::string> body{};             ///< instead of the file
    std::chrono::milliseconds delay{0};            ///< before anything is sent
    std::optional<std::size_t>
        cut_after{};  ///< so many bytes of the body, then the connection ends
    std::optional<std::size_t>
        hold_after{};                    ///< so many bytes of the body, then none until let_go()
    std::size_t bytes_per_second = 0;    ///< 0: as fast as can be
    std::optional<std::size_t> claim{};  ///< the Content-Length; the connection ends before
    bool chunked = false;                ///< no Content-Length
    bool ranges = true;                  ///< Range is understood
    bool etag = true;                    ///< an ETag is sent, and If-Range looked at
};

/// Listens from its construction to its destruction, on a port of its own. Reports to any path that
/// is no file are answered with the answer; files are served with ETag and Range.
class MetaServer {
  public:
    MetaServer();
    ~MetaServer();
    MetaServer(const MetaServer&) = delete;
    MetaServer& operator=(const MetaServer&) = delete;

    [[nodiscard]] int port() const { return port_; }
    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] std::string url() const { return "http://" + address(); }

    /// The answer to each report from now on.
    void answer(const std::string& body, int status = 200);
    /// A file under that path from now on; what was there is replaced (and gets another ETag).
    void put(const std::string& path, const std::string& content);
    void remove(const std::string& path);
    void behave(const std::string& path, const Behaviour& behaviour);
    void behave_again(const std::string& path);  ///< as usual
    /// Answers that hold go on.
    void let_go();

    /// All requests so far, or those to one path.
    [[nodiscard]] std::vector<Request> requests(const std::string& path = "") const;
    [[nodiscard]] int count(const std::string& path) const;
    /// The reports (POST) so far.
    [[nodiscard]] std::vector<Request> reports() const;
    /// The last report's body; throws where there was none.
    [[nodiscard]] std::string last_report() const;
    void forget_requests();

    void shut_down();  ///< the port refuses connections from now on
    void come_back();  ///< on the same port

  private:
    struct Inside;
    void listen();

    std::unique_ptr<Inside> inside_;
    int port_ = 0;
};

/// A server that is no HTTP server: whatever `talk` does with each connection (a descriptor, closed
/// after it). For answers that nobody should send.
class RawServer {
  public:
    explicit RawServer(std::function<void(int)> talk);
    ~RawServer();
    RawServer(const RawServer&) = delete;
    RawServer& operator=(const RawServer&) = delete;

    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] int connections() const;

    /// Reads until the request's headers are over.
    static std::string read_head(int connection);
    /// False where the other side has gone.
    static bool say(int connection, const std::string& text);

  private:
    struct Inside;
    std::unique_ptr<Inside> inside_;
    int port_ = 0;
};

}  // namespace e2e
