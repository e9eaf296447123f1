// The start of one program: process.cpp's lower half.
#pragma once

#include <sys/types.h>

#include "world/fd.hpp"
#include "world/process.hpp"

namespace ops {

/// A program that was started, or why it was not. Owns the descriptors, not the process: who has it
/// must reap it.
struct Spawned {
    pid_t pid = -1;  ///< also its session and its process group; -1: not started
    int error = 0;   ///< errno, where it was not started
    Fd exit;         ///< pidfd: readable once it has ended; none where the kernel gives none
    Fd output;       ///< what it prints, not blocking; none where the command has its own output
};

/// Starts it as run() promises. Never throws for what the system refuses.
Spawned spawn(const Command& command);

}  // namespace ops
