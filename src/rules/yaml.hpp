// A YAML document as a plain tree that knows its lines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ops {

/// One value. Lists and maps own what is in them; aliases are resolved into copies.
struct YamlNode {
    enum class Kind { null, scalar, list, map };
    struct Key {
        std::string text;
        int line = 0;
    };

    Kind kind = Kind::null;
    int line = 0;         ///< counted from 1
    bool quoted = false;  ///< written in quotes or as a block: text, even where it looks a number
    std::string text;     ///< of a scalar
    std::vector<YamlNode> items;  ///< of a list; of a map its values
    std::vector<Key> keys;        ///< of a map, as many as items, as written: duplicates too

    /// The first value of `key` in a map, or nullptr.
    [[nodiscard]] const YamlNode* find(std::string_view key) const;
};

/// "a list", "a map" …: for messages.
std::string to_string(YamlNode::Kind kind);

/// The document in `text`; a null node where there is none. Hostile text costs little: size,
/// nesting and the number of values are bounded, aliases counted as what they stand for. Throws
/// Error(config) "FILE:LINE: what is wrong"; more than one document is wrong, too.
YamlNode parse_yaml(std::string_view text, const std::string& file);

}  // namespace ops
