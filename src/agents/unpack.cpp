#include "agents/unpack.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "rules/error.hpp"
#include "rules/text.hpp"
#include "world/files.hpp"
#include "world/gunzip.hpp"
#include "world/process.hpp"

namespace ops {
namespace {

void set_mode(const fs::path& dir, mode_t mode) {
    if (::fchmod(open_dir(dir).get(), mode) != 0) fail("cannot set the mode of", dir, errno);
}

/// What gzip says of the size of its content: modulo 4 GiB, and of the last member only. Good
/// enough to refuse early; the limits are held while tar runs and by check_tree().
std::uint64_t size_by_trailer(int fd) {
    std::array<unsigned char, 4> trailer{};
    struct stat info {};
    if (::fstat(fd, &info) != 0 || info.st_size < 18) return 0;
    if (::pread(fd, trailer.data(), trailer.size(), info.st_size - 4) != 4) return 0;
    return static_cast<std::uint64_t>(trailer[0]) | static_cast<std::uint64_t>(trailer[1]) << 8U |
           static_cast<std::uint64_t>(trailer[2]) << 16U |
           static_cast<std::uint64_t>(trailer[3]) << 24U;
}

/// Reads what `tar --verbose --block-number` prints while it runs: the members, and how the archive
/// ends. An archive that was cut between two members unpacks without an error, but does not end in
/// a block of NULs.
class TarListing {
  public:
    void feed(std::string_view piece) {
        for (const char c : piece) {
            if (c == '\n') {
                line();
                text_.clear();
            } else if (text_.size() < 8192) {
                text_ += c;
            }
        }
    }

    [[nodiscard]] std::uint64_t members() const { return members_; }
    [[nodiscard]] const std::string& last_member() const { return last_member_; }
    [[nodiscard]] const std::string& bad_member() const { return bad_member_; }
    /// A member that stands behind a block of NULs, where a plain tar would have stopped.
    [[nodiscard]] const std::string& behind_end() const { return behind_end_; }
    [[nodiscard]] bool ends_well() const { return nulls_ && ended_; }

  private:
    void line() {
        // "block 12: ./name"
        constexpr std::string_view prefix = "block ";
        const auto colon = text_.find(": ");
        if (!text_.starts_with(prefix) || colon == std::string::npos) return;
        const std::string name = text_.substr(colon + 2);
        if (name == "** Block of NULs **") {
            nulls_ = true;
        } else if (name == "** End of File **") {
            ended_ = true;
        } else {
            if (nulls_) behind_end_ = name;
            ++members_;
            last_member_ = name;
            if (name.starts_with('/') || has_dot_dot(name)) bad_member_ = name;
        }
    }

    static bool has_dot_dot(const std::string& name) {
        for (const fs::path& part : fs::path(name))
            if (part == "..") return true;
        return false;
    }

