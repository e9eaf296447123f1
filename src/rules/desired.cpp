#include "rules/desired.hpp"

#include <map>
#include <optional>

#include "rules/error.hpp"
#include "rules/json.hpp"
#include "rules/layout.hpp"
#include "rules/text.hpp"
#include "rules/url.hpp"

namespace ops {
namespace {

using nlohmann::json;

/// Errors beyond these are only counted: a broken server must not fill the log.
constexpr std::size_t max_errors = 1000;

/// The text of a field; a missing one and null are "". Throws Error for any other type.
std::string text_field(const json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return "";
    if (!found->is_string()) throw Error(std::string(key) + " is no string");
    return found->get<std::string>();
}

Cmd parse_cmd(const std::string& text) {
    if (text.empty()) return Cmd::none;
    if (text == "start") return Cmd::start;
    if (text == "stop") return Cmd::stop;
    throw Error("cmd is \"" + one_line(text, 60) + "\", not start or stop");
}

void check(const std::string& fault) {
    if (!fault.empty()) throw Error(fault);
}

void check_url(const char* key, const std::string& url) {
    const std::string fault = url_fault(url);
    if (!fault.empty()) {
        throw Error(std::string(key) + " " + fault + ": \"" + one_line(redact_url(url), 200) + '"');
    }
}

/// What a digest's field tells: the digest itself or where to ask for it. `value` is not empty.
DigestSource parse_digest_field(DigestKind kind, const std::string& value,
                                const std::string& tarball_name) {
    const std::string key = to_string(kind);
    if (const auto hex = bare_hex(kind, value)) return {kind, *hex, ""};
    if (value.find("://") == std::string::npos) {
        throw Error(key + " is neither an http(s) URL nor " + std::to_string(hex_length(kind)) +
                    " hex digits: \"" + one_line(redact_url(value), 100) + '"');
    }
    check_url(key.c_str(), value);
    return {kind, "", join_url(value, tarball_name + "." + key)};
}

void fill_tarball(Entry& entry, const std::string& prefix) {
    if (prefix.empty()) throw Error("tarball is missing");
    check_url("tarball", prefix);
    const std::string file = Layout::tarball_name(entry.name, entry.version);
    entry.tarball_url = join_url(prefix, file);
    entry.signature_url = join_url(prefix, file + ".minisig");
}

void fill_digest(Entry& entry, const std::string& tarball, const std::string& md5,
                 const std::string& sha256) {
    const std::string file = Layout::tarball_name(entry.name, entry.version);
    entry.digest = parse_digest_field(DigestKind::md5, md5.empty() ? tarball : md5, file);
    entry.published.md5 = entry.digest.hex;
    if (sha256.empty()) return;
    entry.digest = parse_digest_field(DigestKind::sha256, sha256, file);
    entry.published.sha256 = entry.digest.hex;
}

/// `name` is valid. Throws Error for the first rule that is broken.
Entry parse_entry(const json& object, const std::string& name) {
    Entry entry;
    entry.name = name;
    entry.version = text_field(object, "version");
    const std::string tarball = text_field(object, "tarball");
    const std::string md5 = text_field(object, "md5");
    const std::string sha256 = text_field(object, "sha256");
    entry.cmd = parse_cmd(text_field(object, "cmd"));
    if (entry.cmd == Cmd::none && entry.version.empty()) return entry;
    check(identity_fault(entry.name, entry.version));
    if (entry.cmd == Cmd::none) return entry;
    fill_tarball(entry, tarball);
    fill_digest(entry, tarball, md5, sha256);
    return entry;
}

/// The name of an entry, which is all that says whom an error is about. Throws Error.
std::string parse_name(const json& object) {
    if (!object.is_object()) throw Error("is no object");
    std::string name = text_field(object, "name");
    check(name_fault(name));
    return name;
}

/// Reads the entries one by one and takes back the agents that are named again.
class Collector {
  public:
    void add(const json& object) {
        ++index_;
        std::string name;
        try {
            name = parse_name(object);
        } catch (const Error& error) {
            fail("", "entry " + std::to_string(index_) + ": " + error.what());
            return;
        }
        if (++times_named_[name] > 1) return;
        try {
            desired_.entries.push_back(parse_entry(object, name));
        } catch (const Error& error) {
            fail(name, name + ": " + error.what());
        }
    }

    Desired finish() {
        const auto is_double = [this](const std::string& name) {
            const auto found = times_named_.find(name);
            return found != times_named_.end() && found->second > 1;
        };
        std::erase_if(desired_.entries, [&](const Entry& e) { return is_double(e.name); });
        std::erase_if(desired_.errors, [&](const EntryError& e) { return is_double(e.agent); });
        for (const auto& [name, times] : times_named_) {
            if (times > 1) fail(name, name + ": named " + std::to_string(times) + " times");
        }
        if (unnamed_errors_ > 0) {
            const std::string more = std::to_string(unnamed_errors_);
            desired_.errors.push_back({"", more + " more entries of the answer are wrong"});
        }
        return std::move(desired_);
    }

  private:
    void fail(const std::string& agent, const std::string& message) {
        if (desired_.errors.size() < max_errors) {
            desired_.errors.push_back({agent, one_line(message)});
        } else {
            ++unnamed_errors_;
        }
    }

    Desired desired_;
    std::map<std::string, int> times_named_;
    std::size_t index_ = 0;
    std::size_t unnamed_errors_ = 0;
};

/// The list of entries in either shape of answer; nullptr for none at all. Throws Error.
const json* find_list(const json& answer) {
    if (answer.is_array()) return &answer;
    if (!answer.is_object()) throw Error("the answer is neither a list nor an envelope");
    const auto message = answer.find("errorMessage");
    if (message != answer.end() && !message->is_null()) {
        if (!message->is_string()) throw Error("the answer's errorMessage is no string");
        const auto& text = message->get_ref<const std::string&>();
        if (!text.empty()) throw Error("ops-meta answers with an error: " + one_line(text, 300));
    }
    const auto list = answer.find("desiredAgents");
    if (list == answer.end()) throw Error("the answer has no desiredAgents");
    if (list->is_null()) return nullptr;
    if (!list->is_array()) throw Error("the answer's desiredAgents is no list");
    return &*list;
}

}  // namespace

Desired parse_answer(std::string_view answer) try {
    const json parsed = parse_json(answer, "the answer", max_answer_bytes);
    Collector collector;
    if (const json* list = find_list(parsed)) {
        for (const json& object : *list) {
            collector.add(object);
        }
    }
    return collector.finish();
} catch (const Error& error) {
    throw Error(one_line(error.what()), ExitCode::unavailable);
}

}  // namespace ops
