# shellcheck shell=bash
# Makes the packages that apt-private.sh unpacked usable from where they lie: a small script for each program sets what
# that program alone needs, and .cache/tools.env tells the product where the scripts are. Needs tools.sh and
# apt-private.sh.

TOOLS_ENV=.cache/tools.env

# Prints the path of a file of the unpacked tree, or the machine's own where that one was installed already.
private_or_system() {
  if [[ -e $PRIVATE_DIR/root$1 ]]; then
    printf '%s\n' "$PRIVATE_DIR/root$1"
  else
    printf '%s\n' "$1"
  fi
}

private_libraries() {
  local folder list=''
  for folder in "$PRIVATE_DIR"/root/{usr/,}lib/*-linux-gnu*; do
    [[ ! -d $folder ]] || list+=${list:+:}$folder
  done
  printf '%s\n' "$list"
}

# write_program NAME: makes .cache/debian/bin/NAME from the lines on stdin. The libraries are set here and not in
# tools.env, because they are no business of any other program.
write_program() {
  local file=$PRIVATE_DIR/bin/$1
  mkdir -p "$PRIVATE_DIR/bin"
  {
    # shellcheck disable=SC2016 # the variable belongs to the written script
    printf '#!/bin/bash\nexport LD_LIBRARY_PATH=%q${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\n' "$(private_libraries)"
    cat
  } >"$file"
  chmod 755 "$file"
}

# write_setting NAME VALUE: a line of tools.env. What the caller's environment says comes first.
write_setting() {
  # shellcheck disable=SC2016
  printf '[[ -n ${%s:-} ]] || export %s=%q\n' "$1" "$1" "$2" >>"$TOOLS_ENV"
}

link_modules() {
  local module
  mkdir -p "$PRIVATE_DIR/modules"
  for module in "${NGINX_MODULES[@]}"; do
    ln -sf "$(private_or_system "/usr/lib/nginx/modules/$module")" "$PRIVATE_DIR/modules/$module"
  done
}

# nginx starts its own successor (USR2) by its argument 0 and with an empty environment: so that one names the script.
write_nginx() {
  local lua=$PRIVATE_DIR/root/usr/share/lua/5.1
  # shellcheck disable=SC2016
  printf 'exec -a "$0" %q "$@"\n' "$(private_or_system /usr/sbin/nginx)" | write_program nginx
  link_modules
  write_setting LAMEDUCK_NGINX "$PRIVATE_DIR/bin/nginx"
  write_setting LAMEDUCK_NGINX_MODULES "$PRIVATE_DIR/modules"
  write_setting LAMEDUCK_LUA_PATH "$lua/?.lua;$lua/?/init.lua;;"
}

# Prints the folders of Python modules. A machine can have half of Python (python3-minimal, or only the library that
# another program needed), so the standard library may lie in both trees; a Python that is not in /usr/bin must be told.
private_python_path() {
  local folder list='' python tree trees=("$PRIVATE_DIR/root") version
  python=$(private_or_system /usr/bin/python3)
  version=$(basename "$(readlink -f "$python")")
  [[ $python == /usr/bin/python3 ]] || trees+=('')
  for tree in "${trees[@]}"; do
    for folder in "$tree/usr/lib"/{python3/dist-packages,"$version","$version/lib-dynload"}; do
      [[ ! -d $folder ]] || list+=${list:+:}$folder
    done
  done
  printf '%s\n' "$list"
}

write_gunicorn() {
  # shellcheck disable=SC2016
  printf 'export PYTHONPATH=%q${PYTHONPATH:+:$PYTHONPATH}\nexec %q "$@"\n' \
    "$(private_python_path)" "$(private_or_system /usr/bin/python3)" | write_program python3
  # shellcheck disable=SC2016
  printf 'exec %q %q "$@"\n' "$PRIVATE_DIR/bin/python3" "$(private_or_system /usr/bin/gunicorn)" |
    write_program gunicorn
  write_setting LAMEDUCK_GUNICORN "$PRIVATE_DIR/bin/gunicorn"
}

write_private_tools() {
  printf '# Written by scripts/setup.sh: where the unpacked Debian packages are. Read by scripts/with-tools.sh\n' >"$TOOLS_ENV"
  nginx_works 2>/dev/null || write_nginx
  gunicorn_works 2>/dev/null || write_gunicorn
  # shellcheck disable=SC2016
  printf 'export PATH=%q:$PATH\n' "$PRIVATE_DIR/bin" >>"$TOOLS_ENV"
}
