#!/usr/bin/env bash
# A wheel as its users meet it: fresh environments by uv and pip, five places, the demo from an empty folder.
# Usage: tests/deploy/wheel.sh WHEEL
set -euo pipefail
wheel=$(realpath "${1:?a wheel}")
uv=$("$(dirname "$0")/../uv.sh")
echo "  $(basename "$wheel"), $(($(stat -c %s "$wheel") / 1024 / 1024)) MiB"
python3 - "$wheel" <<'PY'
import json, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
(bom,) = [name for name in wheel.namelist() if ".dist-info/sboms/" in name]
parts = {part["name"] for part in json.loads(wheel.read(bom))["components"]}
assert {"tokio", "parquet", "rustls"} <= parts, parts
print("  its SBOM names", len(parts), "crates")
PY
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/empty"
cd "$place/empty"

# As a tool: one command more to the dataset.
begun=$SECONDS
UV_TOOL_DIR=$place/tools UV_TOOL_BIN_DIR=$place/bin "$uv" tool install --quiet --python "$(command -v python3)" "$wheel"
"$place/bin/coldstart" --version
"$place/bin/coldstart" run --quiet --limit "${LIMIT:-40}" --out run >/dev/null
echo "  from \`uv tool install\` to a dataset in an empty folder: $((SECONDS - begun)) s"
"$place/bin/coldstart" audit run >/dev/null

# By pip, as an environment's own script, by `python -m`, and found from Python.
python3 -m venv "$place/venv"
pip="$place/venv/bin/pip --disable-pip-version-check"
$pip install --quiet "$wheel"
"$place/venv/bin/coldstart" --version >/dev/null
"$place/venv/bin/python" -m coldstart_sft --version >/dev/null
"$place/venv/bin/python" -c 'from coldstart_sft import find_coldstart_bin as f; print("  found at", f())'
# By --target, as Ray's runtime_env and `pip install -t` do, and by --prefix.
$pip uninstall --quiet --yes coldstart-sft
$pip install --quiet --target "$place/target" "$wheel"
PYTHONPATH="$place/target" "$place/venv/bin/python" -m coldstart_sft --version >/dev/null
$pip install --quiet --prefix "$place/prefix" "$wheel"
site=$(echo "$place"/prefix/lib/python*/site-packages)
PYTHONPATH="$site" "$place/venv/bin/python" -m coldstart_sft --version >/dev/null
# Each of the five places counts by itself, and when there is none they are all told.
"$place/venv/bin/python" - "$site" <<'PY'
import os, sys
sys.path.insert(0, sys.argv[1])
import coldstart_sft._find_coldstart as find
asked = list(find._folders())
assert len(asked) >= 5, asked
real = os.path.isfile
os.path.isfile = lambda path: False
try:
    find.find_coldstart_bin()
    raise SystemExit("found what is not there")
except FileNotFoundError as error:
    assert str(error).count("\n") >= 4, error
for folder in asked:
    os.path.isfile = lambda path, folder=folder: os.path.dirname(path) == folder
    assert os.path.dirname(find.find_coldstart_bin()) == folder
os.path.isfile = real
PY
# By `uv run --with`, where nothing is installed.
"$uv" run --quiet --no-project --python "$(command -v python3)" --with "$wheel" python -m coldstart_sft --version >/dev/null
echo "  by uv as a tool and for one command, by pip, by --target and by --prefix"
