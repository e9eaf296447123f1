#include "disk_model.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "../support/files.hpp"

namespace crash {

namespace {

mode_t mode_of(const fs::path& path) {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0 ? info.st_mode : 0;
}

bool is_folder(const fs::path& path) {
    return S_ISDIR(mode_of(path));
}

FileId id_of(const fs::path& path) {
    struct statx info {};
    if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &info) != 0)
        return {0, 0};
    return {info.stx_ino, info.stx_btime.tv_sec * 1'000'000'000LL + info.stx_btime.tv_nsec};
}

}  // namespace

void DiskState::restore(const fs::path& dir, const fs::path& stash) const {
    std::map<FileId, fs::path> kept;
    const auto present = e2e::tree(dir);
    for (auto path = present.rbegin(); path != present.rend(); ++path) {  // the deepest first
        if (path->back() != '/') continue;
        const fs::path folder = dir / path->substr(0, path->size() - 1);
        const FileId id = id_of(folder);
        kept[id] = stash / std::to_string(kept.size());
        fs::rename(folder, kept[id]);
        for (const auto& entry : fs::directory_iterator(kept[id]))
            fs::remove(entry.path());
    }
    for (const auto& entry : fs::directory_iterator(dir))
        fs::remove(entry.path());
    for (const auto& [path, item] : items) {
        if (!item.is_dir)
            e2e::write_file(dir / path, item.content, item.mode & 07777U);
        else if (const auto at = kept.find(item.id); at != kept.end())
            fs::rename(at->second, dir / path);
        else
            fs::create_directory(dir / path);
    }
    for (const auto& [path, item] : items)
        if (item.is_dir) ::chmod((dir / path).c_str(), item.mode & 07777U);
    for (const auto& entry : fs::directory_iterator(stash))
        fs::remove_all(entry.path());
}

DiskModel::DiskModel(fs::path dir) : dir_(std::move(dir)), root_(id_of(dir_)) {
    sync_all(dir_);
}

DiskModel::Entries DiskModel::entries_of(const fs::path& dir) {
    Entries entries;
    std::error_code error;
    for (fs::directory_iterator at(dir, error), end; !error && at != end; at.increment(error))
        entries[at->path().filename()] = {id_of(at->path()), is_folder(at->path())};
    return entries;
}

void DiskModel::sync_file(const fs::path& path, const FileId& id) {
    files_[id] = {mode_of(path), e2e::read_if_there(path).value_or("")};
}

void DiskModel::sync_all(const fs::path& dir) {
    const Entries entries = entries_of(dir);
    folders_[id_of(dir)] = entries;
    for (const auto& [name, entry] : entries) {
        if (entry.second)
            sync_all(dir / name);
        else
            sync_file(dir / name, entry.first);
    }
}

void DiskModel::synced(pid_t pid, const std::string& call, int fd) {
    if (call == "syncfs") {
        sync_all(dir_);
        return;
    }
    const std::string link = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd);
    std::error_code error;
    const fs::path path = fs::read_symlink(link, error);
    if (error) return;
    if (is_folder(path))
        sync_folder(path);
    else
        sync_file(path, id_of(path));
}

void DiskModel::sync_folder(const fs::path& dir) {
    const FileId id = id_of(dir);
    folders_[id] = entries_of(dir);
    // A rename is one transaction: what has come here has gone there.
    for (const auto& path : e2e::tree(dir_)) {
        if (path.back() != '/') continue;
        const FileId other = id_of(dir_ / path);
        const auto known = folders_.find(other);
        if (other == id || known == folders_.end()) continue;
        const bool shared =
            std::any_of(known->second.begin(), known->second.end(), [&](const auto& entry) {
                return std::any_of(folders_[id].begin(), folders_[id].end(), [&](const auto& mine) {
                    return mine.second.first == entry.second.first;
                });
            });
        if (shared) known->second = entries_of(dir_ / path);
    }
}

void DiskModel::collect_synced(const FileId& dir, const std::string& prefix,
                               DiskState& state) const {
    const auto folder = folders_.find(dir);
    if (folder == folders_.end()) return;
    for (const auto& [name, entry] : folder->second) {
        const std::string path = prefix + name;
        if (entry.second) {
            state.items[path] = {true, 0755, "", entry.first};
            collect_synced(entry.first, path + "/", state);
            continue;
        }
        const auto file = files_.find(entry.first);
        state.items[path] =
            file == files_.end()
                ? DiskState::Item{false, 0644, "", {}}
                : DiskState::Item{false, file->second.mode, file->second.content, {}};
    }
}

DiskState DiskModel::synced_alone() const {
    DiskState state;
    collect_synced(root_, "", state);
    return state;
}

DiskState DiskModel::names_without_content() const {
    return names(false);
}

DiskState DiskModel::sizes_without_content() const {
    return names(true);
}

DiskState DiskModel::names(bool with_sizes) const {
    DiskState state;
    for (auto path : e2e::tree(dir_)) {
        const bool folder = path.back() == '/';
        if (folder) path.pop_back();
        const fs::path here = dir_ / path;
        if (folder) {
            state.items[path] = {true, mode_of(here), "", id_of(here)};
            continue;
        }
        const auto file = files_.find(id_of(here));
        std::string content = file == files_.end() ? "" : file->second.content;
        std::error_code gone;
        const auto size = fs::file_size(here, gone);
        if (with_sizes && !gone && fs::is_regular_file(here)) content.resize(size);
        state.items[path] = {false, mode_of(here), content, {}};
    }
    return state;
}

}  // namespace crash