    std::string text_;
    std::uint64_t members_ = 0;
    std::string last_member_;
    std::string bad_member_;
    std::string behind_end_;
    bool nulls_ = false;
    bool ended_ = false;
};

Command tar_command(const StagePaths& stage, const UnpackLimits& limits, const Tools& tools) {
    Command tar;
    // --ignore-zeros: a block of NULs in the middle must not hide what follows from us.
    tar.argv = {tools.tar,
                "--extract",
                "--file=-",
                "--verbose",
                "--block-number",
                "--ignore-zeros",
                "--no-same-owner",
                "--no-same-permissions",
                "--no-overwrite-dir",
                "--quoting-style=escape"};
    tar.directory = stage.dir;
    tar.environment = tool_environment();
    tar.timeout = limits.timeout;
    tar.max_file_size = limits.max_bytes;
    tar.keep = 4096;
    return tar;
}

/// Bytes on disk, as far as they can be seen while tar is at work.
std::uint64_t size_of_tree(const fs::path& root) {
    std::uint64_t bytes = 0;
    std::error_code error;
    for (fs::recursive_directory_iterator it(root, error), end; !error && it != end;
         it.increment(error)) {
        struct stat info {};
        if (::lstat(it->path().c_str(), &info) == 0)
            bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
    }
    return bytes;
}

std::string after(const TarListing& listing) {
    return listing.last_member().empty() ? ""
                                         : " at member " + one_line(listing.last_member(), 200);
}

void run_tar(const StagePaths& stage, const UnpackLimits& limits, const Tools& tools,
             DiskBudget& budget, const StopSignal& stop, int tarball) {
    TarListing listing;
    Command tar = tar_command(stage, limits, tools);
    const std::uint64_t free_before = space_of(stage.dir).free_bytes;
    Gunzip gunzip(tarball);
    tar.input = gunzip.output();
    tar.held = tarball;  // with its lock: if we are killed, the next pass waits for tar's end
    tar.stop = &stop;
    tar.on_output = [&](std::string_view piece) { listing.feed(piece); };
    tar.watch = [&]() -> std::string {
        if (!listing.bad_member().empty()) return "unsafe name";
        if (listing.members() > limits.max_entries) return "too many members";
        const std::uint64_t free = space_of(stage.dir).free_bytes;
        // Others write to this disk too: only then is it worth a look at the tree itself.
        if (free_before > free && free_before - free > limits.max_bytes &&
            size_of_tree(stage.dir) > limits.max_bytes)
            return "the tree is larger than download.max_unpacked";
        return budget.exhausted();
    };
    const Result result = run(tar);
    const std::string bad_gzip = gunzip.finish();
    if (!listing.bad_member().empty())
        throw Error("the archive is refused: member " + one_line(listing.bad_member(), 200) +
                    " has an absolute or dot-dot name");
    if (listing.members() > limits.max_entries)
        throw Error("the archive is refused: more than " + std::to_string(limits.max_entries) +
                    " members" + after(listing));
    if (!result.aborted.empty()) throw Error("cannot unpack: " + result.aborted + after(listing));
    if (std::holds_alternative<Interrupted>(result.outcome)) throw Stopped();
    if (const auto* killed = std::get_if<Signalled>(&result.outcome);
        killed != nullptr && killed->signal == SIGXFSZ)
        throw Error("the archive is refused: a file is larger than download.max_unpacked (" +
                    std::to_string(limits.max_bytes) + " bytes)" + after(listing));
    if (!bad_gzip.empty()) throw Error("cannot unpack: " + bad_gzip + after(listing));
    if (!succeeded(result.outcome))
        throw Error("cannot unpack: tar: " + to_string(result.outcome) + ": " +
                    one_line(result.output, 300));
    if (!listing.behind_end().empty())
        throw Error("the archive is refused: member " + one_line(listing.behind_end(), 200) +
                    " stands behind the end-of-archive mark");
    if (!listing.ends_well())
        throw Error("the archive is refused: it is cut off" + after(listing) +
                    " (no end-of-archive mark)");
}

void check_space(const Fd& tarball, const UnpackLimits& limits, DiskBudget::Share& share) {
    const std::uint64_t size = size_by_trailer(tarball.get());
    if (size > limits.max_bytes + 1024 * 1024)
        throw Error("the archive is refused: it unpacks to " + std::to_string(size) +
                    " bytes, download.max_unpacked is " + std::to_string(limits.max_bytes));
    if (const std::string why = share.ask(size); !why.empty()) throw Error(why);
}

}  // namespace

Fd open_tarball(const fs::path& tarball, const StopSignal& stop) {
    Fd fd(::open(tarball.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd) fail("cannot open", tarball, errno);
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) fail("cannot lock", tarball, errno);
        if (std::chrono::steady_clock::now() >= give_up)
            throw Error("another program still unpacks " + tarball.string());
        if (!stop.sleep_for(std::chrono::milliseconds(20))) throw Stopped();
    }
    return fd;
}

void unpack(const StagePaths& stage, const UnpackLimits& limits, const Tools& tools,
            DiskBudget& budget, const StopSignal& stop) {
    const std::string tarball_name = stage.tarball.filename();
    const std::vector<std::string> kept = {tarball_name};
    const Fd tarball = open_tarball(stage.tarball, stop);
    DiskBudget::Share share(budget);
    check_space(tarball, limits, share);
    // What a killed unpack left goes first: unpacking over an old tree can escape it.
    clear_dir(stage.dir, kept);
    // Nobody else looks in before the tree was checked.
    set_mode(stage.dir, 0700);
    try {
        run_tar(stage, limits, tools, budget, stop, tarball.get());
        check_tree(stage.dir, tarball_name, limits);
        set_mode(stage.dir, 0755);
        sync_filesystem(stage.dir);
    } catch (...) {
        clear_dir(stage.dir, kept);
        throw;
    }
    remove_file(stage.tarball);
    sync_dir(stage.dir);
}

}  // namespace ops
