#include "meta_server.hpp"

// As Debian's library was built.
#define CPPHTTPLIB_OPENSSL_SUPPORT
#define CPPHTTPLIB_ZLIB_SUPPORT
#define CPPHTTPLIB_BROTLI_SUPPORT
#include <arpa/inet.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <stdexcept>

#include "files.hpp"

namespace e2e {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::string Request::header(const std::string& name) const {
    const auto at = headers.find(name);
    return at == headers.end() ? "" : at->second;
}

struct MetaServer::Inside {
    struct File {
        std::string content;
        std::string etag;
    };

    mutable std::mutex mutex;
    std::condition_variable changed;
    std::string answer = "[]";
    int status = 200;
    std::map<std::string, File> files;
    std::map<std::string, Behaviour> behaviours;
    std::vector<Request> requests;
    bool stopping = false;
    int holds_ended = 0;

    std::unique_ptr<httplib::Server> server;
    std::thread thread;

    void handle(const httplib::Request& request, httplib::Response& response);
    void note(const httplib::Request& request);
    Behaviour take_behaviour(const std::string& path);
    void wait(milliseconds time);
    void send(httplib::Response& response, const std::string& body, const Behaviour& behaviour,
              int holds_before);
    bool send_piece(httplib::DataSink& sink, const std::string& body, std::size_t offset,
                    const Behaviour& behaviour, int holds_before);
};

void MetaServer::Inside::note(const httplib::Request& request) {
    Request noted;
    noted.method = request.method;
    noted.path = request.path;
    noted.body = request.body;
    noted.at = steady_clock::now();
    for (const auto& [name, value] : request.headers) {
        std::string lower;
        for (const char letter : name)
            lower += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
        noted.headers.emplace(lower, value);
    }
    requests.push_back(noted);
}

Behaviour MetaServer::Inside::take_behaviour(const std::string& path) {
    const auto at = behaviours.find(path);
    if (at == behaviours.end() || at->second.times == 0) return {};
    if (at->second.times > 0) --at->second.times;
    return at->second;
}

void MetaServer::Inside::wait(milliseconds time) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, time, [this] { return stopping; });
}

void MetaServer::Inside::handle(const httplib::Request& request, httplib::Response& response) {
    // Ranges are answered here, by the rules of If-Range, and not by the library.
    const_cast<httplib::Request&>(request).ranges.clear();
    std::unique_lock lock(mutex);
    note(request);
    const int holds_before = holds_ended;  // whoever saw the request may let it go
    const Behaviour behaviour = take_behaviour(request.path);
    const auto file = files.find(request.path);
    std::string body;
    response.status = 200;
    if (file != files.end()) {
        body = file->second.content;
        if (behaviour.etag) response.set_header("ETag", file->second.etag);
    } else if (request.method == "POST") {
        body = answer;
        response.status = status;
    } else {
        body = "no such file\n";
        response.status = 404;
    }
    if (behaviour.body) body = *behaviour.body;
    if (behaviour.status != 0) response.status = behaviour.status;
    const std::string range = request.get_header_value("Range");
    const std::string if_range = request.get_header_value("If-Range");
    const bool same = if_range.empty() ||
                      (behaviour.etag && file != files.end() && if_range == file->second.etag);
    if (response.status == 200 && behaviour.ranges && same && range.rfind("bytes=", 0) == 0) {
        const std::size_t from = std::strtoull(range.c_str() + 6, nullptr, 10);
        const std::string total = std::to_string(body.size());
        if (from >= body.size()) {
            response.status = 416;
            response.set_header("Content-Range", "bytes */" + total);
            body.clear();
        } else {
            response.status = 206;
            response.set_header("Content-Range", "bytes " + std::to_string(from) + "-" +
                                                     std::to_string(body.size() - 1) + "/" + total);
            body = body.substr(from);
        }
    }
    for (const auto& [name, value] : behaviour.headers)
        response.set_header(name, value);
    lock.unlock();
    wait(behaviour.delay);
    send(response, body, behaviour, holds_before);
}

void MetaServer::Inside::send(httplib::Response& response, const std::string& body,
                              const Behaviour& behaviour, int holds_before) {
    const bool plain = !behaviour.cut_after && !behaviour.hold_after && !behaviour.claim &&
                       !behaviour.chunked && behaviour.bytes_per_second == 0;
    if (plain) {
        response.set_content(body, "application/octet-stream");
        return;
    }
    if (behaviour.chunked) {
        response.set_chunked_content_provider(
            "application/octet-stream",
            [this, body, behaviour, holds_before](std::size_t offset, httplib::DataSink& sink) {
                if (offset >= body.size()) {
                    sink.done();
                    return true;
                }
                return send_piece(sink, body, offset, behaviour, holds_before);
            });
        return;
    }
    response.set_content_provider(
        behaviour.claim.value_or(body.size()), "application/octet-stream",
        [this, body, behaviour, holds_before](std::size_t offset, std::size_t,
                                              httplib::DataSink& sink) {
            return offset < body.size() && send_piece(sink, body, offset, behaviour, holds_before);
        });
}

bool MetaServer::Inside::send_piece(httplib::DataSink& sink, const std::string& body,
                                    std::size_t offset, const Behaviour& behaviour,
                                    int holds_before) {
    std::size_t size = std::min<std::size_t>(16384, body.size() - offset);
    if (behaviour.cut_after) {
        if (offset >= *behaviour.cut_after) return false;
        size = std::min(size, *behaviour.cut_after - offset);
    }
    if (behaviour.hold_after && offset < *behaviour.hold_after)
        size = std::min(size, *behaviour.hold_after - offset);
    if (behaviour.hold_after && offset >= *behaviour.hold_after) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return stopping || holds_ended != holds_before; });
        if (stopping) return false;
    }
    if (behaviour.bytes_per_second != 0) {
        size = std::min<std::size_t>(size, behaviour.bytes_per_second / 20 + 1);
        wait(milliseconds(50));
    }
    return sink.write(body.data() + offset, size);
}

