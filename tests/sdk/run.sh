#!/bin/sh
# The official SDKs against `coldstart sim`; with `litellm` as second argument also the demo through
# the LiteLLM proxy. What cannot be installed is skipped, and said so.
#   run.sh COLDSTART [litellm]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
coldstart=$1
work=$(mktemp -d)
trap 'kill $pids 2>/dev/null || true; rm -rf "$work"' EXIT
pids=""

"$coldstart" sim --port 0 >"$work/url" 2>"$work/sim.log" &
pids="$pids $!"
until [ -s "$work/url" ]; do sleep 0.1; done
url=$(cat "$work/url")

venvs=${COLDSTART_VENVS:-$here/../../target/venvs}
mkdir -p "$venvs"
if python=$("$here/setup.sh" "$venvs/sdk" openai google-genai); then
    "$python" "$here/official.py" "$url"
else
    echo "skipped: the SDKs could not be installed from PyPI"
fi

[ "${2:-}" = litellm ] || exit 0
if ! python=$("$here/setup.sh" "$venvs/litellm" 'litellm[proxy]'); then
    echo "skipped: LiteLLM could not be installed from PyPI"
    exit 0
fi
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
sed "s|@SIM@|$url|" "$here/litellm.yaml" >"$work/litellm.yaml"
LITELLM_MASTER_KEY=sk-$("$python" -c 'import secrets; print(secrets.token_hex(32))')
export LITELLM_MASTER_KEY
"$venvs/litellm/bin/litellm" --config "$work/litellm.yaml" --host 127.0.0.1 --port "$port" \
    >"$work/litellm.log" 2>&1 &
pids="$pids $!"
tries=0
until "$python" -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/health/liveliness')" \
    2>/dev/null; do
    tries=$((tries + 1))
    if [ $tries -gt 120 ]; then
        cat "$work/litellm.log"
        exit 1
    fi
    sleep 1
done
# Chat roles go through LiteLLM, which leaves out that they are simulated; so pictures do as well.
"$python" "$here/plain.py" "$url" >"$work/plain" &
pids="$pids $!"
until [ -s "$work/plain" ]; do sleep 0.1; done
"$coldstart" endpoints example --sim "$(cat "$work/plain")" |
    "$python" "$here/through_proxy.py" "http://127.0.0.1:$port" >"$work/endpoints.toml"
"$coldstart" endpoints check "$work/endpoints.toml"
"$coldstart" run --project "$here/../.." --limit 12 --endpoints "$work/endpoints.toml" \
    --out "$work/run" --quiet --format json >"$work/report.json"
"$python" - "$work/report.json" <<'PY'
import json, sys
report = json.load(open(sys.argv[1]))
failed = sum(stage["failed"] for stage in report["stages"])
print("through LiteLLM:", report["calls"]["made"], "calls,", report["dataset"]["rows"], "rows,", failed, "failed")
sys.exit(0 if report["dataset"]["rows"] > 0 and failed == 0 else 1)
PY
