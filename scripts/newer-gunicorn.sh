#!/usr/bin/env bash
# Brings Gunicorn, Uvicorn and FastAPI as they are upstream now, for the tests that say "current"; without them those are
# left out. They go into a virtual environment, .cache/newer-gunicorn/; nothing is installed. It needs pip, and no ensurepip.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly target=$PWD/.cache/newer-gunicorn
readonly wanted=scripts/newer-gunicorn.txt

# a folder that was moved has programs that name a Python which is no longer there
if cmp -s "$wanted" "$target/wanted.txt" && "$target/bin/gunicorn" --version >/dev/null 2>&1; then
  exit 0
fi
rm -rf "$target" "$target.missing"
python3 -m venv --without-pip "$target"
python3 -m pip --python "$target/bin/python3" --disable-pip-version-check --retries 1 --timeout 10 \
  install --quiet --no-deps --only-binary :all: --requirement "$wanted"
"$target/bin/gunicorn" --version
cp "$wanted" "$target/wanted.txt"
