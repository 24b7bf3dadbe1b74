#!/usr/bin/env bash
# The wheel, Ray and the manifests, with the real things. Usage: tests/deploy/run.sh BINARY
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=$(realpath "${1:?the coldstart binary}")
venv=$PWD/target/venvs/deploy
if [ ! -x "$venv/bin/maturin" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check \
        maturin==1.16.0 kubernetes-validate==1.37.0 pyyaml ray==2.60.0 'moto[server]==5.2.5' || {
        rm -rf "$venv"
        echo "skipped: maturin, Ray and kubernetes-validate could not be installed"
        exit 0
    }
fi

echo "- the wheel"
wheels=$(mktemp -d)
# The profile of README's first command, so that nothing is built twice.
(cd deploy/wheel && CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-../../target}" \
    "$venv/bin/maturin" build --quiet --profile "${PROFILE:-quick}" --out "$wheels")
tests/deploy/wheel.sh "$wheels"/*.whl

echo "- the manifests"
"$venv/bin/python" tests/deploy/manifests.py

echo "- Ray: two nodes, eight shards, one node killed, one drained"
"$venv/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps "$wheels"/*.whl
RAY_USAGE_STATS_ENABLED=0 "$venv/bin/python" tests/deploy/ray_check.py "$binary" "$venv/bin/moto_server"
