// What --help prints: at most 80 columns, and every option that cli.cpp knows.
#pragma once

namespace ops {

inline constexpr const char* help_text =
    R"(Usage: ops-updater [OPTION]...
Keep the agents of this host at the versions and run states that ops-meta wants.

One start is one pass: lock the ops dir, wait the splay, look at every agent,
report, receive the desired state, reconcile, exit. Cron or a systemd timer
starts it. Options win over the configuration file.

What to do:
  --once                One pass now: no splay.
  --dry-run             Print the plan and change nothing on this host. The
                        report is still sent: its answer is the desired state.
  --status              Print what is here and what went wrong last. Offline;
                        takes no lock.
  --agent NAME          Handle only this agent; may be repeated. The report
                        stays complete. [default: all agents]
  --retry               Try versions that failed again now.

Where:
  --server ADDR         ops-meta: host:port or an http(s) URL. Without a scheme
                        it is http://, without a path /heartbeat.
  --desired FILE        Take the desired state from FILE (-: stdin); no report,
                        no splay.
  --ops-dir DIR         The directory that holds everything.
                        [default: the folder of this program]
  --config FILE         The configuration. [default: ops-updater.yaml beside
                        this program, else /etc/ops-updater.yaml, else none]
  --hostname NAME       The name to report. [default: this host's]

When:
  --interval SECS       The period that cron or the timer runs at.
                        [default: 300]
  --splay SECS          Wait a random time shorter than this.
                        [default: 80 % of the interval]

Output:
  --format text|json    Of --dry-run and --status. [default: text]
  --debug[=true|false]  Log every request, answer and command, never a secret.
                        [default: false]
  -h, --help            Print this.
  --version             Print the version.

Exit codes:
    0  converged: everything is as desired, held agents included
    1  an agent or an entry of the answer failed, or a bad version is waited out
   64  wrong command line
   69  ops-meta is unreachable, or its answer is unusable
   75  another pass or program holds the ops dir
   78  bad configuration, or a failed startup check
  128+N  ended by signal N

Examples:
  ops-updater --server meta.example.com:2200 --dry-run
      See what a pass would do, and why.
  ops-updater --server meta.example.com:2200 --once --agent falcon-agent
      Bring one agent to its desired state now.
  ops-updater --status
      See what runs here, what is held and what failed.

Files:
  /etc/ops-updater.yaml           configuration, if none lies beside the program
  OPS-DIR/AGENT/.version          the version in use
  OPS-DIR/AGENT/.hold             an operator's reason to leave the agent alone
  OPS-DIR/AGENT/control.log       what the agent's start printed

The manual has the rest: man ops-updater
)";

}  // namespace ops
