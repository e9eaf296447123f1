#include "rules/digest.hpp"

#include <algorithm>
#include <vector>

#include "rules/error.hpp"
#include "rules/text.hpp"

namespace ops {
namespace {

/// A line as md5sum and sha256sum write it; a bare digest has no name.
struct Line {
    std::string hex;
    std::string name;
};

std::vector<std::string_view> filled_lines(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trim(text.substr(0, end));
        if (!line.empty()) lines.push_back(line);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

/// The tools put a backslash before a line whose name has line feeds, returns or backslashes, and
/// write these as \n, \r and \\.
std::string unescaped(std::string_view name) {
    std::string out;
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (name[i] != '\\' || i + 1 == name.size()) {
            out += name[i];
            continue;
        }
        ++i;
        out += name[i] == 'n' ? '\n' : name[i] == 'r' ? '\r' : name[i];
    }
    return out;
}

std::optional<Line> parse_line(DigestKind kind, std::string_view line) {
    const bool escaped = line.starts_with('\\');
    if (escaped) line.remove_prefix(1);
    const auto hex = bare_hex(kind, line.substr(0, hex_length(kind)));
    if (!hex) return std::nullopt;
    line.remove_prefix(hex_length(kind));
    if (line.empty()) return Line{*hex, ""};
    if (line.front() != ' ' && line.front() != '\t') return std::nullopt;
    line = trim(line);
    if (line.starts_with('*')) line.remove_prefix(1);  // read in binary mode
    return Line{*hex, escaped ? unescaped(line) : std::string(line)};
}

bool names_file(const Line& line, std::string_view file_name) {
    // Without a slash, npos + 1 is 0: the whole name.
    return !line.name.empty() &&
           std::string_view(line.name).substr(line.name.rfind('/') + 1) == file_name;
}

std::string described(DigestKind kind) {
    return to_string(kind) + " digest (" + std::to_string(hex_length(kind)) + " hex digits)";
}

}  // namespace

std::string to_string(DigestKind kind) {
    return kind == DigestKind::md5 ? "md5" : "sha256";
}

std::size_t hex_length(DigestKind kind) {
    return kind == DigestKind::md5 ? 32 : 64;
}

void Digests::set(const Digest& digest) {
    (digest.kind == DigestKind::md5 ? md5 : sha256) = digest.hex;
}

bool differ(const Digests& a, const Digests& b) {
    const auto unequal = [](const std::string& x, const std::string& y) {
        return !x.empty() && !y.empty() && x != y;
    };
    return unequal(a.md5, b.md5) || unequal(a.sha256, b.sha256);
}

std::optional<std::string> bare_hex(DigestKind kind, std::string_view text) {
    if (text.size() != hex_length(kind)) return std::nullopt;
    std::string hex;
    for (const char c : text) {
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) {
            hex += c;
        } else if (c >= 'A' && c <= 'F') {
            hex += static_cast<char>(c - 'A' + 'a');
        } else {
            return std::nullopt;
        }
    }
    return hex;
}

Digest parse_digest_file(DigestKind kind, std::string_view text, std::string_view file_name) {
    const std::vector<std::string_view> lines = filled_lines(text);
    if (lines.empty()) throw Error("the " + to_string(kind) + " file is empty");
    if (lines.size() == 1) {
        const auto line = parse_line(kind, lines.front());
        if (!line) {
            throw Error("no " + described(kind) + ": \"" + one_line(lines.front(), 100) + '"');
        }
        return {kind, line->hex};
    }
    std::optional<std::string> found;
    for (const std::string_view text_line : lines) {
        const auto line = parse_line(kind, text_line);
        if (!line || !names_file(*line, file_name)) continue;
        if (found && *found != line->hex) {
            throw Error("two different " + to_string(kind) + " digests of " + one_line(file_name));
        }
        found = line->hex;
    }
    if (!found) {
        throw Error("none of " + std::to_string(lines.size()) + " lines has the " +
                    described(kind) + " of " + one_line(file_name));
    }
    return {kind, *found};
}

std::optional<std::string> parse_tool_output(DigestKind kind, std::string_view output) {
    const std::vector<std::string_view> lines = filled_lines(output);
    if (lines.size() != 1) return std::nullopt;
    const auto line = parse_line(kind, lines.front());
    if (!line || line->name != "-") return std::nullopt;
    return line->hex;
}

}  // namespace ops
