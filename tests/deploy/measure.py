"""What the ways in and the schedulers cost. Prints figures; none passes or fails, but a dataset must be the same.

    measure.py install UV WHEEL [ROUNDS]         `uv tool install` and one run: to the demo's dataset in an empty folder
    measure.py shards BINARY MOTO [ROUNDS]       eight shards over a bucket against one process over it (MOTO: `moto_server`,
                                                 or `bucket.py`, which keeps connections open)
    measure.py ray BINARY                        what Ray adds to a shard (in an environment with Ray and the wheel)

Take a release binary, and two cores with nothing else on them: `taskset -c 0,1 python3 tests/deploy/measure.py …`.
`ARGS` is given to each `run` of `shards` beside what it needs, for instance "--set synthetic.count=2400" for more calls
or "--limit 60" for fewer. A shard has one worker thread, as `deploy/README.md` advises for shards that share a machine;
the one process and the assembly have the machine's two, or all have what TOKIO_WORKER_THREADS says."""

import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

SHARDS = 8
ARGS = shlex.split(os.environ.get("ARGS", ""))
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def install(uv, wheel, rounds="3"):
    for _ in range(int(rounds)):
        with tempfile.TemporaryDirectory() as place:
            os.mkdir(f"{place}/empty")
            env = {**os.environ, "UV_TOOL_DIR": f"{place}/tools", "UV_TOOL_BIN_DIR": f"{place}/bin"}
            began = time.monotonic()
            subprocess.run([uv, "tool", "install", "-q", wheel], check=True, env=env)
            installed = time.monotonic()
            subprocess.run([f"{place}/bin/coldstart", "run", "--out", "run"], check=True, cwd=f"{place}/empty", **QUIET)
            done = time.monotonic()
            print(f"install {installed - began:.1f} s, run {done - installed:.1f} s, together {done - began:.1f} s", flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until_answers(url, method="GET"):
    for _ in range(300):
        try:
            return urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10).read()
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{url} does not answer")


class World:
    """A simulated world that stands: each call holds one of its slots for `latency` ms."""

    def __init__(self, binary, folder, latency, slots):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        argv = [binary, "sim", "--port", str(port), "--latency-ms", str(latency), "--slots", str(slots)]
        self.server = subprocess.Popen(argv, **QUIET)
        until_answers(f"{url}/health")
        example = subprocess.run([binary, "endpoints", "example", "--sim", url], check=True, capture_output=True)
        self.endpoints = os.path.join(folder, "endpoints.toml")
        with open(self.endpoints, "wb") as file:
            file.write(example.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.kill()
        self.server.wait()


def together(commands, **env):
    """Runs them side by side: what the last said on stdout, CPU seconds of all, seconds until all had ended."""
    began, cpu, said = time.monotonic(), 0.0, b""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "env": {**env, **os.environ}}
    children = [subprocess.Popen(argv, **pipes) for argv in commands]
    for child in children:
        said = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode in (0, 6), (child.args, child.returncode)
        cpu += used.ru_utime + used.ru_stime
    return said, cpu, time.monotonic() - began


def shards(binary, moto, rounds="2"):
    port = free_port()
    os.environ.update(
        AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_REGION="us-east-1",
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
    )
    server = subprocess.Popen([moto, "-H", "127.0.0.1", "-p", str(port)], **QUIET)
    try:
        until_answers(f"http://127.0.0.1:{port}/moto-api/")
        until_answers(f"http://127.0.0.1:{port}/bkt", "PUT")
        for at in range(int(rounds)):
            with tempfile.TemporaryDirectory() as folder:
                compare(binary, folder, at)
    finally:
        server.kill()


def compare(binary, folder, at):
    def run(world, to):
        return [binary, "run", *ARGS, "--quiet", "--format", "json", "--endpoints", world.endpoints, "--out", f"s3://bkt/{at}/{to}"]

    with World(binary, folder, 200, 32) as world:
        said, alone_cpu, alone = together([run(world, "alone")])
    report = json.loads(said)
    with World(binary, folder, 200, 32) as world:
        argv = run(world, "shards")
        _, cpu, parts = together([[*argv, "--shard", f"{i}/{SHARDS}"] for i in range(SHARDS)], TOKIO_WORKER_THREADS="1")
        said, last_cpu, last = together([argv])
    assert json.loads(said)["dataset"]["digest"] == report["dataset"]["digest"], "another dataset"
    print(
        f"{report['calls']['made']} calls at 200 ms, 32 at once (ideal {report['calls']['made'] * 0.2 / 32:.1f} s)\n"
        f"  one process: {alone:.1f} s, CPU {alone_cpu:.1f} s\n"
        f"  {SHARDS} shards: {parts:.1f} s, CPU {cpu:.1f} s; assembled in {last:.1f} s, CPU {last_cpu:.1f} s\n"
        f"  makespan {(parts + last) / alone - 1:+.1%}, CPU {(cpu + last_cpu) / alone_cpu - 1:+.1%}",
        flush=True,
    )


def ray(binary):
    """Small shards, so that Ray is what is measured: two at a time by Ray, and two at a time by this process."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    took = {}
    with tempfile.TemporaryDirectory() as folder, World(binary, folder, 0, 0) as world:
        for count in (4, 20):
            run = ["run", "--limit", "20", "--quiet", "--endpoints", world.endpoints, "--out"]
            began = time.monotonic()
            plain = [[binary, *run, f"{folder}/plain{count}", "--shard", f"{i}/{count}"] for i in range(count)]
            for at in range(0, count, 2):
                together(plain[at : at + 2])
            took["plain", count] = time.monotonic() - began
            began = time.monotonic()
            driver = [sys.executable, "-m", "coldstart_sft.ray", "--shards", str(count), "--no-assemble"]
            subprocess.run([*driver, "--", *run, f"{folder}/ray{count}"], check=True, **QUIET)
            took["ray", count] = time.monotonic() - began
            print(f"{count} shards: {took['plain', count]:.1f} s, under Ray {took['ray', count]:.1f} s", flush=True)
    more = {by: (took[by, 20] - took[by, 4]) / 16 for by in ("plain", "ray")}
    print(f"a shard more: {more['plain']:.2f} s, under Ray {more['ray']:.2f} s: Ray adds {more['ray'] - more['plain']:.2f} s")


if __name__ == "__main__":
    {"install": install, "shards": shards, "ray": ray}[sys.argv[1]](*sys.argv[2:])
