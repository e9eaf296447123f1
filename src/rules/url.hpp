// URL rules of the contract. Pure text: nothing is fetched here.
#pragma once

#include <string>
#include <string_view>

namespace ops {

/// The URL that reports go to: without a scheme "http://", without a path (a lone "/" is none)
/// "/heartbeat"; the scheme in lower case. Throws Error (without an exit code of its own) for
/// anything that is no http or https URL with a host.
std::string server_url(std::string_view address);

/// Says nothing where `url` is an http or https URL with a host and without blanks, control
/// characters or a fragment, else why not.
std::string url_fault(std::string_view url);

/// `{prefix}/{file}`; slashes at the prefix's end are dropped, the scheme becomes lower case.
std::string join_url(std::string_view prefix, std::string_view file);

/// `url` fit for a log: user and password replaced by "***", control characters by '?'.
std::string redact_url(std::string_view url);

/// A text with URLs in it (an answer, say), with the user and password of each replaced by "***".
std::string redact_urls(std::string_view text);

/// The host (without user, port and brackets), lower case; empty where there is none.
std::string url_host(std::string_view url);

}  // namespace ops
