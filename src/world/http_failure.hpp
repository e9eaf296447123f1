// Which of libcurl's errors may pass by themselves and which will not.
#pragma once

#include <curl/curl.h>

#include <string>

#include "world/http.hpp"

namespace ops {

/// Why a transfer broke off. `detail` is libcurl's error buffer, `where` the URL for the message,
/// `host` the one that was talked to.
HttpFailure transfer_failure(CURL* easy, CURLcode code, const std::string& detail,
                             const std::string& where, const std::string& host);

/// Why a status other than the wanted one is a failure: 5xx and 429 may pass, others will not.
HttpFailure status_failure(long status, const std::string& where);

}  // namespace ops
