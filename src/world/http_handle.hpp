// libcurl's handles, owned, and all that a request sets on them: what is trusted, which credentials
// go along, which limits hold.
#pragma once

#include <curl/curl.h>

#include <string>
#include <vector>

#include "world/http_exchange.hpp"
#include "world/http_url.hpp"

namespace ops {

/// Where one request of a chain of redirects goes.
struct HttpTarget {
    SplitUrl address;
    bool first_origin = true;  ///< the call's own credentials may be sent
};

class HttpHandle {
  public:
    HttpHandle();  ///< throws std::bad_alloc
    ~HttpHandle();
    HttpHandle(const HttpHandle&) = delete;
    HttpHandle& operator=(const HttpHandle&) = delete;

    /// Forgets all that was set before; open connections stay. `call` and `target` must live until
    /// the request is over. Throws Error where libcurl refuses a value.
    void prepare(const HttpSettings& settings, const HttpCall& call, const HttpTarget& target);

    /// Until the transfer ends or a stop signal comes: CURLE_ABORTED_BY_CALLBACK then, at once.
    CURLcode transfer(const StopSignal& stop);

    template <typename Value>
    void set(CURLoption option, Value value) {
        check(option, curl_easy_setopt(easy_, option, value));
    }

    [[nodiscard]] CURL* easy() const { return easy_; }

  private:
    static void check(CURLoption option, CURLcode code);
    void set_text(CURLoption option, const std::string& value);  ///< not where it is empty
    void set_headers(const std::vector<std::string>& lines);
    void set_request(const HttpSettings& settings, const HttpCall& call);
    void set_credentials(const HttpSettings& settings, const HttpCall& call,
                         const HttpTarget& target);
    void set_trust(const HttpSettings& settings);
    void set_limits(const HttpSettings& settings, const HttpCall& call);

    CURLM* multi_;
    CURL* easy_;
    curl_slist* headers_ = nullptr;
};

}  // namespace ops
