// GET /tarballs/…: the files that hosts download.
#pragma once

#include <string>

#include "http_library.hpp"

namespace meta {

/// Answers with the file `relative` below `folder`: with ETag and Last-Modified, conditional
/// requests, and one byte range (If-Range honoured), so that a broken download can be resumed.
/// Names are plain ("a.tar.gz", "team/a.tar.gz"): what begins with a dot is not served.
void serve_tarball(const std::string& folder, const std::string& relative,
                   const httplib::Request& request, httplib::Response& response);

}  // namespace meta
