// What a disk may hold after a power cut: a model of what was synced and what was not.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

namespace crash {

namespace fs = std::filesystem;

/// Inode and time of birth: an inode that is given anew is another file.
using FileId = std::pair<std::uint64_t, std::int64_t>;

/// A folder's content as it may be found: relative path -> what is there.
struct DiskState {
    struct Item {
        bool is_dir = false;
        mode_t mode = 0;
        std::string content;
        FileId id;  ///< of a folder
        bool operator==(const Item&) const = default;
    };
    std::map<std::string, Item> items;
    bool operator==(const DiskState&) const = default;

    /// Makes `dir` hold exactly this. Folders that are somewhere in it now keep their inodes, as
    /// they do in a power cut; `stash`, an empty folder beside it, is needed for a moment.
    void restore(const fs::path& dir, const fs::path& stash) const;
};

/// Watches a folder. Everything in it is on disk when the watch begins. Later a file's content is
/// on disk as it was at its last fsync, a folder's entries as they were at its last fsync, all of
/// it as it was at the last syncfs.
class DiskModel {
  public:
    explicit DiskModel(fs::path dir);

    /// Process `pid` has synced `fd` with that call.
    void synced(pid_t pid, const std::string& call, int fd);

    /// The worst case of a disk that writes late: nothing is there that was not synced.
    [[nodiscard]] DiskState synced_alone() const;
    /// That of a disk that writes names early and content late: each name is there, and what was
    /// not synced of the files is empty.
    [[nodiscard]] DiskState names_without_content() const;
    /// Likewise, but of a disk that knows the sizes: in place of the content there are zeros.
    [[nodiscard]] DiskState sizes_without_content() const;

  private:
    struct File {
        mode_t mode = 0;
        std::string content;
    };
    using Entries = std::map<std::string, std::pair<FileId, bool>>;  // name -> what, is it a folder

    static Entries entries_of(const fs::path& dir);
    void sync_all(const fs::path& dir);
    void sync_folder(const fs::path& dir);
    void sync_file(const fs::path& path, const FileId& id);
    [[nodiscard]] DiskState names(bool with_sizes) const;
    void collect_synced(const FileId& dir, const std::string& prefix, DiskState& state) const;

    fs::path dir_;
    FileId root_;
    std::map<FileId, Entries> folders_;
    std::map<FileId, File> files_;
};

}  // namespace crash
