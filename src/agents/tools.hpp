// The external tools that a pass may need, found once.
#pragma once

#include <string>

#include "rules/digest.hpp"

namespace ops {

/// Absolute paths.
struct Tools {
    std::string tar;
    std::string md5sum;
    std::string sha256sum;
    std::string minisign;  ///< "" where no signatures are asked for
};

/// Finds all of them by PATH. Throws Error(config) that names every missing one and its package.
Tools find_tools(bool with_minisign);

}  // namespace ops
