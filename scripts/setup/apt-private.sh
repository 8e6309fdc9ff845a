# shellcheck shell=bash
# Debian packages without root: fetched by the machine's own apt and unpacked into .cache/debian/root, so nothing
# outside the project changes. Needs say.sh.

PRIVATE_DIR=$PWD/.cache/debian

# apt with its lists and downloads in our folder. What is installed is still read from the machine: only what is
# missing here is fetched.
private_apt() {
  local command=$1
  shift
  apt-get "$command" -o Dir::State="$PRIVATE_DIR/apt/state" -o Dir::State::status=/var/lib/dpkg/status \
    -o Dir::Cache="$PRIVATE_DIR/apt/cache" -o Debug::NoLocking=true -o APT::Sandbox::User=root "$@"
}

# Prints NAME=VERSION for each package that apt would install: the wanted ones, and what they depend on as far as the
# machine lacks it. The C library stays the machine's own, because two of them do not fit in one process.
closure_of() {
  private_apt install --simulate --no-install-recommends "$@" |
    sed -nE 's/^Inst ([^ ]+) (\[[^]]*\] )?\(([^ ]+) .*/\1=\3/p' |
    grep -vE '^libc(6|-bin)[:=]'
}

# Downloads a package alone into the current folder: with the lists of the machine, or with our own where it has none.
download_package() {
  apt-get download -qq -o APT::Sandbox::User=root "$1" >&2 && return
  mkdir -p "$PRIVATE_DIR"/apt/state/lists/partial "$PRIVATE_DIR"/apt/cache/archives/partial
  private_apt update -qq >&2 || true
  private_apt download -qq "$1" >&2
}

# Downloads the packages named NAME=VERSION and unpacks them into one tree.
unpack_packages() {
  local archive
  mkdir -p "$PRIVATE_DIR"/{archives,root.new}
  (cd "$PRIVATE_DIR/archives" && private_apt download -qq "$@")
  for archive in "$PRIVATE_DIR"/archives/*.deb; do
    dpkg-deb --extract "$archive" "$PRIVATE_DIR/root.new"
  done
  mv "$PRIVATE_DIR/root.new" "$PRIVATE_DIR/root"
}

# Makes the named packages usable below .cache/debian, in place of what an earlier set-up unpacked there.
install_privately() {
  local closure
  rm -rf "$PRIVATE_DIR"
  mkdir -p "$PRIVATE_DIR"/apt/state/lists/partial "$PRIVATE_DIR"/apt/cache/archives/partial
  say 'reading the lists of the Debian packages'
  private_apt update -qq || say 'a package source failed: going on with the others'
  mapfile -t closure < <(closure_of "$@")
  [[ ${#closure[@]} -gt 0 ]] || fail "apt cannot install $*: its own message is above"
  say "unpacking ${#closure[@]} Debian packages into ${PRIVATE_DIR#"$PWD"/}"
  unpack_packages "${closure[@]}"
  rm -rf "$PRIVATE_DIR"/{apt,archives}
}
