#!/usr/bin/env bash
# The ways in and the schedulers, with the real things. Usage: tests/deploy/run.sh BINARY
# What cannot be installed is skipped, and said; whatever else goes wrong fails. PROFILE is that of the wheel's binary
# (default: dev, which is built already); MATURIN adds to its build, for instance `--zig --compatibility manylinux2014`.
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=$(realpath "${1:?the coldstart binary}")
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
venv=$PWD/target/venvs/deploy
uv=$(tests/uv.sh) || { echo "skipped: uv, which installs all the rest, could not be installed" && exit 0; }
absent=$(tests/deploy/setup.sh)
has() { [[ "$absent" != *"$1"* ]] || { echo "skipped: $1 could not be installed" && false; }; }
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
say() { printf -- '- %s (%ss)\n' "$1" "$SECONDS"; }

say "the wheel"
if has maturin; then
    # shellcheck disable=SC2086
    (cd deploy/wheel && PATH=$venv/bin:$PATH maturin build --quiet --profile "${PROFILE:-dev}" ${MATURIN:-} --out "$wheels")
    tests/deploy/wheel.sh "$wheels"/*.whl
fi

say "\`cargo install\`"
cargo install --quiet --profile "${PROFILE:-dev}" --locked --path . --root "$wheels/cargo" --no-track
mkdir "$wheels/empty"
(cd "$wheels/empty" && ../cargo/bin/coldstart run --quiet --limit 10 --out run >/dev/null)
echo "  a dataset in an empty folder"

say "the image"
tests/deploy/image.sh "$binary"

say "the manifests"
if has kubernetes-validate; then "$venv/bin/python" tests/deploy/manifests.py; fi

say "the release workflow"
tests/deploy/workflow.sh

say "SLURM: an array, a lost task, the missing ones submitted again"
tests/deploy/slurm.sh "$binary"

say "Ray: two nodes, eight shards, one node killed, one drained"
if has maturin && has ray; then
    moto=$(tests/s3/setup.sh) || { echo "skipped: no S3 server" && exit 0; }
    "$uv" pip install -q --python "$venv/bin/python" --target "$wheels/site" "$wheels"/*.whl
    PYTHONPATH=$wheels/site "$venv/bin/python" tests/deploy/ray_check.py "$binary" "$moto"
fi
say "all of it"
