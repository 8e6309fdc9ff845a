# shellcheck shell=bash
# Chromium without a window, for the tests of the console alone. Needs say.sh, apt-private.sh, private-tools.sh and
# debian-tools.sh.

BROWSER_PACKAGE=chromium-headless-shell
BROWSER_DIR=$PWD/.cache/browser

browser_present() {
  [[ -x ${LAMEDUCK_CHROMIUM:-/usr/bin/chromium-headless-shell} || -x $BROWSER_DIR/bin/chromium-headless-shell ]]
}

# Unpacks it, with the libraries that the machine lacks, beside the other tools: those are left as they are.
unpack_browser() (
  PRIVATE_DIR=$BROWSER_DIR
  install_privately "$BROWSER_PACKAGE"
  # shellcheck disable=SC2016
  {
    [[ -d /etc/fonts ]] || printf 'export FONTCONFIG_PATH=%q\n' "$PRIVATE_DIR/root/etc/fonts"
    printf 'exec %q "$@"\n' "$(private_or_system /usr/lib/chromium/chromium-headless-shell)"
  } | write_program chromium-headless-shell
)

# Without it everything works but the tests that look at the console in a browser: they are skipped, and say so.
setup_browser() {
  if browser_present; then
    return
  fi
  say "getting $BROWSER_PACKAGE for the tests of the console"
  if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null || ! install_browser; then
    say "$BROWSER_PACKAGE is missing: the tests that need it will be skipped"
  fi
}

install_browser() {
  case $(way_of_installing) in
    system) as_root_apt "$BROWSER_PACKAGE" ;;
    *) unpack_browser ;;
  esac
}
