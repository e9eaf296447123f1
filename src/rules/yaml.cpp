#include "rules/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "rules/error.hpp"
#include "rules/text.hpp"

namespace ops {
namespace {

constexpr std::size_t max_bytes = 256UL * 1024;
constexpr std::size_t max_depth = 8;
constexpr std::size_t max_weight = 10'000;

[[noreturn]] void refuse(const std::string& file, int line, const std::string& what) {
    std::string place = line > 0 ? file + ":" + std::to_string(line) : file;
    throw Error(place + ": " + what, ExitCode::config);
}

int line_of(const YAML::Mark& mark) {
    return mark.is_null() ? 0 : mark.line + 1;
}

/// yaml-cpp takes byte 4 for the end of the file and would silently ignore what follows.
void refuse_control_characters(std::string_view text, const std::string& file) {
    int line = 1;
    for (char c : text) {
        if (c == '\n') ++line;
        const auto byte = static_cast<unsigned char>(c);
        const bool control = (byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7f;
        if (control) refuse(file, line, "a control character; this is not a text file in UTF-8");
    }
}

/// Builds the tree from the parser's events, so that its limits hold while the text is read,
/// not after it.
class TreeBuilder : public YAML::EventHandler {
  public:
    explicit TreeBuilder(const std::string& file) : file_(file) {}

    YamlNode take_root() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ > 1) {
            refuse(file_, line_of(mark), "a second document begins here; only one is read");
        }
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        add(make(YamlNode::Kind::null, mark), anchor);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        YamlNode node = make(YamlNode::Kind::scalar, mark);
        node.text = value;
        node.quoted = tag != "?" && tag != "tag:yaml.org,2002:int";
        add(std::move(node), anchor);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchored_.find(anchor);
        if (found == anchored_.end()) refuse(file_, line_of(mark), "an alias inside of itself");
        YamlNode copy = found->second;
        copy.line = line_of(mark);
        add(std::move(copy), YAML::NullAnchor);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value /*style*/) override {
        open(YamlNode::Kind::list, mark, anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value /*style*/) override {
        open(YamlNode::Kind::map, mark, anchor);
    }
    void OnMapEnd() override { close(); }

  private:
    /// A list or map whose end has not come yet.
    struct Open {
        YamlNode node;
        YAML::anchor_t anchor;
    };

    static YamlNode make(YamlNode::Kind kind, const YAML::Mark& mark) {
        YamlNode node;
        node.kind = kind;
        node.line = line_of(mark);
        return node;
    }

    void open(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
        if (open_.size() == max_depth) refuse(file_, line_of(mark), "nested too deeply");
        open_.push_back({make(kind, mark), anchor});
    }

    void close() {
        Open done = std::move(open_.back());
        open_.pop_back();
        add(std::move(done.node), done.anchor);
    }

    void add(YamlNode node, YAML::anchor_t anchor) {
        weight_ += weigh(node);
        if (weight_ > max_weight) refuse(file_, node.line, "too many values");
        if (anchor != YAML::NullAnchor) anchored_[anchor] = node;
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        YamlNode& parent = open_.back().node;
        if (parent.kind == YamlNode::Kind::map && parent.keys.size() == parent.items.size()) {
            add_key(parent, std::move(node));
        } else {
            parent.items.push_back(std::move(node));
        }
    }

    void add_key(YamlNode& map, YamlNode node) {
        if (node.kind != YamlNode::Kind::scalar) {
            refuse(file_, node.line, "a key is a word, not " + to_string(node.kind));
        }
        map.keys.push_back({std::move(node.text), node.line});
    }

    static std::size_t weigh(const std::string& text) { return 1 + text.size() / 128; }

    /// What `node` costs in memory, roughly. What is nested weighs again at each level that it is
    /// closed in; the levels are few.
    static std::size_t weigh(const YamlNode& node) {
        std::size_t sum = weigh(node.text);
        for (const YamlNode::Key& key : node.keys)
            sum += weigh(key.text);
        for (const YamlNode& item : node.items)
            sum += weigh(item);
        return sum;
    }

    const std::string& file_;
    YamlNode root_;
    std::vector<Open> open_;
    std::map<YAML::anchor_t, YamlNode> anchored_;
    std::size_t weight_ = 0;
    int documents_ = 0;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (keys[i].text == key) return &items[i];
    }
    return nullptr;
}

std::string to_string(YamlNode::Kind kind) {
    switch (kind) {
        case YamlNode::Kind::null:
            return "nothing";
        case YamlNode::Kind::scalar:
            return "a single value";
        case YamlNode::Kind::list:
            return "a list";
        case YamlNode::Kind::map:
            return "a map";
    }
    return "";
}

YamlNode parse_yaml(std::string_view text, const std::string& file) {
    if (text.size() > max_bytes) {
        refuse(file, 0, "larger than " + human_size(max_bytes) + "; this is no configuration");
    }
    refuse_control_characters(text, file);
    std::istringstream stream{std::string(text)};
    TreeBuilder builder(file);
    try {
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const YAML::Exception& error) {
        refuse(file, line_of(error.mark), "not valid YAML: " + one_line(error.msg, 200));
    }
    return builder.take_root();
}

}  // namespace ops
