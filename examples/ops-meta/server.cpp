#include "server.hpp"

#include <dirent.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>
#include <set>
#include <thread>

#include "page.hpp"
#include "pool.hpp"
#include "tarballs.hpp"
#include "wire.hpp"

namespace meta {
namespace {

constexpr std::size_t max_body = std::size_t{1024} * 1024;
constexpr std::size_t max_threads = 512;

void plain(httplib::Response& response, int status, const std::string& text) {
    response.status = status;
    response.set_content(text + "\n", "text/plain; charset=utf-8");
}

/// Compares in a time that does not tell how much was right.
bool same_secret(const std::string& a, const std::string& b) {
    unsigned difference = a.size() == b.size() ? 0 : 1;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const char other = b.empty() ? '\0' : b[i % b.size()];
        difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(other);
    }
    return difference == 0;
}

bool is_host_header(const std::string& text) {
    return !text.empty() && text.size() < 300 && std::all_of(text.begin(), text.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == ':' ||
               c == '-' || c == '_' || c == '[' || c == ']';
    });
}

/// One word for a log line: what others sent cannot fake another field.
std::string word(const std::string& text) {
    std::string result = clipped(text, 200);
    std::replace_if(
        result.begin(), result.end(), [](char c) { return static_cast<unsigned char>(c) <= ' '; },
        '?');
    return result.empty() ? "-" : result;
}

/// Shuts down this process's connections on `port`. The library knows no way to end the threads
/// that wait on idle ones.
void shut_down_connections(int port, int how) {
    DIR* folder = ::opendir("/proc/self/fd");
    if (folder == nullptr) return;
    while (const dirent* entry = ::readdir(folder)) {
        const std::string_view name = entry->d_name;
        int fd = -1;
        std::from_chars(name.data(), name.data() + name.size(), fd);
        sockaddr_storage own{};
        sockaddr_storage peer{};
        socklen_t own_size = sizeof own;
        socklen_t peer_size = sizeof peer;
        if (fd < 0 || ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_size) != 0 ||
            ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) {
            continue;
        }
        // The port is at the same place in both families' addresses.
        if (ntohs(reinterpret_cast<const sockaddr_in*>(&own)->sin_port) == port) {
            ::shutdown(fd, how);
        }
    }
    ::closedir(folder);
}

}  // namespace

