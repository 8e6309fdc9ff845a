#!/usr/bin/env bash
# Runs a command with the project's own Node and the tools that the set-up provided: with-tools.sh COMMAND ARG...
# It becomes that command, so that signals reach it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PATH=$root/node_modules/.bin:$PATH
if [[ -r $root/.cache/tools.env ]]; then
  # shellcheck source=/dev/null
  source "$root/.cache/tools.env"
fi
# for the tests of the metrics; the machine's own come first
export PATH=$PATH:$root/.cache/prometheus/usr/bin
# for the tests of the console, where it was unpacked
if [[ -z ${LAMEDUCK_CHROMIUM:-} && -x $root/.cache/browser/bin/chromium-headless-shell ]]; then
  export LAMEDUCK_CHROMIUM=$root/.cache/browser/bin/chromium-headless-shell
fi
exec "$@"
