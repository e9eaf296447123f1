#include "rules/observed.hpp"

#include <algorithm>

namespace ops {

const VersionDir* Observed::find(const std::string& version) const {
    const auto found = std::find_if(versions.begin(), versions.end(),
                                    [&](const VersionDir& dir) { return dir.version == version; });
    return found == versions.end() ? nullptr : &*found;
}

}  // namespace ops
