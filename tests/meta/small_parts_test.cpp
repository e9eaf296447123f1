#include <doctest/doctest.h>

#include <stdexcept>

#include "../../examples/ops-meta/allow.hpp"
#include "../../examples/ops-meta/hosts.hpp"
#include "../../examples/ops-meta/page.hpp"
#include "../../examples/ops-meta/ranges.hpp"

using meta::Network;
using meta::parse_range;
using meta::RangeKind;
using meta::RangeResult;

namespace {

RangeResult part(std::uint64_t offset, std::uint64_t length) {
    return {RangeKind::part, {offset, length}};
}

meta::Host host(const std::string& name, std::int64_t last_report = 1000) {
    meta::Host host;
    host.name = name;
    host.last_report = last_report;
    return host;
}

meta::View view_of(std::vector<meta::Host> hosts) {
    meta::View view;
    view.desired.state = std::make_shared<const meta::DesiredState>(
        meta::parse_desired("defaults: {a: {version: 2}}"));
    view.hosts = std::move(hosts);
    view.now = 2000;
    return view;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("byte ranges: from, from-to, the last ones") {
    CHECK(parse_range("bytes=0-", 10) == part(0, 10));
    CHECK(parse_range("bytes=4-", 10) == part(4, 6));
    CHECK(parse_range("bytes=4-4", 10) == part(4, 1));
    CHECK(parse_range("bytes=4-99", 10) == part(4, 6));
    CHECK(parse_range("bytes=-3", 10) == part(7, 3));
    CHECK(parse_range("bytes=-30", 10) == part(0, 10));
}

TEST_CASE("a range behind the end cannot be satisfied") {
    CHECK(parse_range("bytes=10-", 10).kind == RangeKind::unsatisfiable);
    CHECK(parse_range("bytes=0-", 0).kind == RangeKind::unsatisfiable);
    CHECK(parse_range("bytes=-0", 10).kind == RangeKind::unsatisfiable);
}

TEST_CASE("ranges that are not understood mean the whole file") {
    for (const char* header : {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-4",
                               "bytes=0-1,3-4", "lines=1-2", "bytes=99999999999999999999-"}) {
        CAPTURE(header);
        CHECK(parse_range(header, 10) == RangeResult{RangeKind::whole, {0, 10}});
    }
}

TEST_CASE("networks contain their addresses and no others") {
    CHECK(Network::parse("10.0.0.0/8").contains("10.255.0.1"));
    CHECK_FALSE(Network::parse("10.0.0.0/8").contains("11.0.0.1"));
    CHECK(Network::parse("192.168.4.0/22").contains("192.168.7.255"));
    CHECK_FALSE(Network::parse("192.168.4.0/22").contains("192.168.8.0"));
    CHECK(Network::parse("127.0.0.1").contains("127.0.0.1"));
    CHECK_FALSE(Network::parse("127.0.0.1").contains("127.0.0.2"));
    CHECK(Network::parse("0.0.0.0/0").contains("8.8.8.8"));
    CHECK_FALSE(Network::parse("0.0.0.0/0").contains("::1"));
    CHECK(Network::parse("fd00::/8").contains("fd12::1"));
    CHECK_FALSE(Network::parse("fd00::/8").contains("fe80::1"));
    CHECK(Network::parse("10.0.0.0/8").contains("::ffff:10.1.2.3"));
    CHECK_FALSE(Network::parse("::/0").contains("no address"));
}

TEST_CASE("what is no network is refused") {
    for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "::1/129", "10/8", "a.b.c.d",
                             "10.0.0.0/8x", "10.0.0.0/-1"}) {
        CAPTURE(text);
        CHECK_THROWS_AS(Network::parse(text), std::runtime_error);
    }
}

TEST_CASE("without a list everybody is allowed") {
    CHECK(meta::is_allowed({}, "8.8.8.8"));
    CHECK_FALSE(meta::is_allowed({Network::parse("10.0.0.0/8")}, "8.8.8.8"));
    CHECK(meta::is_allowed({Network::parse("::1"), Network::parse("8.8.8.8")}, "8.8.8.8"));
}

