# shellcheck shell=bash
# nginx, Gunicorn and their kin: decides whether they are due, and which of the two ways of getting them is open here.
# Needs say.sh, tools.sh, apt-private.sh, private-tools.sh, prometheus.sh, browser.sh and shells.sh.

TOOLS_STAMP=.cache/tools.stamp

setup_checksum() {
  cat scripts/setup.sh scripts/setup/*.sh scripts/newer-* | sha256sum
}

load_tools_env() {
  # shellcheck source=/dev/null
  [[ ! -r $TOOLS_ENV ]] || source "$TOOLS_ENV"
}

tools_are_due() {
  [[ $(cat "$TOOLS_STAMP" 2>/dev/null) != "$(setup_checksum)" ]] || ! (load_tools_env && tools_present)
}

is_root() {
  [[ $(id -u) -eq 0 ]]
}

has_sudo() {
  command -v sudo >/dev/null && sudo -n true 2>/dev/null
}

# Prints how packages are to be had: system or private. LAMEDUCK_SETUP decides where it is set.
way_of_installing() {
  case ${LAMEDUCK_SETUP:-auto} in
    system | private) printf '%s\n' "$LAMEDUCK_SETUP" ;;
    auto) if is_root || has_sudo; then printf 'system\n'; else printf 'private\n'; fi ;;
    *) fail "LAMEDUCK_SETUP must be auto, system or private: current value is \"$LAMEDUCK_SETUP\"" ;;
  esac
}

as_root_apt() {
  if is_root; then
    scripts/setup/apt-system.sh "$@" >&2
  else
    sudo -n env "http_proxy=${http_proxy:-}" "https_proxy=${https_proxy:-}" "$PWD/scripts/setup/apt-system.sh" "$@" >&2
  fi
}

# A set-up that was killed while apt ran could not take back what it had forbidden (see apt-system.sh).
clean_up_after_kill() {
  if grep -qsF 'set-up of Lameduck' /usr/sbin/policy-rc.d && { is_root || has_sudo; }; then
    as_root_apt
  fi
}

fail_without_apt() {
  fail "missing here: $*" \
    'these are the names of Debian packages, and there is no apt on this machine to install them' \
    'install nginx with ngx_http_lua_module and lua-resty-core, and for /usr/bin/python3: gunicorn, uvicorn, fastapi, uvloop, httptools' \
    'or say where they are: LAMEDUCK_NGINX, LAMEDUCK_NGINX_MODULES, LAMEDUCK_LUA_PATH, LAMEDUCK_GUNICORN (docs/setup.md)'
}

install_missing() {
  local way
  way=$(way_of_installing)
  if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    fail_without_apt "$@"
  elif [[ $way == system ]]; then
    say "installing with apt: $*"
    as_root_apt "$@"
  else
    install_privately "$@"
    write_private_tools
  fi
}

verify_tools() {
  load_tools_env
  nginx_works || fail "nginx does not load the Lua module: $(nginx_binary) with the modules of $(nginx_modules)"
  gunicorn_works || fail "Python cannot load what the FastAPI nodes need: $PYTHON_IMPORTS"
}

setup_debian_tools() {
  local missing
  clean_up_after_kill
  if ! (load_tools_env && nginx_works && gunicorn_works) 2>/dev/null; then
    rm -f "$TOOLS_ENV" "$TOOLS_STAMP"
    mapfile -t missing < <(missing_packages)
    [[ ${#missing[@]} -eq 0 ]] || install_missing "${missing[@]}"
    (verify_tools)
  fi
  setup_prometheus
  setup_browser
  setup_shells
  setup_checksum >"$TOOLS_STAMP"
}
