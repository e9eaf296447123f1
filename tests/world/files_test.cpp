#include "world/files.hpp"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <limits>
#include <thread>

#include "rules/error.hpp"
#include "scratch.hpp"

using namespace ops;
using namespace ops::test;

namespace {

/// What an Error says; "" where there is none.
template <typename Body>
std::string complaint(Body body) {
    try {
        body();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

bool says(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

mode_t mode_of(const fs::path& path) {
    return status_of(path)->st_mode & 07777;
}

bool is_root() {
    return ::geteuid() == 0;
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

/// Until the end of the test, files of this process end at so many bytes: like a full disk.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &old_);
        rlimit limit = old_;
        limit.rlim_cur = bytes;
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &old_);
        std::signal(SIGXFSZ, old_handler_);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

  private:
    rlimit old_{};
    void (*old_handler_)(int);
};

/// A chain of `depth` folders named "d" with a file in each; made without long paths.
void make_deep(const fs::path& root, int depth) {
    fs::create_directory(root);
    Fd at = open_dir(root);
    for (int i = 0; i < depth; ++i) {
        REQUIRE(::mkdirat(at.get(), "d", 0755) == 0);
        const Fd file(::openat(at.get(), "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
        REQUIRE(file);
        at.reset(::openat(at.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        REQUIRE(at);
    }
}

}  // namespace

TEST_CASE("an error names what was done, the path and the cause, in one line") {
    CHECK(complaint([] { fail("cannot open", "/a/b", ENOSPC); }) ==
          "cannot open /a/b: No space left on device");
    CHECK(complaint([] { fail("cannot open", "/a\n\x1b[2Jb", EIO); }) ==
          "cannot open /a ?[2Jb: Input/output error");
}

TEST_CASE("the status of nothing is nothing, and a link is a link") {
    const Scratch dir;
    dir.file("file", "");
    fs::create_symlink("file", dir / "link");
    fs::create_directory_symlink(dir.path(), dir / "dirlink");
    CHECK_FALSE(status_of(dir / "missing"));
    CHECK_FALSE(status_of(dir / "file/below"));
    CHECK(is_regular(dir / "file"));
    CHECK_FALSE(is_regular(dir / "link"));
    CHECK_FALSE(is_regular(dir.path()));
    CHECK(is_real_dir(dir.path()));
    CHECK_FALSE(is_real_dir(dir / "dirlink"));
    CHECK_FALSE(is_real_dir(dir / "missing"));
}

TEST_CASE("a file is read whole, and where there is none there is nothing") {
    const Scratch dir;
    const std::string binary("a\0b\xff\n", 5);
    CHECK(read_file(dir.file("file", binary), 100) == binary);
    CHECK(read_file(dir.file("empty", ""), 100) == "");
    CHECK_FALSE(read_file(dir / "missing", 100));
    CHECK_FALSE(read_file(dir / "file/below", 100));
    CHECK(read_file("/proc/self/comm", 100));  // its size is 0 by stat
}

TEST_CASE("a file may have as many bytes as allowed and not one more") {
    const Scratch dir;
    const auto path = dir.file("file", std::string(50000, 'x'));
    CHECK(read_file(path, 50000)->size() == 50000);
    CHECK(says(complaint([&] { read_file(path, 49999); }), "is larger than"));
    CHECK(says(complaint([&] { read_file("/dev/zero", 100); }), "no regular file"));
}

TEST_CASE("what is no regular file is not read, and nothing blocks") {
    const Scratch dir;
    dir.file("file", "secret");
    fs::create_symlink("file", dir / "link");
    fs::create_symlink("nowhere", dir / "dangling");
    REQUIRE(::mkfifo((dir / "fifo").c_str(), 0644) == 0);
    const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = dir / "socket";
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);

    CHECK(says(complaint([&] { read_file(dir / "link", 100); }), "it is a symbolic link"));
    CHECK(says(complaint([&] { read_file(dir / "dangling", 100); }), "it is a symbolic link"));
    CHECK(says(complaint([&] { read_file(dir / "fifo", 100); }), "it is no regular file"));
    CHECK(says(complaint([&] { read_file(dir.path(), 100); }), "it is no regular file"));
    CHECK(says(complaint([&] { read_file(dir / "socket", 100); }), "cannot read"));
}

TEST_CASE("the tail of a file begins where one says, and is at most so long") {
    const Scratch dir;
    const auto path = dir.file("log", "0123456789");
    CHECK(read_tail(path, 0, 100) == "0123456789");
    CHECK(read_tail(path, 0, 3) == "789");
    CHECK(read_tail(path, 8, 3) == "89");
    CHECK(read_tail(path, 10, 3).empty());
    CHECK(read_tail(path, 1000, 3).empty());
    CHECK(read_tail(path, 0, 0).empty());
    CHECK(read_tail(dir / "missing", 0, 3).empty());
    CHECK(read_tail(dir.path(), 0, 3).empty());
    fs::create_symlink("log", dir / "link");
    CHECK(read_tail(dir / "link", 0, 3).empty());
}

TEST_CASE("a file is replaced with exactly its mode, whatever the umask") {
    const Scratch dir;
    const mode_t old = ::umask(0777);
    replace_file(dir / "new", "text\n", 0644, Durable::yes);
    ::umask(0);
    replace_file(dir / "secret", "text\n", 0600, Durable::no);
    ::umask(old);
    CHECK(content_of(dir / "new") == "text\n");
    CHECK(mode_of(dir / "new") == 0644);
    CHECK(mode_of(dir / "secret") == 0600);
    CHECK(list_dir(dir.path()) == std::vector<std::string>{"new", "secret"});
}

TEST_CASE("a replaced link is replaced itself, not what it leads to") {
    const Scratch dir;
    dir.file("target", "precious");
    fs::create_symlink("target", dir / "link");
    replace_file(dir / "link", "new", 0644, Durable::no);
    CHECK(content_of(dir / "target") == "precious");
    CHECK(is_regular(dir / "link"));
    CHECK(content_of(dir / "link") == "new");
}

TEST_CASE("what a killed writer left, be it a link out, is used up by the next") {
    const Scratch dir;
    dir.file("outside", "precious");
    fs::create_symlink("outside", temporary_of(dir / "file"));
    replace_file(dir / "file", "new", 0644, Durable::yes);
    CHECK(content_of(dir / "outside") == "precious");
    CHECK(list_dir(dir.path()) == std::vector<std::string>{"file", "outside"});
}

TEST_CASE("a reader sees the old or the new text, never a part") {
    const Scratch dir;
    const std::string a(100000, 'a');
    const std::string b(70000, 'b');
    replace_file(dir / "file", a, 0644, Durable::no);
    std::atomic<bool> done{false};
    std::thread writes([&] {
        for (int i = 0; i < 200; ++i) {
            replace_file(dir / "file", i % 2 == 0 ? b : a, 0644, Durable::no);
        }
        done = true;
    });
    bool whole = true;
    while (!done) {
        const auto text = read_file(dir / "file", 1000000);
        whole = whole && text && (*text == a || *text == b);
    }
    writes.join();
    CHECK(whole);
}

TEST_CASE("a disk that fills up leaves the old text and no temporary file") {
    const Scratch dir;
    dir.file("file", "old");
    std::string text;
    {
        const FileSizeLimit limit(1000);
        text = complaint(
            [&] { replace_file(dir / "file", std::string(5000, 'x'), 0644, Durable::no); });
    }
    CHECK(text == "cannot write " + temporary_of(dir / "file").native() + ": File too large");
    CHECK(content_of(dir / "file") == "old");
    CHECK(list_dir(dir.path()) == std::vector<std::string>{"file"});
}

TEST_CASE("a folder in the file's place is an error and leaves no temporary file") {
    const Scratch dir;
    fs::create_directory(dir / "file");
    CHECK(complaint([&] { replace_file(dir / "file", "x", 0644, Durable::yes); }) ==
          "cannot rename " + temporary_of(dir / "file").native() + " to " +
              (dir / "file").native() + ": Is a directory");
    CHECK(list_dir(dir.path()) == std::vector<std::string>{"file"});
    CHECK(says(complaint([&] { replace_file(dir / "no/file", "x", 0644, Durable::no); }),
               "No such file or directory"));
}

TEST_CASE("a name without a folder is one of the current folder") {
    CHECK(temporary_of("file") == "./.file.new");
    CHECK(temporary_of("/a/file") == "/a/.file.new");
}

TEST_CASE("all is written, also to a pipe that is full for a while") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    const Fd reading(ends[0]);
    Fd writing(ends[1]);
    const std::string text(1000000, 'x');
    std::thread writes([&] {
        write_all(writing.get(), text, "pipe");
        writing.reset();
    });
    ::fcntl(reading.get(), F_SETFL, 0);
    std::size_t seen = 0;
    char buffer[5000];
    for (ssize_t count = 0; (count = ::read(reading.get(), buffer, sizeof buffer)) > 0;) {
        seen += static_cast<std::size_t>(count);
    }
    writes.join();
    CHECK(seen == text.size());
}

TEST_CASE("a full device is an error of the write") {
    const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    CHECK(complaint([&] { write_all(full.get(), "x", "/dev/full"); }) ==
          "cannot write /dev/full: No space left on device");
}

TEST_CASE("a folder may be there already, a link to one not") {
    const Scratch dir;
    make_dir(dir / "new", 0700);
    CHECK(mode_of(dir / "new") == 0700);
    CHECK_NOTHROW(make_dir(dir / "new", 0755));
    fs::create_directory_symlink("new", dir / "link");
    CHECK(complaint([&] { make_dir(dir / "link", 0755); }) ==
          "cannot create " + (dir / "link").native() + ": File exists");
    dir.file("file", "");
    CHECK_THROWS_AS(make_dir(dir / "file", 0755), Error);
    CHECK_THROWS_AS(make_dir(dir / "no/new", 0755), Error);
}

TEST_CASE("a folder's names are listed in order, hidden ones too") {
    const Scratch dir;
    for (const char* name : {"b", "a", ".hidden", "c\nd"})
        dir.file(name, "");
    CHECK(list_dir(dir.path()) == std::vector<std::string>{".hidden", "a", "b", "c\nd"});
    CHECK_THROWS_AS(list_dir(dir / "missing"), Error);
    fs::create_directory_symlink(dir.path(), dir / "link");
    CHECK_THROWS_AS(list_dir(dir / "link"), Error);
}

TEST_CASE("folders and their filesystem can be synced, missing ones not") {
    const Scratch dir;
    CHECK_NOTHROW(sync_dir(dir.path()));
    CHECK_NOTHROW(sync_filesystem(dir.path()));
    CHECK_NOTHROW(sync_filesystem(dir.file("file", "")));
    CHECK_THROWS_AS(sync_dir(dir / "missing"), Error);
    CHECK_THROWS_AS(sync_filesystem(dir / "missing"), Error);
}

TEST_CASE("a file that is not there is removed already") {
    const Scratch dir;
    remove_file(dir.file("file", ""));
    CHECK_FALSE(fs::exists(dir / "file"));
    CHECK_NOTHROW(remove_file(dir / "file"));
    CHECK_NOTHROW(remove_file(dir / "file/below"));
    CHECK(complaint([&] { remove_file(dir.path()); }) ==
          "cannot remove " + dir.path().native() + ": Is a directory");
}

TEST_CASE("a tree goes with all in it and no link is followed") {
    const Scratch dir;
    fs::create_directories(dir / "outside/deep");
    dir.file("outside/deep/file", "precious");
    fs::create_directories(dir / "tree/a/b/c");
    fs::create_directories(dir / "tree/empty");
    dir.file("tree/a/b/file", "x");
    dir.file("tree/.hidden", "x");
    fs::create_symlink("../../outside/deep/file", dir / "tree/a/filelink");
    fs::create_directory_symlink(dir / "outside", dir / "tree/a/dirlink");
    fs::create_symlink("nowhere", dir / "tree/dangling");
    REQUIRE(::mkfifo((dir / "tree/fifo").c_str(), 0644) == 0);
    remove_tree(dir / "tree");
    CHECK_FALSE(status_of(dir / "tree"));
    CHECK(content_of(dir / "outside/deep/file") == "precious");
}

TEST_CASE("of a link to a tree the link goes, also with a slash behind it") {
    for (const char* ending : {"", "/", "//"}) {
        const Scratch dir;
        fs::create_directory(dir / "tree");
        dir.file("tree/file", "precious");
        fs::create_directory_symlink("tree", dir / "link");
        remove_tree((dir / "link").native() + ending);
        CHECK_FALSE(status_of(dir / "link"));
        CHECK(content_of(dir / "tree/file") == "precious");
    }
}

TEST_CASE("a tree may be a file, or not be there") {
    const Scratch dir;
    remove_tree(dir.file("file", ""));
    CHECK_FALSE(fs::exists(dir / "file"));
    CHECK_NOTHROW(remove_tree(dir / "file"));
    CHECK_NOTHROW(remove_tree(dir / "no/such"));
}

TEST_CASE("a tree of any depth goes, with few descriptors") {
    const Scratch dir(Scratch::Where::memory);
    make_deep(dir / "deep", 10000);
    rlimit old{};
    ::getrlimit(RLIMIT_NOFILE, &old);
    rlimit few = old;
    few.rlim_cur = open_descriptors() + 40;
    ::setrlimit(RLIMIT_NOFILE, &few);
    const std::string text = complaint([&] { remove_tree(dir / "deep"); });
    ::setrlimit(RLIMIT_NOFILE, &old);
    CHECK(text.empty());
    CHECK_FALSE(status_of(dir / "deep"));
}

TEST_CASE("deep trees with many branches go, and no descriptor stays open") {
    const Scratch dir(Scratch::Where::memory);
    fs::create_directory(dir / "tree");
    for (int i = 0; i < 20; ++i) {
        const std::string branch = "tree/" + std::to_string(i);
        make_deep(dir / branch, 20 + i * 3);
        make_deep(dir / (branch + "/d/d/second"), 45);
        make_deep(dir / (branch + "/d/d/third"), 70);
    }
    const std::size_t before = open_descriptors();
    remove_tree(dir / "tree");
    CHECK_FALSE(status_of(dir / "tree"));
    CHECK(open_descriptors() == before);
}

TEST_CASE("a folder with very many entries goes") {
    const Scratch dir(Scratch::Where::memory);
    fs::create_directory(dir / "tree");
    for (int i = 0; i < 5000; ++i) {
        const std::string name = "tree/entry-" + std::to_string(i);
        if (i % 5 == 0) {
            fs::create_directory(dir / name);
        } else {
            dir.file(name, "");
        }
    }
    remove_tree(dir / "tree");
    CHECK_FALSE(status_of(dir / "tree"));
}

TEST_CASE("folders that their owner may not read, search or write to go too") {
    const Scratch dir;
    fs::create_directories(dir / "tree/none/below");
    fs::create_directories(dir / "tree/readonly/below");
    dir.file("tree/none/below/file", "");
    dir.file("tree/readonly/file", "");
    ::chmod((dir / "tree/none").c_str(), 0);
    ::chmod((dir / "tree/readonly").c_str(), 0555);
    ::chmod((dir / "tree").c_str(), 0);
    remove_tree(dir / "tree");
    CHECK_FALSE(status_of(dir / "tree"));
}

TEST_CASE("what cannot be removed is named") {
    if (is_root()) return;
    const Scratch dir;
    fs::create_directories(dir / "folder/tree");
    dir.file("folder/tree/file", "");
    ::chmod((dir / "folder").c_str(), 0555);
    CHECK(complaint([&] { remove_tree(dir / "folder/tree"); }) ==
          "cannot remove " + (dir / "folder/tree").native() + ": Permission denied");
    ::chmod((dir / "folder").c_str(), 0755);
}

TEST_CASE("what is mounted within a tree stays") {
    // A mount needs root, and a namespace of its own leaves the machine as it is.
    constexpr int not_possible = 77;
    for (const bool same_filesystem : {false, true}) {
        CAPTURE(same_filesystem);
        const Scratch dir;
        const fs::path where = dir / "tree/a/mounted";
        fs::create_directories(where);
        fs::create_directories(dir / "data");
        const pid_t pid = ::fork();
        if (pid == 0) {
            const int mounted =
                ::unshare(CLONE_NEWNS) != 0 ||
                        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0
                    ? -1
                : same_filesystem
                    ? ::mount((dir / "data").c_str(), where.c_str(), nullptr, MS_BIND, nullptr)
                    : ::mount("none", where.c_str(), "tmpfs", 0, nullptr);
            if (mounted != 0) ::_exit(not_possible);
            dir.file("tree/a/mounted/precious", "x");
            const std::string expected =
                "cannot remove " + where.native() + ": another filesystem is mounted there";
            const bool refused = complaint([&] { remove_tree(dir / "tree"); }) == expected &&
                                 complaint([&] { remove_tree(where); }) == expected;
            ::_exit(refused && content_of(where / "precious") == "x" ? 0 : 1);
        }
        int status = 0;
        ::waitpid(pid, &status, 0);
        REQUIRE(WIFEXITED(status));
        const bool held = WEXITSTATUS(status) == 0;
        CHECK((held || WEXITSTATUS(status) == not_possible));
        if (is_root()) WARN(held);
    }
}

TEST_CASE("a folder is cleared but for what is kept at its top") {
    const Scratch dir;
    fs::create_directories(dir / "version/conf/kept.tar.gz");
    fs::create_directories(dir / "version/.hidden");
    dir.file("version/kept.tar.gz", "tarball");
    dir.file("version/control", "");
    clear_dir(dir / "version", {"kept.tar.gz", "absent"});
    CHECK(list_dir(dir / "version") == std::vector<std::string>{"kept.tar.gz"});
    CHECK(content_of(dir / "version/kept.tar.gz") == "tarball");
    clear_dir(dir / "version", {});
    CHECK(list_dir(dir / "version").empty());
    CHECK_THROWS_AS(clear_dir(dir / "missing", {}), Error);
}

TEST_CASE("a kept folder is kept whole") {
    const Scratch dir;
    fs::create_directories(dir / "version/data/deep");
    dir.file("version/data/deep/file", "kept");
    dir.file("version/other", "");
    clear_dir(dir / "version", {"data"});
    CHECK(content_of(dir / "version/data/deep/file") == "kept");
    CHECK(list_dir(dir / "version") == std::vector<std::string>{"data"});
}

TEST_CASE("a link to a folder is not cleared") {
    const Scratch dir;
    fs::create_directory(dir / "real");
    dir.file("real/file", "precious");
    fs::create_directory_symlink("real", dir / "link");
    CHECK_THROWS_AS(clear_dir(dir / "link", {}), Error);
    CHECK(content_of(dir / "real/file") == "precious");
}

TEST_CASE("a rename that fails names both paths") {
    const Scratch dir;
    dir.file("a", "text");
    rename_path(dir / "a", dir / "b");
    CHECK(content_of(dir / "b") == "text");
    CHECK(complaint([&] { rename_path(dir / "a", dir / "c"); }) ==
          "cannot rename " + (dir / "a").native() + " to " + (dir / "c").native() +
              ": No such file or directory");
}

TEST_CASE("two folders are exchanged") {
    const Scratch dir;
    fs::create_directory(dir / "old");
    fs::create_directory(dir / "new");
    dir.file("old/version", "1");
    dir.file("new/version", "2");
    exchange(dir / "old", dir / "new");
    CHECK(content_of(dir / "old/version") == "2");
    CHECK(content_of(dir / "new/version") == "1");
    CHECK(says(complaint([&] { exchange(dir / "old", dir / "missing"); }), "cannot exchange"));
}

TEST_CASE("there is space, and not more than there can be") {
    const Scratch dir;
    const Space space = space_of(dir.path());
    CHECK(space.free_bytes > 0);
    CHECK(space.free_bytes <= space.total_bytes);
    CHECK(space.free_inodes > 0);
    CHECK_THROWS_AS(space_of(dir / "missing"), Error);
    CHECK(space_of("/proc").free_inodes == std::numeric_limits<std::uint64_t>::max());
}
