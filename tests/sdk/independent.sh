#!/bin/sh
# The demo against a server that is not ours: `transformers serve` with a tiny model of random weights,
# on the CPU. What it says is garbage, so whatever role it plays, every record that comes to it must end
# as a drop with a reason, and none as a failure. Skipped, and said so, where there is no environment
# with torch and transformers (the trainers' is one) or PyPI does not give the rest.
#   independent.sh COLDSTART [ENVIRONMENT]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
coldstart=$1
torch=${2:-$root/target/venvs/trainers/trl}
work=$(mktemp -d)
pids=""
trap 'kill $pids 2>/dev/null || true; rm -rf "$work"' EXIT

packages=$(echo "$torch"/lib/python3*/site-packages)
if [ ! -d "$packages/transformers" ]; then
    echo "skipped: no torch and transformers in $torch"
    exit 0
fi
venv=${COLDSTART_VENVS:-$root/target/venvs}/independent
if ! python=$("$here/setup.sh" "$venv" openai fastapi uvicorn); then
    echo "skipped: openai, fastapi and uvicorn could not be installed from PyPI"
    exit 0
fi
echo "$packages" >"$(echo "$venv"/lib/python3*/site-packages)/torch.pth"

"$coldstart" sim --port 0 >"$work/sim" 2>/dev/null &
pids="$pids $!"
until [ -s "$work/sim" ]; do sleep 0.1; done
"$python" "$here/plain.py" "$(cat "$work/sim")" >"$work/plain" &
pids="$pids $!"

export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
"$python" "$here/tiny_model.py" "$work/tiny" "$root"/templates/*.j2 "$root/README.md"
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$python" -m transformers.cli.transformers serve "$work/tiny" --device cpu --host 127.0.0.1 \
    --port "$port" >"$work/serve.log" 2>&1 &
pids="$pids $!"
tries=0
until "$python" -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/health')" 2>/dev/null; do
    tries=$((tries + 1))
    if [ $tries -gt 90 ]; then
        cat "$work/serve.log"
        exit 1
    fi
    sleep 1
done

# Role by role, since garbage from one keeps records from the next.
"$coldstart" endpoints example --sim "$(cat "$work/plain")" >"$work/plain.toml"
for pair in checklist:judged teacher:first_round judge:judged reflector:reflected grader:good; do
    role=${pair%:*}
    "$python" "$here/one_role.py" "$role" "http://127.0.0.1:$port/v1" "$work/tiny" \
        <"$work/plain.toml" >"$work/$role.toml"
    "$coldstart" run --project "$root" --limit 3 --endpoints "$work/$role.toml" \
        --out "$work/$role" --quiet --format json >"$work/$role.json" 2>"$work/$role.log" ||
        { cat "$work/$role.log" "$work/serve.log"; exit 1; }
    "$python" "$here/garbage.py" "$role" "${pair#*:}" "$work/$role.json"
done
