#!/usr/bin/env bash
# The wheel, the manifests, SLURM and Ray, with the real things. Usage: tests/deploy/run.sh BINARY
# PROFILE is that of the wheel's binary (default: dev, which is built already).
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=$(realpath "${1:?the coldstart binary}")
venv=$PWD/target/venvs/deploy
tests/deploy/setup.sh || {
    echo "skipped: maturin, Ray and kubernetes-validate could not be installed"
    exit 0
}
uv=$(tests/uv.sh)

echo "- the wheel"
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
(cd deploy/wheel && CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-../../target}" \
    "$venv/bin/maturin" build --quiet --profile "${PROFILE:-dev}" --out "$wheels")
tests/deploy/wheel.sh "$wheels"/*.whl

echo "- \`cargo install\`"
CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}" cargo install --quiet --debug --locked --path . --root "$wheels/cargo" \
    --no-track
(cd "$wheels" && cargo/bin/coldstart run --quiet --limit 10 --out run >/dev/null && echo "  a dataset in an empty folder")

echo "- the image, as far as it can be tried without a container engine"
tests/deploy/image.sh "$binary"

echo "- the manifests"
"$venv/bin/python" tests/deploy/manifests.py

echo "- SLURM: an array, a lost task, the missing ones submitted again"
tests/deploy/slurm.sh "$binary"

echo "- Ray: two nodes, eight shards, one node killed, one drained"
"$uv" pip install -q --python "$venv/bin/python" --reinstall --no-deps "$wheels"/*.whl
if moto=$(tests/s3/setup.sh); then
    RAY_USAGE_STATS_ENABLED=0 "$venv/bin/python" tests/deploy/ray_check.py "$binary" "$moto"
else
    echo "skipped: no S3 server"
fi
