// A download's file in the making, and beside it the note of what it was made from. The two are
// written in such an order that a kill at any point leaves either a pair that can be continued or
// one that is seen to be none.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "world/fd.hpp"

namespace ops {

/// Where a part can be continued.
struct ResumePoint {
    std::uint64_t offset = 0;            ///< at least 1
    std::string validator;               ///< for If-Range
    std::optional<std::uint64_t> total;  ///< of the whole file, where the server had told it
};

/// All throw Error where the disk says no.
class PartFile {
  public:
    /// Throws Error where `part` is there and no regular file.
    PartFile(std::filesystem::path part, std::filesystem::path validator, const std::string& url);

    /// Nothing where there is no part, no byte in it, no note, another URL's or a damaged one, or
    /// more bytes than the file is to have.
    [[nodiscard]] std::optional<ResumePoint> resume_point() const;

    /// Empties the part and only then writes the note (none where `validator` is empty): the old
    /// bytes never stand beside the new note.
    void start_over(const std::string& validator, std::optional<std::uint64_t> total);

    /// Cuts what is behind `offset` and goes on there.
    void continue_at(std::uint64_t offset);

    void append(std::string_view bytes);

    /// The part is whole: closes it and removes the note.
    void finish();

    /// Removes both.
    void discard();

    /// True once start_over() or continue_at() was called.
    [[nodiscard]] bool touched() const { return touched_; }

    /// True after an append() that threw: the disk is full or broken.
    [[nodiscard]] bool write_failed() const { return write_failed_; }

  private:
    void open_at(std::uint64_t offset);

    std::filesystem::path part_;
    std::filesystem::path validator_;
    std::string url_;
    Fd fd_;
    bool touched_ = false;
    bool write_failed_ = false;
};

}  // namespace ops
