#!/usr/bin/env bash
# nginx and Gunicorn as they are upstream now, for the tests alone, from Python packages into .cache. As good as can be:
# what cannot be had here is noted, and asked for again only when the set-up has changed.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=/dev/null
source scripts/setup/say.sh

get_newer() {
  local tool=$1 later="the tests with a newer $1 will be skipped (later: scripts/newer-$1.sh)"
  [[ -e .cache/newer-$tool ]] || say "getting a newer $tool for the tests into .cache/newer-$tool"
  if ! python3 -m pip --version >/dev/null 2>&1; then
    say "there is no pip for python3: $later"
  elif ! timeout 300 "scripts/newer-$tool.sh" >&2; then
    rm -rf ".cache/newer-$tool"
    say "a newer $tool is not to be had here: $later"
  fi
}

for tool in nginx gunicorn; do
  get_newer "$tool"
done