MetaServer::MetaServer() : inside_(std::make_unique<Inside>()) {
    listen();
}

MetaServer::~MetaServer() {
    shut_down();
}

void MetaServer::listen() {
    inside_->stopping = false;
    inside_->server = std::make_unique<httplib::Server>();
    auto& server = *inside_->server;
    const auto handler = [this](const httplib::Request& request, httplib::Response& response) {
        inside_->handle(request, response);
    };
    server.Get(".*", handler);
    server.Post(".*", handler);
    server.set_keep_alive_timeout(1);
    server.set_tcp_nodelay(true);
    if (port_ == 0)
        port_ = server.bind_to_any_port("127.0.0.1");
    else if (!server.bind_to_port("127.0.0.1", port_))
        port_ = -1;
    if (port_ <= 0) throw std::runtime_error("no port to listen on");
    inside_->thread = std::thread([&server] { server.listen_after_bind(); });
    while (!server.is_running())
        std::this_thread::sleep_for(milliseconds(1));
}

void MetaServer::shut_down() {
    if (!inside_->server) return;
    {
        const std::lock_guard lock(inside_->mutex);
        inside_->stopping = true;
    }
    inside_->changed.notify_all();
    inside_->server->stop();
    inside_->thread.join();
    inside_->server.reset();
}

void MetaServer::come_back() {
    listen();
}

void MetaServer::answer(const std::string& body, int status) {
    const std::lock_guard lock(inside_->mutex);
    inside_->answer = body;
    inside_->status = status;
}

void MetaServer::put(const std::string& path, const std::string& content) {
    const std::lock_guard lock(inside_->mutex);
    inside_->files[path] = {content, "\"" + md5_hex(content) + "\""};
}

void MetaServer::remove(const std::string& path) {
    const std::lock_guard lock(inside_->mutex);
    inside_->files.erase(path);
}

void MetaServer::behave(const std::string& path, const Behaviour& behaviour) {
    const std::lock_guard lock(inside_->mutex);
    inside_->behaviours[path] = behaviour;
}

void MetaServer::behave_again(const std::string& path) {
    const std::lock_guard lock(inside_->mutex);
    inside_->behaviours.erase(path);
}

void MetaServer::let_go() {
    {
        const std::lock_guard lock(inside_->mutex);
        ++inside_->holds_ended;
    }
    inside_->changed.notify_all();
}

std::vector<Request> MetaServer::requests(const std::string& path) const {
    const std::lock_guard lock(inside_->mutex);
    std::vector<Request> found;
    for (const auto& request : inside_->requests)
        if (path.empty() || request.path == path) found.push_back(request);
    return found;
}

int MetaServer::count(const std::string& path) const {
    return static_cast<int>(requests(path).size());
}

std::vector<Request> MetaServer::reports() const {
    std::vector<Request> found;
    for (const auto& request : requests())
        if (request.method == "POST") found.push_back(request);
    return found;
}

std::string MetaServer::last_report() const {
    const auto all = reports();
    if (all.empty()) throw std::runtime_error("nothing was reported");
    return all.back().body;
}

void MetaServer::forget_requests() {
    const std::lock_guard lock(inside_->mutex);
    inside_->requests.clear();
}

// --- RawServer ---------------------------------------------------------------------------------

struct RawServer::Inside {
    std::function<void(int)> talk;
    int listener = -1;
    std::atomic<bool> stopping{false};
    std::atomic<int> connections{0};
    std::mutex mutex;
    std::vector<int> open;
    std::vector<std::thread> talks;
    std::thread thread;

    void serve() {
        while (!stopping) {
            const int connection = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
            if (connection < 0) break;
            ++connections;
            const std::lock_guard lock(mutex);
            open.push_back(connection);
            talks.emplace_back([this, connection] {
                talk(connection);
                ::shutdown(connection, SHUT_RDWR);
            });
        }
    }
};

RawServer::RawServer(std::function<void(int)> talk) : inside_(std::make_unique<Inside>()) {
    inside_->talk = std::move(talk);
    inside_->listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (inside_->listener < 0 || ::bind(inside_->listener, generic, size) != 0 ||
        ::listen(inside_->listener, 64) != 0 ||
        ::getsockname(inside_->listener, generic, &size) != 0)
        throw std::runtime_error("no port to listen on");
    port_ = ntohs(address.sin_port);
    inside_->thread = std::thread([this] { inside_->serve(); });
}

RawServer::~RawServer() {
    inside_->stopping = true;
    ::shutdown(inside_->listener, SHUT_RDWR);
    inside_->thread.join();
    {
        const std::lock_guard lock(inside_->mutex);
        for (const int connection : inside_->open)
            ::shutdown(connection, SHUT_RDWR);
    }
    for (auto& talk : inside_->talks)
        talk.join();
    for (const int connection : inside_->open)
        ::close(connection);
    ::close(inside_->listener);
}

int RawServer::connections() const {
    return inside_->connections;
}

std::string RawServer::read_head(int connection) {
    std::string head;
    std::array<char, 4096> piece{};
    while (!contains(head, "\r\n\r\n")) {
        const ssize_t got = ::recv(connection, piece.data(), piece.size(), 0);
        if (got <= 0) break;
        head.append(piece.data(), static_cast<std::size_t>(got));
    }
    return head;
}

bool RawServer::say(int connection, const std::string& text) {
    std::string_view rest = text;
    while (!rest.empty()) {
        const ssize_t sent = ::send(connection, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

}  // namespace e2e
