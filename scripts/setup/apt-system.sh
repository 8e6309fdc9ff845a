#!/usr/bin/env bash
# Installs Debian packages for the whole machine. Runs as root: apt-system.sh PACKAGE...
# Without a package it only cleans up after an earlier one that was killed.
#
# Debian's nginx package starts a server on port 80 when it is installed. Nobody asked for that one, so its start is
# forbidden for as long as the installation takes, in Debian's own way: /usr/sbin/policy-rc.d answers 101. A
# policy-rc.d that was here before is put back whatever happens.
set -euo pipefail

readonly POLICY=/usr/sbin/policy-rc.d
readonly SAVED=/usr/sbin/policy-rc.d.before-lameduck
readonly MARK='# Written by the set-up of Lameduck for the time of one installation'

# Undoes forbid_starts. Also called first, for a set-up that was killed before it could do so itself.
allow_starts() {
  if [[ -e $SAVED ]]; then
    mv -f "$SAVED" "$POLICY"
  elif [[ -e $POLICY ]] && grep -qxF "$MARK" "$POLICY"; then
    rm -f "$POLICY"
  fi
}

starts_are_forbidden() {
  local status=0
  [[ -x $POLICY ]] || return 1
  "$POLICY" nginx start >/dev/null 2>&1 || status=$?
  [[ $status -eq 101 ]]
}

forbid_starts() {
  if starts_are_forbidden; then
    return
  fi
  trap allow_starts EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [[ -e $POLICY ]]; then
    cp -a "$POLICY" "$SAVED"
  fi
  printf '#!/bin/sh\n%s\nexit 101\n' "$MARK" >"$POLICY.new"
  chmod 755 "$POLICY.new"
  mv -f "$POLICY.new" "$POLICY"
}

install_packages() {
  apt-get install --yes --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@"
}

# The lists of a fresh machine are empty, and old ones name packages that are gone: both need an update, which is
# left out where it is not needed. A source that fails need not be one that we want, so that is no reason to stop.
install_with_lists() {
  install_packages "$@" && return
  apt-get update || true
  install_packages "$@"
}

nginx_is_installed() {
  dpkg-query --show --showformat='${db:Status-Status}' nginx 2>/dev/null | grep -qx installed
}

main() {
  local had_nginx=no
  export DEBIAN_FRONTEND=noninteractive
  ! nginx_is_installed || had_nginx=yes
  allow_starts
  [[ $# -gt 0 ]] || return 0
  forbid_starts
  install_with_lists "$@"
  # Nor shall it start with the machine's next boot. A server that was here before us is not ours to change.
  if [[ $had_nginx == no ]] && nginx_is_installed; then
    update-rc.d nginx disable || true
  fi
}

main "$@"
