#!/usr/bin/env bash
# SLURM for real: one controller and one node on this machine, the array of deploy/slurm with shards of one RUN; a task is
# killed, what is missing is submitted again as the README says, the last one assembles. Debian's slurm-wlm, as root.
# Usage: tests/deploy/slurm.sh BINARY
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=$(realpath "${1:?the coldstart binary}")
for program in slurmctld slurmd sbatch munged; do
    if ! command -v "$program" >/dev/null; then
        echo "skipped: no $program; apt-get install slurmctld slurmd slurm-client munge"
        exit 0
    fi
done
work=$(mktemp -d)
chmod 755 "$work"
pids=()
finish() {
    kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
mkdir -p "$work"/{state,spool,munge,bin}
ln -s "$binary" "$work/bin/coldstart"
host=$(hostname -s)
dd if=/dev/urandom of="$work/munge/key" bs=128 count=1 2>/dev/null
chmod 700 "$work/munge" && chmod 600 "$work/munge/key"
munged --force --foreground --key-file "$work/munge/key" --socket "$work/munge/socket" --pid-file "$work/munge/pid" \
    --log-file "$work/munge/log" --seed-file "$work/munge/seed" 2>/dev/null &
pids+=($!)
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
cat >"$work/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(port)
SlurmdPort=$(port)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
SlurmdParameters=config_overrides
MinJobAge=600
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 RealMemory=16000 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$work/slurm.conf
slurmctld -D 2>/dev/null &
pids+=($!)
slurmd -D 2>/dev/null &
pids+=($!)
idle=no
for _ in $(seq 100); do
    sinfo -h -o %T 2>/dev/null | grep -q idle && idle=yes && break
    sleep 0.3
done
if [ $idle = no ]; then
    echo "skipped: SLURM's node does not come up on this machine"
    tail -n 5 "$work"/*.log
    exit 0
fi
echo "  SLURM $(sinfo --version | cut -d' ' -f2): a node is idle"

"$binary" sim --port 0 --latency-ms 100 --slots 16 >"$work/url" 2>/dev/null &
pids+=($!)
until [ -s "$work/url" ]; do sleep 0.1; done
"$binary" endpoints example --sim "$(cat "$work/url")" >"$work/endpoints.toml"
export COLDSTART_OUT=$work/run COLDSTART_ENDPOINTS=$work/endpoints.toml COLDSTART_SHARD_COUNT=4 PATH=$work/bin:$PATH
cd "$work"
submit() { # an array of tasks
    sbatch --parsable --array="$1" --mem=200M "$OLDPWD/deploy/slurm/coldstart.sbatch" --quiet --limit 40
}
all_ended() {
    for _ in $(seq 600); do
        [ -z "$(squeue -h -o %i)" ] && return
        sleep 0.5
    done
    echo "the jobs do not end" && squeue && tail -n 5 ./*.log && return 1
}
submit 0-3 >/dev/null
until ls "$work"/run/shards/0003-of-0004/sessions/* >/dev/null 2>&1; do sleep 0.1; done
# The task goes, and its program with it; the session says which process it is.
child=$(sed -n 's/.*"by": *"[^"]*:\([0-9]*\)".*/\1/p' "$work"/run/shards/0003-of-0004/sessions/*.json | head -1)
kill -9 "$(ps -o ppid= -p "$child" | tr -d ' ')"
kill -TERM "$child"
all_ended
missing=$("$binary" shards "$COLDSTART_OUT" --array || true)
echo "  an array of four, one killed: missing $missing"
[ "$missing" = 3 ] || { tail -n 5 ./*.log; exit 1; }
submit "$missing" >/dev/null
all_ended
"$binary" shards "$COLDSTART_OUT" >/dev/null
"$binary" run --out "$work/alone" --endpoints "$work/endpoints.toml" --quiet --limit 40 --format json >"$work/alone.json" 2>/dev/null
python3 - "$work/run/report.json" "$work/alone.json" <<'PY'
import json, sys
together, alone = (json.load(open(path))["dataset"]["digest"] for path in sys.argv[1:])
assert together == alone, (together, alone)
print("  the subset was submitted again, the last task assembled; the dataset is that of one process:", alone[:16])
PY
