#!/usr/bin/env bash
# Gets what the project needs to be built, tested and shown. Does nothing, and that quickly, when all is there.
# What it installs, where, and how to get rid of it: docs/setup.md
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
for part in say tools apt-private private-tools prometheus browser shells debian-tools newer-tools npm-packages; do
  # shellcheck source=/dev/null
  source "scripts/setup/$part.sh"
done

main() {
  mkdir -p .cache
  # Two at once (two terminals, say) would unpack into the same folders.
  exec 9>.cache/setup.lock
  flock 9
  if npm_packages_are_due; then
    setup_npm_packages
  fi
  if tools_are_due; then
    setup_debian_tools
  fi
  if newer_tools_are_due; then
    (load_tools_env && setup_newer_tools)
  fi
}

main "$@"
