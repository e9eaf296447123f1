#include "rules/memory.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "rules/error.hpp"
#include "rules/json.hpp"

namespace ops {
namespace {

using nlohmann::json;

constexpr int format = 1;
constexpr std::size_t max_memory_bytes = std::size_t{4} * 1024 * 1024;
/// An answer of 4 MiB, each byte of which is escaped as six.
constexpr std::size_t max_kept_bytes = std::size_t{28} * 1024 * 1024;
constexpr std::size_t max_boot_id = 128;

/// Reads the fields of one object. Each throws Error for what to_json() would not have written.
class Fields {
  public:
    explicit Fields(const json& object) : object_(object) {
        if (!object.is_object()) throw Error("there is no object where one should be");
    }

    [[nodiscard]] std::string text(const char* key) const {
        const json& value = at(key);
        if (!value.is_string()) fail(key);
        return value.get<std::string>();
    }

    template <typename Integer>
    [[nodiscard]] Integer count(const char* key) const {
        const json& value = at(key);
        if (!value.is_number_unsigned()) fail(key);
        const auto number = value.get<std::uint64_t>();
        if (number > static_cast<std::uint64_t>(std::numeric_limits<Integer>::max())) fail(key);
        return static_cast<Integer>(number);
    }

    [[nodiscard]] double seconds(const char* key) const {
        const json& value = at(key);
        if (!value.is_number()) fail(key);
        const auto number = value.get<double>();
        if (!std::isfinite(number) || number < 0) fail(key);
        return number;
    }

    [[nodiscard]] std::string version(const char* key) const {
        std::string value = text(key);
        if (!is_version(value)) fail(key);
        return value;
    }

    [[nodiscard]] std::string version_or_none(const char* key) const {
        return text(key).empty() ? "" : version(key);
    }

    [[nodiscard]] std::string hex(DigestKind kind) const {
        const std::string key = to_string(kind);
        std::string value = text(key.c_str());
        if (!value.empty() && bare_hex(kind, value) != value) fail(key.c_str());
        return value;
    }

    [[nodiscard]] Digests digests() const {
        return {hex(DigestKind::md5), hex(DigestKind::sha256)};
    }

    [[nodiscard]] const json& list(const char* key) const {
        const json& value = at(key);
        if (!value.is_array()) fail(key);
        return value;
    }

    /// nullptr where there is none.
    [[nodiscard]] const json* part(const char* key) const {
        const auto found = object_.find(key);
        return found == object_.end() || found->is_null() ? nullptr : &*found;
    }

    [[noreturn]] static void fail(const char* key) {
        throw Error(std::string("the field ") + key + " is missing or has no good value");
    }

  private:
    [[nodiscard]] const json& at(const char* key) const {
        const auto found = object_.find(key);
        if (found == object_.end()) fail(key);
        return *found;
    }

