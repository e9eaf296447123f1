// The server's log: a line an event, whole lines only, from any thread.
#pragma once

#include <string>
#include <string_view>

namespace meta {

class Journal {
  public:
    /// Appends to `file`; "" and "-" are stderr. Throws std::runtime_error.
    explicit Journal(const std::string& file);
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    /// Writes "TIME text\n". Control characters in `text` become '?'.
    void line(std::string_view text);

  private:
    int fd_;
    bool owned_;
};

/// "2026-01-31T09:15:00Z".
std::string iso_time(long long unix_seconds);

}  // namespace meta
