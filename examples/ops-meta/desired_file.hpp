// The desired state's file: read again whenever it changed, kept when an edit went wrong.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <mutex>
#include <string>

#include "desired.hpp"
#include "journal.hpp"

namespace meta {

class DesiredFile {
  public:
    struct Snapshot {
        std::shared_ptr<const DesiredState> state;  ///< the last good one
        std::string fault;  ///< why the file as it is now is not in force; "" where it is
    };

    /// Reads the file. Throws std::runtime_error, with the file's name, where it is not good:
    /// at the start there is no last good state to fall back on.
    DesiredFile(std::string path, Journal& journal);

    /// The state in force. Looks at the file at each call (one stat, where nothing changed), so
    /// an edit counts from the next request on. From any thread.
    Snapshot current();

  private:
    void look();

    const std::string path_;
    Journal& journal_;
    std::mutex mutex_;
    struct stat seen_ {};
    bool settled_ = false;  ///< `seen_` is old enough for its time to tell of the next change
    std::string text_;
    Snapshot snapshot_;
};

}  // namespace meta
