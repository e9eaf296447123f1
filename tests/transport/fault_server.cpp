#include "fault_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <utility>

namespace transport {

namespace {

constexpr int glance_ms = 20;  ///< how long the server's end may go unnoticed

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<in_port_t>(port));
    return address;
}

int listening_socket() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(0);
    if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fd, 128) != 0) {
        throw std::runtime_error("cannot listen on loopback");
    }
    return fd;
}

int port_of(int fd) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

std::map<std::string, std::string> fields_of(std::string_view head) {
    std::map<std::string, std::string> fields;
    for (std::size_t end; (end = head.find("\r\n")) != std::string_view::npos;) {
        const std::string_view line = head.substr(0, end);
        head.remove_prefix(end + 2);
        const std::size_t colon = line.find(": ");
        if (colon != std::string_view::npos) {
            fields[lower(std::string(line.substr(0, colon)))] = line.substr(colon + 2);
        }
    }
    return fields;
}

}  // namespace

std::string Seen::field(const std::string& name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? "" : found->second;
}

bool Connection::send(std::string_view bytes) {
    while (!bytes.empty() && !ending_) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN || errno == EINTR) {
            pollfd writable{fd_, POLLOUT, 0};
            ::poll(&writable, 1, glance_ms);
        } else {
            return false;
        }
    }
    return bytes.empty();
}

void Connection::dribble(std::string_view bytes, std::chrono::milliseconds pause) {
    for (std::size_t at = 0; send(bytes.substr(at, 1)); at = std::min(at + 1, bytes.size() - 1)) {
        std::this_thread::sleep_for(pause);
    }
}

void Connection::wait_until_gone() {
    std::array<char, 4096> ignored;
    while (wait_readable(-1)) {
        if (::recv(fd_, ignored.data(), ignored.size(), MSG_DONTWAIT) == 0) return;
        if (errno == ECONNRESET) return;
    }
}

void Connection::close() {
    ::shutdown(fd_, SHUT_RDWR);
}

void Connection::reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::shutdown(fd_, SHUT_RD);
}

/// False when the server ends.
bool Connection::wait_readable(int other_fd) {
    std::array<pollfd, 2> events{pollfd{fd_, POLLIN, 0}, pollfd{other_fd, POLLIN, 0}};
    while (!ending_) {
        if (::poll(events.data(), events.size(), glance_ms) > 0) return true;
    }
    return false;
}

bool Connection::receive(Seen& request) {
    std::array<char, 16384> buffer;
    std::size_t head_end = 0;
    std::size_t wanted = 0;
    for (;;) {
        const std::size_t blank_line = unread_.find("\r\n\r\n");
        if (head_end == 0 && blank_line != std::string::npos) {
            head_end = blank_line + 4;
            const std::size_t line_end = unread_.find("\r\n");
            request.line = unread_.substr(0, line_end);
            request.fields =
                fields_of(std::string_view(unread_).substr(line_end + 2, head_end - line_end - 4));
            const std::string length = request.field("content-length");
            wanted = head_end + (length.empty() ? 0 : std::stoul(length));
        }
        if (head_end != 0 && unread_.size() >= wanted) break;
        if (!wait_readable(-1)) return false;
        const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
        if (count <= 0) return false;
        unread_.append(buffer.data(), static_cast<std::size_t>(count));
    }
    request.body = unread_.substr(head_end, wanted - head_end);
    unread_.erase(0, wanted);
    request.at = std::chrono::steady_clock::now();
    return true;
}

void Connection::tunnel(int port, std::string_view first_bytes) {
    const int far = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    if (::connect(far, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
        Connection there(far, ending_);
        there.send(first_bytes);
        std::array<char, 16384> buffer;
        bool open = true;
        while (open && wait_readable(far)) {
            for (const auto& [from, to] : {std::pair{fd_, &there}, std::pair{far, this}}) {
                const ssize_t count = ::recv(from, buffer.data(), buffer.size(), MSG_DONTWAIT);
                if (count > 0) {
                    open = open && to->send({buffer.data(), static_cast<std::size_t>(count)});
                } else if (count == 0 || errno != EAGAIN) {
                    open = false;
                }
            }
        }
    }
    ::close(far);
    close();
}

FaultServer::FaultServer(Answer answer)
    : answer_(std::move(answer)), listener_(listening_socket()), port_(port_of(listener_)) {
    acceptor_ = std::thread([this] { accept_all(); });
}

FaultServer::FaultServer(std::vector<std::string> answers)
    : FaultServer([answers = std::move(answers), next = std::make_shared<std::atomic<std::size_t>>(
                                                     0)](const Seen&, Connection& connection) {
          const std::size_t number = std::min(next->fetch_add(1), answers.size() - 1);
          connection.send(answers[number]);
      }) {}

FaultServer::~FaultServer() {
    ending_ = true;
    acceptor_.join();
    for (Worker& worker : workers_) {
        worker.thread.join();
        ::close(worker.fd);
    }
    ::close(listener_);
}

std::string FaultServer::url(const std::string& path, const std::string& host) const {
    return "http://" + host + ":" + std::to_string(port_) + path;
}

std::vector<Seen> FaultServer::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

void FaultServer::accept_all() {
    pollfd event{listener_, POLLIN, 0};
    while (!ending_) {
        if (::poll(&event, 1, glance_ms) <= 0) continue;
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) continue;
        workers_.push_back({fd, std::thread([this, fd] { serve(fd); })});
    }
}

void FaultServer::serve(int fd) {
    Connection connection(fd, ending_);
    if (!answer_) connection.reset();
    for (;;) {
        Seen request;
        if (!connection.receive(request)) break;
        {
            const std::lock_guard lock(mutex_);
            requests_.push_back(request);
        }
        answer_(request, connection);
    }
    // The number stays taken until the server ends, the connection does not: with SO_LINGER at 0
    // this is what sends the RST.
    const int nothing = ::open("/dev/null", 0);
    ::dup3(nothing, fd, O_CLOEXEC);
    ::close(nothing);
}

std::string answer(const std::string& status, const std::string& body, const std::string& fields) {
    return "HTTP/1.1 " + status + "\r\n" + fields +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string redirect_to(const std::string& location, const std::string& status) {
    return answer(status, "", "Location: " + location + "\r\n");
}

void be_a_proxy(const Seen& request, Connection& connection) {
    const std::size_t blank = request.line.find(' ');
    const std::string method = request.line.substr(0, blank);
    std::string target = request.line.substr(blank + 1);
    if (method != "CONNECT") target.erase(0, target.find("//") + 2);
    const int port = std::stoi(target.substr(target.find(':') + 1));
    if (method == "CONNECT") {
        connection.send("HTTP/1.1 200 Connection established\r\n\r\n");
        connection.tunnel(port, "");
        return;
    }
    std::string forwarded = method + " " + target.substr(target.find('/')) + "\r\n";
    for (const auto& [name, value] : request.fields) {
        if (name.rfind("proxy-", 0) != 0) forwarded += name + ": " + value + "\r\n";
    }
    connection.tunnel(port, forwarded + "\r\n" + request.body);
}

int unused_port() {
    const int fd = listening_socket();
    const int port = port_of(fd);
    ::close(fd);
    return port;
}

}  // namespace transport
