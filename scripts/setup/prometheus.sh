# shellcheck shell=bash
# Prometheus and promtool, for the tests of the metrics alone. Debian's package has both; what it depends on is the
# look of its pages. So the two programs are taken out of it, into .cache/prometheus, as root too.
# Needs say.sh and apt-private.sh.

PROMETHEUS_DIR=.cache/prometheus

prometheus_present() {
  local path=$PATH:$PWD/$PROMETHEUS_DIR/usr/bin
  PATH=$path command -v prometheus >/dev/null && PATH=$path command -v promtool >/dev/null
}

unpack_prometheus() {
  local folder
  folder=$(mktemp -d "$PWD/.cache/prometheus.XXXXXX")
  # apt fetches as a user of its own where it may, who must be able to write there
  chmod 755 "$folder"
  if (cd "$folder" && download_package prometheus) &&
    dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb |
    tar --extract --directory "$folder" ./usr/bin/prometheus ./usr/bin/promtool; then
    rm -rf "$folder"/*.deb "$PRIVATE_DIR/apt" "$PROMETHEUS_DIR"
    mv "$folder" "$PROMETHEUS_DIR"
  else
    rm -rf "$folder" "$PRIVATE_DIR/apt"
    return 1
  fi
}

# Without it everything works but the tests that ask a real Prometheus: they are skipped, and say so.
setup_prometheus() {
  if prometheus_present; then
    return
  fi
  say 'unpacking prometheus and promtool from their Debian package into .cache/prometheus'
  if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null || ! unpack_prometheus; then
    say 'prometheus and promtool are missing: the tests that need them will be skipped'
  fi
}
