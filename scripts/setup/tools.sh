# shellcheck shell=bash
# The programs beside Node that the project needs: are they there, and do they really work?
# A value that the caller has set (LAMEDUCK_NGINX and the like) is honoured, as in the product itself.

NGINX_PACKAGES=(nginx libnginx-mod-http-lua)
PYTHON_PACKAGES=(gunicorn python3-uvicorn python3-fastapi python3-uvloop python3-httptools)
NGINX_MODULES=(ndk_http_module.so ngx_http_lua_module.so)
PYTHON_IMPORTS='import gunicorn, uvicorn, fastapi, uvloop, httptools'

# Prints the nginx binary's path. An ordinary user's PATH often lacks /usr/sbin.
nginx_binary() {
  if [[ -n ${LAMEDUCK_NGINX:-} ]]; then
    printf '%s\n' "$LAMEDUCK_NGINX"
  else
    command -v nginx || printf '/usr/sbin/nginx\n'
  fi
}

nginx_modules() {
  printf '%s\n' "${LAMEDUCK_NGINX_MODULES:-/usr/lib/nginx/modules}"
}

gunicorn_script() {
  printf '%s\n' "${LAMEDUCK_GUNICORN:-/usr/bin/gunicorn}"
}

# Whether the files are in their places: takes milliseconds, so it is asked before every run.
tools_present() {
  local module
  [[ -x $(nginx_binary) && -x $(gunicorn_script) ]] || return 1
  for module in "${NGINX_MODULES[@]}"; do
    [[ -r $(nginx_modules)/$module ]] || return 1
  done
}

# Writes a configuration that needs all that the product needs of nginx: both modules, and Lua's own library.
write_probe_conf() {
  local folder=$1 module temp
  for module in "${NGINX_MODULES[@]}"; do
    printf 'load_module "%s/%s";\n' "$(nginx_modules)" "$module"
  done
  printf 'pid "%s/nginx.pid";\nevents {}\nhttp {\naccess_log off;\n' "$folder"
  for temp in client_body proxy fastcgi uwsgi scgi; do
    printf '%s_temp_path "%s/%s";\n' "$temp" "$folder" "$temp"
  done
  [[ -z ${LAMEDUCK_LUA_PATH:-} ]] || printf 'lua_package_path "%s";\n' "$LAMEDUCK_LUA_PATH"
  printf 'init_by_lua_block { require "resty.core" }\n}\n'
}

# Whether nginx loads the Lua module. Its complaint goes to stderr.
nginx_works() {
  local folder status=0
  [[ -x $(nginx_binary) ]] || return 1
  folder=$(mktemp -d)
  write_probe_conf "$folder" >"$folder/nginx.conf"
  "$(nginx_binary)" -t -q -e stderr -p "$folder" -c "$folder/nginx.conf" || status=1
  rm -rf "$folder"
  return "$status"
}

# Whether Gunicorn and what the FastAPI nodes import can be loaded. Debian's Python is asked, not the one on
# PATH: Debian's gunicorn script names /usr/bin/python3, whatever pyenv or the like put in front.
gunicorn_works() {
  if [[ -n ${LAMEDUCK_GUNICORN:-} ]]; then
    "$LAMEDUCK_GUNICORN" --version >/dev/null && "$(dirname "$LAMEDUCK_GUNICORN")/python3" -c "$PYTHON_IMPORTS"
  else
    [[ -x /usr/bin/gunicorn && -x /usr/bin/python3 ]] && /usr/bin/python3 -c "$PYTHON_IMPORTS"
  fi
}

# Prints the names of the packages that are missing here, one a line.
missing_packages() {
  nginx_works 2>/dev/null || printf '%s\n' "${NGINX_PACKAGES[@]}"
  gunicorn_works 2>/dev/null || printf '%s\n' "${PYTHON_PACKAGES[@]}"
}