Server::Server(const Options& options, Journal& journal)
    : options_(options),
      journal_(journal),
      desired_(options.desired, journal),
      digests_(options.tarballs) {
    http_.new_task_queue = [] { return new GrowingPool(max_threads); };
    http_.set_tcp_nodelay(true);
    http_.set_keep_alive_max_count(10'000);
    http_.set_keep_alive_timeout(15);
    http_.set_read_timeout(15);
    http_.set_write_timeout(30);
    http_.set_payload_max_length(max_body);
    // Not the library's SO_REUSEPORT: a second server on the same port should fail.
    http_.set_socket_options([](socket_t fd) {
        const int yes = 1;
        ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    http_.set_default_headers({{"X-Content-Type-Options", "nosniff"}});
    add_routes();
}

void Server::add_routes() {
    http_.set_pre_routing_handler([this](const Request& request, Response& response) {
        return admit(request, response) ? httplib::Server::HandlerResponse::Unhandled
                                        : httplib::Server::HandlerResponse::Handled;
    });
    http_.set_post_routing_handler(
        [this](const Request& request, Response& response) { log(request, response); });
    http_.set_exception_handler(
        [this](const Request&, Response& response, const std::exception_ptr& thrown) {
            try {
                std::rethrow_exception(thrown);
            } catch (const std::exception& error) {
                journal_.line("error: " + std::string(error.what()));
            }
            plain(response, 500, "internal error");
        });
    http_.Post("/heartbeat", [this](const Request& request, Response& response,
                                    const httplib::ContentReader& content) {
        heartbeat(request, response, content);
    });
    http_.Get("/tarballs/(.+)", [this](const Request& request, Response& response) {
        serve_tarball(options_.tarballs, request.matches[1], request, response);
    });
    http_.Get("/", [this](const Request&, Response& response) {
        response.set_header("Content-Security-Policy",
                            "default-src 'none'; style-src 'unsafe-inline'");
        response.set_content(html_page(view()), "text/html; charset=utf-8");
    });
    http_.Get("/hosts.json", [this](const Request&, Response& response) {
        response.set_content(json_page(view()), "application/json");
    });
}

bool Server::admit(const Request& request, Response& response) {
    // The library would cut any answer to the ranges that were asked for, without looking whether
    // they lie in it; only files have ranges here, and tarballs.cpp sees to those. The object
    // itself is the library's own and not const.
    const_cast<Request&>(request).ranges.clear();

    const bool is_read = request.method == "GET" || request.method == "HEAD";
    if (!is_allowed(options_.allow, request.remote_addr)) {
        plain(response, 403, "this address is not allowed");
    } else if (request.method == "POST" ? request.path != "/heartbeat" : !is_read) {
        // Answered here, before the library reads a body that nobody wants.
        plain(response, request.method == "POST" ? 404 : 405, "nothing here takes that");
    } else {
        return true;
    }
    return false;
}

void Server::heartbeat(const Request& request, Response& response,
                       const httplib::ContentReader& content) {
    if (!has_token(request)) {
        response.set_header("WWW-Authenticate", "Bearer");
        return plain(response, 401, "a valid bearer token is needed");
    }
    if (request.is_multipart_form_data()) return plain(response, 415, "JSON is wanted");
    std::string body;
    bool too_large = false;
    content([&](const char* data, std::size_t length) {
        // Counted here too: the library's limit does not hold for chunked bodies.
        too_large = body.size() + length > max_body;
        if (!too_large) body.append(data, length);
        return !too_large;
    });
    if (too_large) return plain(response, 413, "a report has at most 1 MiB");
    if (response.status >= 400) return;  // the library's verdict on the body
    try {
        answer(request, response, parse_report(body));
    } catch (const BadRequest& error) {
        plain(response, 400, error.what());
    }
}

void Server::answer(const Request& request, Response& response, Report report) {
    Host host;
    host.name = report.hostname;
    if (host.name.empty()) host.name = clipped(request.get_header_value("X-Ops-Hostname"), 255);
    if (host.name.empty()) host.name = request.remote_addr;
    host.address = request.remote_addr;
    host.shape = report.shape;
    host.last_report = std::time(nullptr);
    host.agents = std::move(report.agents);
    const std::string name = host.name;
    hosts_.record(std::move(host));

    const std::shared_ptr<const DesiredState> state = desired_.current().state;
    if (!state->paused.empty()) {
        if (report.shape == Shape::list) return plain(response, 503, "paused: " + state->paused);
        return response.set_content(refusal_body("paused: " + state->paused), "application/json");
    }
    const auto entries = answer_entries(
        wishes_for(*state, name), own_tarballs(request),
        [this](DigestKind kind, const std::string& file) { return digests_.of(kind, file); });
    response.set_content(answer_body(report.shape, entries), "application/json");
}

bool Server::has_token(const Request& request) const {
    if (options_.token.empty()) return true;
    return same_secret(request.get_header_value("Authorization"), "Bearer " + options_.token);
}

std::string Server::own_tarballs(const Request& request) const {
    if (!options_.public_url.empty()) return options_.public_url + "/tarballs";
    const std::string host = request.get_header_value("Host");
    if (is_host_header(host)) return "http://" + host + "/tarballs";
    const bool is_v6 = request.local_addr.find(':') != std::string::npos;
    return "http://" + (is_v6 ? "[" + request.local_addr + "]" : request.local_addr) + ":" +
           std::to_string(port_) + "/tarballs";
}

View Server::view() {
    View view;
    view.desired = desired_.current();
    view.hosts = hosts_.all();
    view.now = std::time(nullptr);
    view.late_after = options_.late_after;
    std::set<std::string> missing;
    const auto check = [&](const std::string& hostname) {
        for (const Wish& wish : wishes_for(*view.desired.state, hostname)) {
            const std::string file = tarball_name(wish);
            const bool here = wish.tarball.empty() && wish.cmd != "none";
            if (here && ::access((options_.tarballs + "/" + file).c_str(), R_OK) != 0) {
                missing.insert(file);
            }
        }
    };
    check("");
    for (const auto& [prefix, layer] : view.desired.state->overrides)
        check(prefix);
    view.missing_tarballs.assign(missing.begin(), missing.end());
    return view;
}

void Server::log(const Request& request, const Response& response) {
    std::string line = request.remote_addr + " " + word(request.method) + " " + word(request.path) +
                       " " + std::to_string(response.status);
    const auto add = [&](const char* field, const char* header) {
        if (!request.has_header(header)) return;
        line += std::string(" ") + field + "=" + word(request.get_header_value(header));
    };
    add("host", "X-Ops-Hostname");
    add("range", "Range");
    add("if-range", "If-Range");
    journal_.line(line);
}

int Server::bind() {
    if (options_.port == 0) {
        port_ = http_.bind_to_any_port(options_.host);
    } else {
        port_ = http_.bind_to_port(options_.host, options_.port) ? options_.port : -1;
    }
    if (port_ <= 0) {
        throw std::runtime_error("cannot listen at " + options_.host + ":" +
                                 std::to_string(options_.port));
    }
    http_.deepen_backlog();
    return port_;
}

bool Server::run() {
    const bool good = http_.listen_after_bind();
    ended_ = true;
    return good;
}

void Server::stop() {
    // The library forgets a stop that comes before it runs.
    while (!ended_ && !http_.is_running())
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    http_.stop();
    // Reading only: answers that are under way are still written.
    for (int tries = 0; tries < 100 && !ended_; ++tries) {
        shut_down_connections(port_, SHUT_RD);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    if (!ended_) shut_down_connections(port_, SHUT_RDWR);
}

}  // namespace meta
