// The exchange with ops-meta: report what is, receive what is wanted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/config.hpp"
#include "rules/desired.hpp"
#include "rules/layout.hpp"
#include "rules/memory.hpp"
#include "world/http.hpp"

namespace ops {

struct Answer {
    std::optional<Desired> desired;  ///< nothing: there is nothing to enforce
    bool fresh = false;              ///< from ops-meta just now (or a file), not the kept one
    bool interrupted = false;        ///< a stop signal came
    std::string failure;             ///< one line; not empty: the pass ends with 69
};

/// Reports and reads the answer. While ops-meta is down the last good answer takes its place.
class OpsMeta {
  public:
    /// `token` "" for none. With `read_only` no answer is kept. What is referred to must outlive
    /// it.
    OpsMeta(const Config& config, std::string token, const Layout& layout, Http& http, Log& log,
            bool read_only);

    Answer report(const std::vector<ReportEntry>& entries);

  private:
    Answer down(const std::string& why) const;
    void keep(const std::string& body) const;

    const Config& config_;
    std::string url_;
    std::string token_;
    const Layout& layout_;
    Http& http_;
    Log& log_;
    bool read_only_;
};

/// The kept answer, whoever it was given to; nothing where there is none or it is unusable.
std::optional<KeptAnswer> kept_answer(const Layout& layout);

}  // namespace ops
