#!/bin/sh
# The programs that only tests need, unpacked under build/tools: nothing is installed, no service starts.
set -eu
cd "$(dirname "$0")/../.."
tests/tools/unpack.sh build/tools/nginx nginx
tests/tools/unpack.sh build/tools/minisign minisign
tests/tools/unpack.sh build/tools/prometheus prometheus
