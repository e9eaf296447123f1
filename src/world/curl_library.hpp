// libcurl, loaded when it is first used and not when the program starts.
#pragma once

namespace ops {

/// Loads libcurl and sets it up, if that was not done yet; as the first call of any of its
/// functions does. Meant for a thread of its own while there is other work: with the thirty
/// libraries that it needs it takes most of the start-up. Thread-safe. Throws Error
/// (ExitCode::config) where it is not installed or too old.
void load_curl();

}  // namespace ops
