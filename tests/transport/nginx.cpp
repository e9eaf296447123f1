#include "nginx.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "../support/files.hpp"
#include "fault_server.hpp"

namespace transport {

namespace {

constexpr int max_ports = 8;
constexpr time_t long_past = 1'600'000'000;

std::string program() {
    const char* given = ::getenv("NGINX_FOR_TESTS");
    return given != nullptr ? given : "build/tools/nginx/usr/sbin/nginx";
}

std::string replaced(std::string text, const std::string& name, const std::string& value) {
    for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += value.size()) {
        text.replace(at, name.size(), value);
    }
    return text;
}

bool answers(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<in_port_t>(port));
    const bool up = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return up;
}

// One process: nothing is left over when it is killed.
constexpr const char* outline = R"(
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events { worker_connections 400; }
http {
    log_format short '$server_port $request_method $uri $status $http_range';
    access_log {dir}/access.log short;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    default_type application/octet-stream;
)";

}  // namespace

Nginx::Nginx(const std::string& http) {
    fs::create_directory(dir_.path / "root");
    // A free port may be taken before nginx binds it.
    for (int tries = 0; tries < 3; ++tries) {
        if (start(http)) return;
    }
    throw std::runtime_error(
        "nginx does not start: " + e2e::read_if_there(dir_.path / "error.log").value_or("") +
        e2e::read_if_there(dir_.path / "nginx.err").value_or(""));
}

Nginx::~Nginx() = default;

bool Nginx::start(const std::string& http) {
    std::string conf = outline + http + "\n}\n";
    ports_.clear();
    for (int number = 0; number < max_ports; ++number) {
        const std::string name = "{port" + std::to_string(number) + "}";
        if (conf.find(name) == std::string::npos) break;
        ports_.push_back(unused_port());
        conf = replaced(conf, name, std::to_string(ports_.back()));
    }
    conf = replaced(conf, "{dir}", dir_.path);
    conf = replaced(conf, "{root}", dir_.path / "root");
    e2e::write_file(dir_.path / "nginx.conf", conf);

    e2e::Launch launch;
    launch.argv = {
        program(), "-p", dir_.path, "-e", dir_.path / "error.log", "-c", dir_.path / "nginx.conf"};
    launch.directory = dir_.path;
    launch.argv[0] = fs::absolute(program());
    launch.output_prefix = dir_.path / "nginx";
    process_ = std::make_unique<e2e::Process>(launch);
    const auto all_answer = [this] { return std::all_of(ports_.begin(), ports_.end(), answers); };
    const auto settled = [&] { return !process_->running() || all_answer(); };
    return e2e::eventually(settled, std::chrono::seconds(5)) && process_->running();
}

void Nginx::put(const std::string& name, const std::string& content, int modified) {
    const fs::path file = dir_.path / "root" / name;
    e2e::write_file(dir_.path / "new", content);
    const timespec time{long_past + modified, 0};
    const timespec times[2] = {time, time};
    ::utimensat(AT_FDCWD, (dir_.path / "new").c_str(), times, 0);
    fs::rename(dir_.path / "new", file);
}

std::string Nginx::url(const std::string& path, int port, const std::string& host) const {
    return "http://" + host + ":" + std::to_string(this->port(port)) + path;
}

std::string Nginx::https(const std::string& path, int port, const std::string& host) const {
    return "https://" + host + ":" + std::to_string(this->port(port)) + path;
}

std::vector<std::string> Nginx::log(const std::string& part, std::size_t at_least) const {
    std::vector<std::string> found;
    e2e::eventually([&] {
        found.clear();
        const std::string all = e2e::read_if_there(dir_.path / "access.log").value_or("");
        for (const std::string& line : e2e::lines_of(all)) {
            if (e2e::contains(line, part)) found.push_back(line);
        }
        return found.size() >= at_least;
    });
    return found;
}

Certificates::Certificates() = default;

void Certificates::make_ca(const std::string& name) {
    e2e::shell("cd " + dir_.path.string() +
               " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
               " -subj '/CN=" +
               name + "' -keyout " + name + ".key -out " + name + ".pem 2>/dev/null");
}

void Certificates::issue(const std::string& name, const std::string& alternative,
                         const std::string& ca, int days) {
    e2e::shell("cd " + dir_.path.string() + " && echo 'subjectAltName=" + alternative +
               "' >ext && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
               " -subj '/CN=" +
               name + "' -keyout " + name +
               ".key -out csr 2>/dev/null && openssl x509 -req -in csr -CA " + ca + ".pem -CAkey " +
               ca + ".key -CAcreateserial -days " + std::to_string(days) + " -extfile ext -out " +
               name + ".pem 2>/dev/null");
}

}  // namespace transport
