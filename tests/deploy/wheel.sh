#!/usr/bin/env bash
# A wheel as its users meet it: fresh environments, five places, the demo from an empty folder.
set -euo pipefail
wheel=$(realpath "${1:?a wheel}")
echo "  $(basename "$wheel"), $(($(stat -c %s "$wheel") / 1024 / 1024)) MiB"
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
pip="$place/venv/bin/pip --disable-pip-version-check"
# As an environment's own script, by `python -m`, and found from Python.
$pip install --quiet "$wheel"
mkdir "$place/empty"
cd "$place/empty"
"$place/venv/bin/coldstart" --version
"$place/venv/bin/python" -m coldstart_sft --version >/dev/null
"$place/venv/bin/python" -c 'from coldstart_sft import find_coldstart_bin as f; print("  found at", f())'
"$place/venv/bin/coldstart" run --quiet --limit 40 --out run >/dev/null
"$place/venv/bin/coldstart" audit run >/dev/null
# By --target, as Ray's runtime_env and `pip install -t` do, and by --prefix.
$pip uninstall --quiet --yes coldstart-sft
$pip install --quiet --target "$place/target" "$wheel"
PYTHONPATH="$place/target" "$place/venv/bin/python" -m coldstart_sft --version >/dev/null
$pip install --quiet --prefix "$place/prefix" "$wheel"
site=$(echo "$place"/prefix/lib/python*/site-packages)
PYTHONPATH="$site" "$place/venv/bin/python" -m coldstart_sft --version >/dev/null
# From an environment that was made on top of one that has it: only the binary, no package.
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
# Each place counts by itself.
for folder in asked:
    os.path.isfile = lambda path, folder=folder: os.path.dirname(path) == folder
    assert os.path.dirname(find.find_coldstart_bin()) == folder
os.path.isfile = real
PY
echo "  installed into a fresh environment, by --target and by --prefix; the demo ran in an empty folder"
