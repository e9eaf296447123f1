#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "../support/files.hpp"
#include "bench.hpp"
#include "nginx.hpp"

using namespace transport;

namespace {

// What the README recommends for many hosts, with the origin behind it.
constexpr const char* cache_and_origin = R"(
    map $http_user_agent $rate { slow 50k; default 0; }
    proxy_cache_path {dir}/cache levels=1:2 keys_zone=releases:1m max_size=1g inactive=7d;
    server {
        listen 127.0.0.1:{port0};
        limit_rate $rate;
        location / {
            proxy_pass http://127.0.0.1:{port1};
            proxy_cache releases;
            proxy_cache_lock on;
            proxy_cache_lock_timeout 10m;
            proxy_cache_valid 200 7d;
            proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;
        }
    }
    server { listen 127.0.0.1:{port1}; root {root}; }
)";

}  // namespace

TEST_CASE("fifty hosts upgrade through a cache: the origin serves each file once") {
    Nginx nginx(cache_and_origin);
    const std::vector<std::string> contents = {e2e::noise(500'000, 1), e2e::noise(500'000, 2)};
    nginx.put("agent-1.0.0.tar.gz", contents[0]);
    nginx.put("agent-1.0.1.tar.gz", contents[1]);
    Bench bench;
    ops::Log log({false, false, false, 80});
    const auto http = ops::make_curl_http(bench.settings, log, bench.stop);
    std::atomic<int> good{0};
    std::vector<std::thread> hosts;
    for (int host = 0; host < 50; ++host) {
        hosts.emplace_back([&, host] {
            for (int version : {0, 1}) {
                ops::Download download;
                download.url = nginx.url("/agent-1.0." + std::to_string(version) + ".tar.gz");
                download.part = bench.dir.path / (std::to_string(host) + ".part");
                download.validator = bench.dir.path / (std::to_string(host) + ".from");
                download.max_bytes = 1'000'000;
                const auto result = http->download(download);
                const auto content = e2e::read_if_there(download.part);
                good +=
                    !result.failure && content == contents.at(static_cast<std::size_t>(version));
            }
        });
    }
    for (auto& host : hosts)
        host.join();
    CHECK(good == 100);
    CHECK(nginx.log(std::to_string(nginx.port(0)) + " GET", 100).size() == 100);
    CHECK(nginx.log(std::to_string(nginx.port(1)) + " GET", 2).size() == 2);
}

TEST_CASE("a download resumes out of a cache") {
    Nginx nginx(cache_and_origin);
    const std::string content = e2e::noise(300'000);
    nginx.put("file", content);
    Bench bench;
    bench.begin_download(nginx.url("/file"));
    const auto result = bench.download(nginx.url("/file"));
    CHECK(message_of(result.failure) == "");
    CHECK(result.resumed > 0);
    CHECK(bench.parted() == content);
    CHECK(nginx.log(" 206 bytes=" + std::to_string(result.resumed) + "-", 1).size() == 1);
}
