// One file's way onto the disk, resumed where that is safe.
#pragma once

#include "world/http.hpp"

namespace ops {

/// What Http::download() of libcurl's transport does.
Downloaded curl_download(const HttpSettings& settings, Log& log, const StopSignal& stop,
                         const Download& download);

}  // namespace ops
