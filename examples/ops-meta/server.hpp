// The HTTP side of ops-meta: routes, admission, threads.
#pragma once

#include <string>

#include "desired_file.hpp"
#include "digests.hpp"
#include "hosts.hpp"
#include "http_library.hpp"
#include "journal.hpp"
#include "options.hpp"
#include "page.hpp"

namespace meta {

class Server {
  public:
    /// Reads the desired file; throws std::runtime_error where that cannot be used.
    Server(const Options& options, Journal& journal);

    /// Binds and returns the port; clients that connect from now on are answered once run()
    /// is called. Throws std::runtime_error.
    int bind();

    /// Answers until stop(). False where the listening socket failed.
    bool run();

    /// Makes run() return: no new connections, idle ones are closed at once, requests that are
    /// being answered have two seconds. From another thread than run()'s.
    void stop();

  private:
    /// The library listens with a backlog of 5, too few for a fleet's cron tick.
    class Listener : public httplib::Server {
      public:
        void deepen_backlog() { ::listen(svr_sock_, 1024); }
    };
    using Request = httplib::Request;
    using Response = httplib::Response;

    void add_routes();
    bool admit(const Request& request, Response& response);
    void heartbeat(const Request& request, Response& response,
                   const httplib::ContentReader& content);
    void answer(const Request& request, Response& response, Report report);
    [[nodiscard]] bool has_token(const Request& request) const;
    [[nodiscard]] std::string own_tarballs(const Request& request) const;
    View view();
    void log(const Request& request, const Response& response);

    const Options options_;
    Journal& journal_;
    DesiredFile desired_;
    Digests digests_;
    Hosts hosts_;
    Listener http_;
    int port_ = 0;
    std::atomic<bool> ended_ = false;
};

}  // namespace meta
