"""Shards of one RUN as Ray tasks.

    python -m coldstart_sft.ray --shards 32 -- run --out s3://bucket/run --endpoints e.toml

Each shard is a process of its own under a task: Ray places, retries and reschedules it; the RUN keeps what was
bought, and its fence makes a shard that comes back from a lost machine harmless. The driver keeps nothing: what is
done stands in the RUN, so it may be killed and run again. Give more shards than nodes: a shard is what is lost,
for as long as it takes to replay, when a node is."""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading

import ray

from coldstart_sft import find_coldstart_bin

# README's table of endings: what another try can mend.
AGAIN = {"stopped", "unavailable"}
# So ends a process that others end before it can say a word; the memory of its machine may be short for a while.
TAKEN = {-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, -signal.SIGKILL}
# Before a drained node goes, its shard is asked to stop and to let its calls come home.
DRAIN_POLL_S = 2.0


class Again(Exception):
    """Ended in a way that the same command mends."""


def draining() -> bool:
    """Whether the node of this task is about to go."""
    try:
        from ray._private.state import state

        return ray.get_runtime_context().get_node_id() in state.get_draining_nodes()
    except Exception:  # a private interface: without it the shard is simply lost with its node
        return False


def ask_to_stop(child: subprocess.Popen, over: threading.Event) -> None:
    while not over.wait(DRAIN_POLL_S):
        if draining():
            child.send_signal(signal.SIGTERM)
            return


@ray.remote(max_retries=100, retry_exceptions=[Again], scheduling_strategy="SPREAD", max_calls=1)
def work(argv: list, env: dict, index: int, of: int) -> dict:
    """One shard, to its end. Returns the report's `ended` and cost."""
    # Ray's workers may ignore SIGCHLD; then wait() says 0 whatever the child returned.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    command = [find_coldstart_bin(), *argv, "--shard", f"{index}/{of}", "--format", "json"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **env})
    over = threading.Event()
    watch = threading.Thread(target=ask_to_stop, args=(child, over), daemon=True)
    watch.start()
    try:
        out, _ = child.communicate()
    except BaseException:
        child.terminate()
        child.wait(20)
        raise
    finally:
        # A worker that ends while a thread of it still asks Ray is aborted.
        over.set()
        watch.join()
    # The report is believed, not the exit code; without one, only what was killed may be tried again.
    try:
        report = json.loads(out or b"{}")
    except ValueError:
        report = {}
    ended = report.get("ended", "stopped" if child.returncode in TAKEN else "yours")
    if ended in AGAIN:
        raise Again(f"shard {index}: {ended}")
    return {"index": index, "ended": ended, "cost_usd": report.get("cost_usd", 0.0)}


def missing(binary: str, run: str) -> "list | None":
    """The shards that are not done, by the RUN; None when it has not begun."""
    asked = subprocess.run([binary, "shards", run, "--format", "json"], capture_output=True)
    try:
        shards = json.loads(asked.stdout)["shards"]
    except (ValueError, KeyError):
        return None
    return [s["index"] for s in shards if s["state"] != "done"]


def out_of(argv: list) -> str:
    for at, word in enumerate(argv):
        if word == "--out" and at + 1 < len(argv):
            return argv[at + 1]
        if word.startswith("--out="):
            return word.split("=", 1)[1]
    sys.exit("say `--out`: a RUN in a bucket or on a disk that all nodes see")


def drive(shards: int, cpus: float, argv: list, env: dict, assemble: bool) -> int:
    run, binary = out_of(argv), find_coldstart_bin()
    # Those that are at work elsewhere are begun here all the same: the fence lets one of them win.
    left = missing(binary, run)
    todo = list(range(shards)) if left is None else left
    print(f"{shards - len(todo)} of {shards} shards are done, {len(todo)} to do", file=sys.stderr)
    tasks = {work.options(num_cpus=cpus).remote(argv, env, i, shards): i for i in todo}
    bad = []
    while tasks:
        ready, _ = ray.wait(list(tasks), num_returns=1)
        index = tasks.pop(ready[0])
        try:
            result = ray.get(ready[0])
            said, good = result["ended"], result["ended"] in ("done", "partly_failed")
        except Exception as error:  # retries spent, or the task cancelled
            said, good = str(error).strip().splitlines()[-1], False
        if not good:
            bad.append(index)
        print(f"shard {index}: {said}; {len(tasks)} left", file=sys.stderr)
    if bad:
        print(f"not finished: {sorted(bad)}; the same command goes on", file=sys.stderr)
        return 1
    return subprocess.run([binary, *argv], env={**os.environ, **env}).returncode if assemble else 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m coldstart_sft.ray", description=__doc__)
    parser.add_argument("--shards", type=int, required=True, help="fixed by the first run on a RUN")
    parser.add_argument("--address", default=None, help="of the cluster (default: Ray's own rule)")
    parser.add_argument("--num-cpus", type=float, default=1.0, help="a shard's logical CPUs")
    parser.add_argument("--env", action="append", default=[], metavar="NAME", help="pass this variable on")
    parser.add_argument("--no-assemble", action="store_true", help="stop when every shard is done")
    parser.add_argument("argv", nargs=argparse.REMAINDER, help="-- run --out URI …")
    args = parser.parse_args()
    argv = args.argv[1:] if args.argv[:1] == ["--"] else args.argv
    ray.init(address=args.address, log_to_driver=True)
    env = {name: os.environ[name] for name in args.env if name in os.environ}
    sys.exit(drive(args.shards, args.num_cpus, argv, env, not args.no_assemble))


if __name__ == "__main__":
    main()
