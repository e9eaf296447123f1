// A server on loopback for answers that no proper server gives: each test says byte by byte what is
// sent, and sees byte by byte what came.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace transport {

/// One request as it came in.
struct Seen {
    std::string line;                           ///< "GET /x HTTP/1.1"
    std::map<std::string, std::string> fields;  ///< names in lower case
    std::string body;
    std::chrono::steady_clock::time_point at;

    /// The header field's value; "" where there is none.
    [[nodiscard]] std::string field(const std::string& name) const;
    [[nodiscard]] bool has(const std::string& name) const { return fields.count(name) != 0; }
};

/// The server's end of one connection. All calls return at once when the server ends.
class Connection {
  public:
    Connection(int fd, const std::atomic<bool>& ending) : fd_(fd), ending_(ending) {}

    bool send(std::string_view bytes);  ///< false where the other side has gone
    /// One byte (the last one again and again) each so often, until the other side goes.
    void dribble(std::string_view bytes, std::chrono::milliseconds pause);
    void wait_until_gone();  ///< says nothing more
    void close();            ///< in good order
    void reset();            ///< with a RST
    bool receive(Seen& request);
    /// Copies both ways between this and a connection to that port of 127.0.0.1.
    void tunnel(int port, std::string_view first_bytes);

  private:
    bool wait_readable(int other_fd);

    int fd_;
    const std::atomic<bool>& ending_;
    std::string unread_;
};

class FaultServer {
  public:
    using Answer = std::function<void(const Seen&, Connection&)>;

    /// Each request gets what `answer` does; without one, each connection is reset at once.
    explicit FaultServer(Answer answer);
    /// The n-th request gets the n-th of these; later ones the last.
    explicit FaultServer(std::vector<std::string> answers);
    ~FaultServer();
    FaultServer(const FaultServer&) = delete;
    FaultServer& operator=(const FaultServer&) = delete;

    [[nodiscard]] int port() const { return port_; }
    [[nodiscard]] std::string url(const std::string& path = "/",
                                  const std::string& host = "127.0.0.1") const;
    [[nodiscard]] std::vector<Seen> requests() const;

  private:
    void accept_all();
    void serve(int fd);

    struct Worker {
        int fd;
        std::thread thread;
    };

    Answer answer_;
    int listener_ = -1;
    int port_ = 0;
    std::atomic<bool> ending_{false};
    mutable std::mutex mutex_;
    std::vector<Seen> requests_;
    std::list<Worker> workers_;
    std::thread acceptor_;
};

/// A whole answer with Content-Length; `fields` are lines with "\r\n" at each end.
std::string answer(const std::string& status, const std::string& body,
                   const std::string& fields = "");

/// An answer that redirects.
std::string redirect_to(const std::string& location, const std::string& status = "302 Found");

/// What an HTTP proxy does with a request: forwards it to the named port of 127.0.0.1, whatever the
/// host, or opens a tunnel for CONNECT.
void be_a_proxy(const Seen& request, Connection& connection);

/// A port of 127.0.0.1 that nobody listens on.
int unused_port();

}  // namespace transport
