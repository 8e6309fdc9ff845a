# shellcheck shell=bash
# zsh and fish, for the tests of the completion alone: 8 MB to fetch. Needs say.sh and debian-tools.sh.

shells_present() {
  command -v zsh >/dev/null && command -v fish >/dev/null
}

# Only for the whole machine: unpacked into a folder they would not find their own functions. Without them everything
# works but the tests that ask them, which are skipped, and say so.
setup_shells() {
  if shells_present; then
    return
  fi
  if ! command -v apt-get >/dev/null || [[ $(way_of_installing) != system ]] || ! as_root_apt zsh fish; then
    say 'zsh or fish is missing: the tests of their completion will be skipped'
  fi
}
