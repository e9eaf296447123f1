// What ops-meta wants, as values; the answer's text goes in, valid entries and errors come out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/digest.hpp"
#include "rules/identity.hpp"

namespace ops {

/// The largest answer that is read, in bytes.
inline constexpr std::size_t max_answer_bytes = std::size_t{4} * 1024 * 1024;

/// Where the digest that a tarball is checked against comes from: given in the answer itself
/// (`hex`), or to be asked for at `url`. Exactly one of the two is set.
struct DigestSource {
    DigestKind kind = DigestKind::md5;
    std::string hex;
    std::string url;
    bool operator==(const DigestSource&) const = default;
};

/// One valid entry of the answer. Where `cmd` is none, only the name means anything.
struct Entry {
    std::string name;
    std::string version;
    Cmd cmd = Cmd::none;
    std::string tarball_url;    ///< of the file itself
    std::string signature_url;  ///< of its minisign signature
    DigestSource digest;        ///< what the tarball is checked against: sha256 if given, else md5
    Digests published;          ///< the digests that the answer gives inline, of either kind
    bool operator==(const Entry&) const = default;
};

/// One entry that broke a rule.
struct EntryError {
    std::string agent;    ///< its name if it has a valid one, else ""
    std::string message;  ///< one line: which entry, what is wrong
    bool operator==(const EntryError&) const = default;
};

struct Desired {
    std::vector<Entry> entries;      ///< in the answer's order, each agent once
    std::vector<EntryError> errors;  ///< these agents are not touched; beyond 1000, only counted
};

/// Reads either answer shape (a list, or an envelope with errorMessage and desiredAgents).
/// Throws Error(unavailable) where the whole answer is unusable, a non-empty errorMessage
/// included; anything wrong in one entry is that entry's EntryError alone.
Desired parse_answer(std::string_view answer);

}  // namespace ops
