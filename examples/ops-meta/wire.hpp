// What goes over the wire, as values and as JSON. Pure.
#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "desired.hpp"

namespace meta {

/// The two forms of a report; the answer takes the form that the report had.
enum class Shape {
    list,      ///< [{name, version, status}]
    envelope,  ///< {hostname, realAgents: [{name, version, status, timestamp}]}
};

std::string to_string(Shape shape);

struct ReportedAgent {
    std::string name;
    std::string version;
    std::string status;
    std::string error;
    bool operator==(const ReportedAgent&) const = default;
};

struct Report {
    Shape shape = Shape::list;
    std::string hostname;  ///< only in an envelope
    std::vector<ReportedAgent> agents;
};

/// A request that cannot be understood; what() says why.
class BadRequest : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Reads either form. Entries that are no objects or have no name are left out, long texts are
/// cut, and what goes beyond 200 agents is dropped: a host may send what it likes. Throws
/// BadRequest where the whole is neither a list nor an object with realAgents.
Report parse_report(std::string_view body);

/// One entry of the answer.
struct AnswerEntry {
    std::string name;
    std::string version;
    std::string tarball;
    std::string md5;
    std::string cmd;
    std::optional<std::string> sha256;
    bool operator==(const AnswerEntry&) const = default;
};

enum class DigestKind { md5, sha256 };

/// The hex digest of a tarball in this server's own folder, nothing if it cannot be read.
using InlineDigest = std::function<std::optional<std::string>(DigestKind, const std::string& file)>;

/// `own_tarballs` is the URL that this server's own folder has for the host that asks.
std::vector<AnswerEntry> answer_entries(const std::vector<Wish>& wishes,
                                        const std::string& own_tarballs,
                                        const InlineDigest& inline_digest);

std::string answer_body(Shape shape, const std::vector<AnswerEntry>& entries);

/// The envelope that says why there is no answer.
std::string refusal_body(const std::string& message);

/// `text` cut to `max_bytes`, not within a UTF-8 character.
std::string clipped(std::string_view text, std::size_t max_bytes);

}  // namespace meta
