#!/bin/bash
# The metrics of a real pass, as promtool sees them.
# usage: metrics.sh OPS_UPDATER
set -eu
updater=$(realpath "$1")
cd "$(dirname "$0")/../.."
promtool=build/tools/prometheus/usr/bin/promtool
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/ops/falcon-agent/1.0.0"
echo 1.0.0 >"$work/ops/falcon-agent/.version"
printf '#!/bin/sh\necho started\n' >"$work/ops/falcon-agent/1.0.0/control"
chmod +x "$work/ops/falcon-agent/1.0.0/control"
cat >"$work/desired.json" <<'JSON'
[{"name": "falcon-agent", "version": "1.0.0", "cmd": "start", "tarball": "http://127.0.0.1:9/x"}]
JSON
printf 'metrics_file: %s\n' "$work/metrics.prom" >"$work/config.yaml"

"$updater" --config "$work/config.yaml" --ops-dir "$work/ops" --desired "$work/desired.json"
"$promtool" check metrics <"$work/metrics.prom"
[ "$(stat -c %a "$work/metrics.prom")" = 644 ]
for metric in ops_updater_last_pass_timestamp_seconds ops_updater_last_success_timestamp_seconds \
    ops_updater_pass_duration_seconds 'ops_updater_agent_up{name="falcon-agent",version="1.0.0"} 1' \
    'ops_updater_agent_in_sync{name="falcon-agent"} 1'; do
    grep -qF "$metric" "$work/metrics.prom" || { echo "missing: $metric"; exit 1; }
done
