// A resolver of our own for the whole test program: no test asks a name server.
#pragma once

namespace transport {

/// "NAME.test" is 127.0.0.1, so that two names are two hosts for HTTP; "absent.test" does not
/// exist; "hanging.test" does not answer until release_resolver() is called
/// (or 10 s are over, so that a failing test ends).
void release_resolver();

}  // namespace transport
