# shellcheck shell=bash
# nginx and Gunicorn as they are upstream now, for the tests alone, from Python packages into .cache. As good as can be:
# what cannot be had here is noted with the reason, which the tests that are skipped for it tell, and is asked for again a day
# later, or when the set-up has changed. Needs say.sh, apt-private.sh, prometheus.sh, private-tools.sh and debian-tools.sh.

NEWER_TOOLS=(nginx gunicorn)
PIP_DIR=$PWD/.cache/pip
# where Debian's python3 is, whatever pyenv or the like put in front
DEBIAN_BIN=/usr/bin

newer_note() {
  printf '.cache/newer-%s.missing\n' "$1"
}

# Whether it is there: files only, so it is asked before every run.
newer_tool_present() {
  local folder=.cache/newer-$1 first=''
  case $1 in
    nginx) [[ -n ${LAMEDUCK_NGINX_NEWER:-} || -x $folder/nginx ]] ;;
    gunicorn)
      [[ -z ${LAMEDUCK_GUNICORN_NEWER:-} ]] || return 0
      [[ -r $folder/wanted.txt && $(<"$folder/wanted.txt") == "$(<scripts/newer-gunicorn.txt)" ]] || return 1
      # a folder that was moved has programs that name a Python which is no longer there
      read -r first <"$folder/bin/gunicorn" 2>/dev/null && [[ -x ${first#\#!} ]]
      ;;
  esac
}

# Whether it was asked for in vain, less than a day ago, by this very set-up.
newer_tool_is_noted() {
  local note
  note=$(newer_note "$1")
  [[ $(sed -n 2p "$note" 2>/dev/null) == "$(setup_checksum)" && -n $(find "$note" -mmin -1440) ]]
}

newer_tools_are_due() {
  local tool
  for tool in "${NEWER_TOOLS[@]}"; do
    newer_tool_present "$tool" || newer_tool_is_noted "$tool" || return 0
  done
  return 1
}

# Runs a command with a python3 that has pip: that of the PATH, Debian's, or the latter with the pip that was unpacked.
# Without a command it only tells whether there is one.
with_pip() {
  local settings
  for settings in '' "PATH=$DEBIAN_BIN:$PATH" "PYTHONPATH=$PIP_DIR/usr/lib/python3/dist-packages"; do
    if env ${settings:+"$settings"} python3 -m pip --version >/dev/null 2>&1; then
      [[ $# -eq 0 ]] || env ${settings:+"$settings"} "$@"
      return
    fi
  done
  return 1
}

unpack_pip() {
  rm -rf "$PIP_DIR"
  mkdir -p "$PIP_DIR"
  chmod 755 "$PIP_DIR"
  (cd "$PIP_DIR" && download_package python3-pip) && dpkg-deb --extract "$PIP_DIR"/python3-pip_*.deb "$PIP_DIR" &&
    rm -rf "$PIP_DIR"/*.deb "$PRIVATE_DIR/apt"
}

setup_pip() {
  if with_pip; then
    return
  fi
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  say 'getting python3-pip, which gets a newer nginx and Gunicorn for the tests'
  case $(way_of_installing) in
    system) as_root_apt python3-pip ;;
    *) unpack_pip ;;
  esac
  with_pip
}

note_newer() {
  local tool=$1 reason=$2
  say "a newer $tool is not to be had here: the tests with it will be skipped (later: scripts/newer-$tool.sh): $reason"
  printf '%s\n%s\n' "$reason" "$(setup_checksum)" >"$(newer_note "$tool")"
}

get_newer() {
  local tool=$1 output status=0
  say "getting a newer $tool for the tests into .cache/newer-$tool"
  output=$(with_pip timeout 300 "scripts/newer-$tool.sh" 2>&1) || status=$?
  if [[ $status -eq 0 ]]; then
    rm -f "$(newer_note "$tool")"
    return
  fi
  rm -rf ".cache/newer-$tool"
  [[ $status -ne 124 ]] || output='no end within 300 s'
  note_newer "$tool" "$(grep -v '^$' <<<"$output" | tail -n 1)"
}

setup_newer_tools() {
  local tool
  for tool in "${NEWER_TOOLS[@]}"; do
    if newer_tool_present "$tool"; then
      continue
    elif setup_pip; then
      get_newer "$tool"
    else
      note_newer "$tool" 'there is no pip for python3 (Debian: python3-pip)'
    fi
  done
}