TEST_CASE("of each host the last report is kept") {
    meta::Hosts hosts;
    hosts.record(host("b", 1));
    hosts.record(host("a", 2));
    hosts.record(host("b", 3));
    const auto all = hosts.all();
    REQUIRE(all.size() == 2);
    CHECK(all[0].name == "a");
    CHECK(all[1].last_report == 3);
    CHECK(all[1].reports == 2);
}

TEST_CASE("too many hosts: those that were silent for longest are forgotten") {
    meta::Hosts hosts(2);
    hosts.record(host("a"));
    hosts.record(host("b"));
    hosts.record(host("a"));
    hosts.record(host("c"));
    const auto all = hosts.all();
    REQUIRE(all.size() == 2);
    CHECK(all[0].name == "a");
    CHECK(all[1].name == "c");
}

TEST_CASE("too many bytes: likewise") {
    meta::Hosts hosts(100, 10'000);
    for (int i = 0; i < 20; ++i) {
        meta::Host large = host("h" + std::to_string(i));
        large.agents.push_back({"a", "1", "started", std::string(3000, 'x')});
        hosts.record(std::move(large));
    }
    CHECK(hosts.all().size() < 4);
    CHECK_FALSE(hosts.all().empty());
}

TEST_CASE("the page marks hosts that have not reported for 15 minutes") {
    CHECK(has(html_page(view_of({host("quiet", 1099)})), "<tr class=late><td>quiet"));
    CHECK(has(html_page(view_of({host("fresh", 1100)})), "<tr><td>fresh"));
    CHECK(has(json_page(view_of({host("quiet", 1099)})), "\"late\": true"));
    CHECK(has(json_page(view_of({host("fresh", 1100)})), "\"late\": false"));
}

TEST_CASE("the page says what is wanted where it is not there yet") {
    meta::Host behind = host("h", 2000);
    behind.agents = {{"a", "1", "started", ""}};
    CHECK(has(html_page(view_of({behind})), "(wanted: 2 started)"));
    behind.agents = {{"a", "2", "started", ""}};
    CHECK_FALSE(has(html_page(view_of({behind})), "(wanted"));
}

TEST_CASE("what hosts send cannot become part of the page") {
    meta::Host bad = host("<script>\"'&\x01", 2000);
    bad.agents = {{"<b>", "<i>", "<u>", "<script>"}};
    const std::string html = html_page(view_of({bad}));
    CHECK_FALSE(has(html, "<script>"));
    CHECK(has(html, "&lt;script&gt;&quot;&#39;&amp;?"));
    CHECK_FALSE(has(html, "<b>"));
    CHECK_FALSE(has(html, "<i>"));
    CHECK_FALSE(has(html, "<u>"));
}

TEST_CASE("bytes that are not UTF-8 do not break the JSON") {
    meta::Host bad = host("h\xff", 2000);
    CHECK(has(json_page(view_of({bad})), "\"h\xEF\xBF\xBD\""));
}

TEST_CASE("a fault of the desired file is on both pages") {
    meta::View view = view_of({});
    view.desired.fault = "line 3: <oops>";
    CHECK(has(html_page(view), "line 3: &lt;oops&gt;"));
    CHECK(has(json_page(view), "\"desired_fault\": \"line 3: <oops>\""));
}

TEST_CASE("hosts with trouble come first and the page has an end") {
    std::vector<meta::Host> hosts;
    hosts.reserve(2501);
    for (int i = 0; i < 2500; ++i)
        hosts.push_back(host("h" + std::to_string(i), 2000));
    hosts.push_back(host("zz-silent", 1));
    const std::string html = html_page(view_of(hosts));
    CHECK(html.find("zz-silent") < html.find("<td>h0<"));
    CHECK(has(html, "and 501 more"));
}
