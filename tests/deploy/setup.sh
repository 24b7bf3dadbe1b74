#!/bin/sh
# Installs what tests/deploy/run.sh works with into target/venvs/deploy; prints what could not be installed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
env=$here/../../target/venvs/deploy
uv=$("$here/../uv.sh")
[ -x "$env/bin/python" ] || "$uv" venv -q --python "$(command -v python3)" "$env"
for package in maturin==1.16.0 'kubernetes-validate==1.37.0 pyyaml' ray==2.60.0; do
    # shellcheck disable=SC2086
    "$uv" pip install -q --python "$env/bin/python" $package || echo "$package"
done
