#include "world/gunzip.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <vector>

#include "rules/error.hpp"
#include "world/files.hpp"

namespace ops {

namespace {

/// Into pieces of at least twice its buffer zlib unpacks without copying. Small: a pass that
/// upgrades many agents at once has one of these for each.
constexpr unsigned zlib_buffer = 16 * 1024;
constexpr unsigned piece_size = 4 * zlib_buffer;
constexpr int pipe_size = 1024 * 1024;  ///< so that the two rarely wait for each other

struct CloseGzip {
    void operator()(gzFile file) const { ::gzclose_r(file); }
};
using GzipFile = std::unique_ptr<gzFile_s, CloseGzip>;

GzipFile open_gzip(int input) {
    Fd own(::fcntl(input, F_DUPFD_CLOEXEC, 0));
    if (!own) fail("cannot unpack", "the gzip file", errno);
    GzipFile file(::gzdopen(own.get(), "rb"));
    if (!file) throw std::bad_alloc();
    static_cast<void>(own.release());
    ::gzbuffer(file.get(), zlib_buffer);
    return file;
}

void throw_fault(gzFile file) {
    int code = Z_OK;
    std::string text = ::gzerror(file, &code);
    if (code == Z_OK) return;
    if (code == Z_ERRNO) text = std::generic_category().message(errno);
    // zlib begins with the file's name, which it makes up: "<fd:7>: ".
    if (const auto name = text.find(">: "); name != std::string::npos) text.erase(0, name + 3);
    throw Error("the gzip file is bad: " + text);
}

void unpack_all(gzFile file, int to) {
    std::vector<char> piece(piece_size);
    for (;;) {
        const int count = ::gzread(file, piece.data(), piece_size);
        // What is not compressed zlib would copy as it is.
        if (::gzdirect(file) != 0) throw Error("it is no gzip file");
        if (count <= 0) break;
        const int error = try_write_all(to, {piece.data(), static_cast<std::size_t>(count)});
        if (error == EPIPE) return;  // nobody reads any more
        if (error != 0) fail("cannot write to", "tar", error);
    }
    throw_fault(file);
}

}  // namespace

Gunzip::Gunzip(int input) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail("cannot unpack through", "a pipe", errno);
    output_.reset(ends[0]);
    Fd write_end(ends[1]);
    // Where that is not allowed the usual size does.
    static_cast<void>(::fcntl(write_end.get(), F_SETPIPE_SZ, pipe_size));
    GzipFile file = open_gzip(input);
    try {
        thread_ = std::thread([this, file = std::move(file), to = std::move(write_end)] {
            try {
                unpack_all(file.get(), to.get());
            } catch (const std::exception& error) {
                fault_ = error.what();
            }
        });
    } catch (const std::system_error& error) {
        throw Error("cannot unpack: no thread can be started: " + error.code().message());
    }
}

Gunzip::~Gunzip() {
    finish();
}

std::string Gunzip::finish() {
    output_.reset();
    if (thread_.joinable()) thread_.join();
    return fault_;
}

}  // namespace ops
