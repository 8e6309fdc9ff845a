# shellcheck shell=bash
# What the set-up says: progress and problems, all on stderr.

say() {
  printf 'setup: %s\n' "$*" >&2
}

# Ends the set-up. Each argument is one line.
fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}
