#!/bin/sh
# Prints the path of uv, which the setups of the tests install with: it unpacks gigabytes with a fraction of
# pip's time. Installs it into target/venvs/uv where it is not there.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
uv=$root/target/venvs/uv/bin/uv
if [ ! -x "$uv" ]; then
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --target "$root/target/venvs/uv" uv==0.13.9 >&2
fi
echo "$uv"