    const json& object_;
};

json read(std::string_view text, std::size_t max_bytes) {
    json parsed = parse_json(text, "the file", max_bytes);
    if (Fields(parsed).count<int>("format") != format) {
        throw Error("the file is of another format than " + std::to_string(format));
    }
    return parsed;
}

void put_digests(json& object, const Digests& digests) {
    object["md5"] = digests.md5;
    object["sha256"] = digests.sha256;
}

json as_json(const Deployment& deployment) {
    json object{{"version", deployment.version}, {"used_at", deployment.used_at}};
    put_digests(object, deployment.digests);
    return object;
}

Deployment read_deployment(const json& object) {
    const Fields fields(object);
    return {fields.version("version"), fields.digests(), fields.count<std::int64_t>("used_at")};
}

std::string phase_name(Switch::Phase phase) {
    switch (phase) {
        case Switch::Phase::probation:
            return "probation";
        case Switch::Phase::undoing:
            return "undoing";
        case Switch::Phase::pending:
            break;
    }
    return "pending";
}

Switch::Phase read_phase(const Fields& fields) {
    const std::string name = fields.text("phase");
    for (const auto phase :
         {Switch::Phase::pending, Switch::Phase::probation, Switch::Phase::undoing}) {
        if (name == phase_name(phase)) return phase;
    }
    Fields::fail("phase");
}

json as_json(const Switch& made) {
    json object{{"from", made.from},
                {"to", made.to},
                {"at", made.at},
                {"boot_id", made.boot_id},
                {"phase", phase_name(made.phase)},
                {"restarts", made.restarts},
                {"new_tree", made.new_tree}};
    put_digests(object, made.digests);
    return object;
}

Switch read_switch(const json& object) {
    const Fields fields(object);
    Switch made;
    made.from = fields.version_or_none("from");
    made.to = fields.version("to");
    made.digests = fields.digests();
    made.at = fields.count<std::int64_t>("at");
    made.boot_id = fields.text("boot_id");
    if (made.boot_id.size() > max_boot_id) Fields::fail("boot_id");
    made.phase = read_phase(fields);
    made.restarts = fields.count<int>("restarts");
    made.new_tree = fields.count<std::uint64_t>("new_tree");
    return made;
}

json as_json(const Failure& failure) {
    json object{{"version", failure.version},     {"cause", failure.cause},
                {"output", failure.output},       {"tries", failure.tries},
                {"failed_at", failure.failed_at}, {"retry_at", failure.retry_at}};
    put_digests(object, failure.digests);
    return object;
}

Failure read_failure(const json& object) {
    const Fields fields(object);
    Failure failure;
    failure.version = fields.version("version");
    failure.digests = fields.digests();
    failure.cause = fields.text("cause");
    failure.output = fields.text("output");
    failure.tries = fields.count<int>("tries");
    failure.failed_at = fields.count<std::int64_t>("failed_at");
    failure.retry_at = fields.count<std::int64_t>("retry_at");
    return failure;
}

json as_json(const Trouble& trouble) {
    return {{"version", trouble.version}, {"message", trouble.message}, {"at", trouble.at}};
}

Trouble read_trouble(const json& object) {
    const Fields fields(object);
    return {fields.version_or_none("version"), fields.text("message"),
            fields.count<std::int64_t>("at")};
}

Cmd read_cmd(const Fields& fields) {
    const std::string name = fields.text("wanted");
    for (const Cmd cmd : {Cmd::none, Cmd::start, Cmd::stop}) {
        if (name == to_string(cmd)) return cmd;
    }
    Fields::fail("wanted");
}

}  // namespace

const Deployment* AgentMemory::find(const std::string& version) const {
    const auto found = std::find_if(deployed.begin(), deployed.end(),
                                    [&](const Deployment& d) { return d.version == version; });
    return found == deployed.end() ? nullptr : &*found;
}

Deployment& AgentMemory::deployment(const std::string& version) {
    const auto found = std::find_if(deployed.begin(), deployed.end(),
                                    [&](const Deployment& d) { return d.version == version; });
    if (found != deployed.end()) return *found;
    deployed.push_back({version, {}, 0});
    return deployed.back();
}

void AgentMemory::use(const std::string& version, std::int64_t now) {
    std::int64_t newest = 0;
    for (const Deployment& other : deployed)
        if (other.version != version) newest = std::max(newest, other.used_at);
    deployment(version).used_at = std::max(now, newest + 1);
}

std::string to_json(const AgentMemory& memory) {
    json object{
        {"format", format}, {"deployed", json::array()}, {"wanted", to_string(memory.wanted)}};
    if (!memory.aside.empty()) put_digests(object["aside"], memory.aside);
    for (const Deployment& deployment : memory.deployed) {
        object["deployed"].push_back(as_json(deployment));
    }
    if (memory.last_switch) object["last_switch"] = as_json(*memory.last_switch);
    if (memory.failure) object["failure"] = as_json(*memory.failure);
    if (memory.trouble) object["trouble"] = as_json(*memory.trouble);
    return dump_json(object);
}

AgentMemory parse_memory(std::string_view text) {
    const json object = read(text, max_memory_bytes);
    const Fields fields(object);
    AgentMemory memory;
    for (const json& one : fields.list("deployed")) {
        Deployment deployment = read_deployment(one);
        if (memory.find(deployment.version) != nullptr) Fields::fail("deployed");
        memory.deployed.push_back(std::move(deployment));
    }
    if (const json* part = fields.part("last_switch")) memory.last_switch = read_switch(*part);
    if (const json* part = fields.part("failure")) memory.failure = read_failure(*part);
    if (const json* part = fields.part("trouble")) memory.trouble = read_trouble(*part);
    memory.wanted = read_cmd(fields);
    if (const json* aside = fields.part("aside")) memory.aside = Fields(*aside).digests();
    return memory;
}

std::string to_json(const LastPass& last) {
    return dump_json(json{{"format", format},
                          {"finished_at", last.finished_at},
                          {"success_at", last.success_at},
                          {"exit_code", last.exit_code},
                          {"duration", std::isfinite(last.duration) ? last.duration : 0.0},
                          {"errors", last.errors}});
}

LastPass parse_last_pass(std::string_view text) {
    const json object = read(text, max_memory_bytes);
    const Fields fields(object);
    LastPass last;
    last.finished_at = fields.count<std::int64_t>("finished_at");
    last.success_at = fields.count<std::int64_t>("success_at");
    last.exit_code = fields.count<std::uint8_t>("exit_code");
    last.duration = fields.seconds("duration");
    for (const json& error : fields.list("errors")) {
        if (!error.is_string()) Fields::fail("errors");
        last.errors.push_back(error.get<std::string>());
    }
    return last;
}

std::string to_json(const KeptAnswer& kept) {
    return dump_json(json{{"format", format},
                          {"server", kept.server},
                          {"protocol", kept.protocol},
                          {"hostname", kept.hostname},
                          {"at", kept.at},
                          {"body", kept.body}});
}

KeptAnswer parse_kept_answer(std::string_view text) {
    const json object = read(text, max_kept_bytes);
    const Fields fields(object);
    return {fields.text("server"), fields.text("protocol"), fields.text("hostname"),
            fields.count<std::int64_t>("at"), fields.text("body")};
}

std::string to_json(const Running& running) {
    return dump_json(json{{"format", format},
                          {"pid", running.pid},
                          {"start_ticks", running.start_ticks},
                          {"splay_until", running.splay_until}});
}

Running parse_running(std::string_view text) {
    const json object = read(text, max_memory_bytes);
    const Fields fields(object);
    return {fields.count<int>("pid"), fields.count<std::uint64_t>("start_ticks"),
            fields.count<std::int64_t>("splay_until")};
}

}  // namespace ops
