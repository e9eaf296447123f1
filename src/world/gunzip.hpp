// Unpacking a gzip file while another program reads what comes out.
#pragma once

#include <string>
#include <thread>

#include "world/fd.hpp"

namespace ops {

/// Unpacks with zlib, in a thread of its own, into a pipe: half the time of gzip(1), and one
/// process less. SIGPIPE must be ignored (StopSignal::install() does).
class Gunzip {
  public:
    /// Begins with the file at `input`, from where its offset is; it may be closed meanwhile.
    /// Several gzip members are one file, what stands behind the last of them is ignored. Throws
    /// Error where descriptors are short.
    explicit Gunzip(int input);
    ~Gunzip();
    Gunzip(const Gunzip&) = delete;
    Gunzip& operator=(const Gunzip&) = delete;

    /// Where it can be read; stays this object's.
    [[nodiscard]] int output() const { return output_.get(); }

    /// To be called when the reader has ended, however far it had read. "" or what is wrong with
    /// the part of the file that was unpacked.
    std::string finish();

  private:
    std::string fault_;
    Fd output_;
    std::thread thread_;
};

}  // namespace ops
