"""Eight shards of one RUN over an S3 server, as tasks of a Ray cluster with two worker nodes: one node is killed without
grace in mid-run, another is drained. The dataset is that of one process, and what the simulated world was asked twice is
at most what `audit` says was in flight. Usage: ray_check.py BINARY MOTO_SERVER"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

BINARY, MOTO = sys.argv[1:3]
SHARDS, LIMIT = 8, "40"
MEMORY = 150 << 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(url, method="GET"):
    request = urllib.request.Request(url, method=method)
    return urllib.request.urlopen(request, timeout=10).read()


def wait_for(url):
    for _ in range(300):
        try:
            return get(url)
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def coldstart(*argv):
    done = subprocess.run([BINARY, *argv], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


class World:
    """A simulated world, slow enough for trouble to come in the midst of a run."""

    def __init__(self, folder, name):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        argv = [BINARY, "sim", "--port", str(port), "--latency-ms", "600", "--slots", "64"]
        self.server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(f"{self.url}/health")
        self.endpoints = os.path.join(folder, f"{name}.toml")
        with open(self.endpoints, "w") as file:
            file.write(coldstart("endpoints", "example", "--sim", self.url)[1])

    def stats(self):
        return json.loads(get(f"{self.url}/stats"))


def main():
    s3 = free_port()
    os.environ.update(
        AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_REGION="us-east-1",
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{s3}", RAY_DEDUP_LOGS="0", RAY_USAGE_STATS_ENABLED="0",
    )
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    servers = [subprocess.Popen([MOTO, "-H", "127.0.0.1", "-p", str(s3)], **quiet)]
    with tempfile.TemporaryDirectory() as folder:
        try:
            wait_for(f"http://127.0.0.1:{s3}/moto-api/")
            get(f"http://127.0.0.1:{s3}/bkt", "PUT")
            worlds = [World(folder, name) for name in ("alone", "shards")]
            servers += [world.server for world in worlds]
            check(*worlds)
        finally:
            for server in servers:
                server.kill()


def run_of(world, to):
    return ["run", "--limit", LIMIT, "--endpoints", world.endpoints, "--quiet", "--out", to]


def check(first, second):
    import ray
    from ray.cluster_utils import Cluster

    began = time.monotonic()
    code, out, err = coldstart(*run_of(first, "s3://bkt/alone"), "--format", "json")
    assert code == 0, err
    alone = json.loads(out)
    asked = first.stats()["requests"]
    print(f"  one process: {asked} calls in {time.monotonic() - began:.0f} s", flush=True)

    class Patient(Cluster):
        def _wait_for_node(self, node, timeout=300):  # Ray's own 30 s are short on a machine that has more to do
            super()._wait_for_node(node, timeout)

    cluster = Patient(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=2, object_store_memory=MEMORY) for _ in range(2)]
    began = time.monotonic()
    argv = run_of(second, "s3://bkt/run") + ["--grace", "10"]
    driver = Driver(
        [sys.executable, "-m", "coldstart_sft.ray", "--address", cluster.address, "--shards", str(SHARDS), "--", *argv]
    )
    # Nodes are made in the main thread: they take its signals.
    trouble(cluster, nodes, second, asked, driver)
    code, said = driver.wait()
    print("  " + "\n  ".join(line for line in said.splitlines() if line.startswith("shard ")))
    assert code == 0, said[-3000:]
    print(f"  under Ray, one node killed, one drained: {time.monotonic() - began:.0f} s", flush=True)
    ray.shutdown()
    cluster.shutdown()
    prove(second, alone)


def prove(world, alone):
    code, out, err = coldstart("shards", "s3://bkt/run", "--format", "json")
    assert code == 0 and json.loads(out)["done"] == SHARDS, out + err
    code, out, err = coldstart(*run_of(world, "s3://bkt/run"), "--format", "json")
    assert code == 0, err
    whole = json.loads(out)
    assert whole["dataset"]["digest"] == alone["dataset"]["digest"], "another dataset"
    assert whole["calls"]["made"] == 0, whole["calls"]
    print("  the dataset is that of one process:", alone["dataset"]["digest"][:16])
    code, out, err = coldstart("audit", "s3://bkt/run", "--format", "json")
    audit = json.loads(out)
    lost, told = audit["sessions"], audit["paid_twice"]
    twice = world.stats()["repeated_after_success"]
    print(
        f"  asked twice after an answer: {twice}; by audit {lost['killed']} processes were lost with "
        f"{lost['in_flight']} calls in flight (at most {lost['most_in_flight']}), {told} replies stand twice"
    )
    assert lost["killed"] >= 1, lost
    assert twice <= lost["most_in_flight"] + told, "more was bought twice than was in flight"


class Driver:
    """The driver's process; what it says is read while it runs."""

    def __init__(self, argv):
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.said = []
        self.reader = threading.Thread(target=lambda: self.said.extend(self.process.stderr), daemon=True)
        self.reader.start()

    def wait(self):
        code = self.process.wait()
        self.reader.join(10)
        return code, "".join(self.said)


def trouble(cluster, nodes, world, asked, driver):
    """The machine of some shards dies; later another is told to go. A new one comes for each."""
    until(world, asked // 5, driver)
    cluster.remove_node(nodes[0], allow_graceful=False)
    print("  a node was killed", flush=True)
    cluster.add_node(num_cpus=2, object_store_memory=MEMORY)
    until(world, asked // 2, driver)
    ray = os.path.join(os.path.dirname(sys.executable), "ray")
    drain = [ray, "drain-node", "--address", cluster.address, "--node-id", nodes[1].node_id,
             "--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "test",
             "--deadline-remaining-seconds", "20"]
    drained = subprocess.run(drain, capture_output=True, text=True)
    assert drained.returncode == 0, drained.stderr[-600:]
    print("  a node is drained", flush=True)
    cluster.add_node(num_cpus=2, object_store_memory=MEMORY)


def until(world, requests, driver):
    """The run has come so far; it must not be over before."""
    while world.stats()["requests"] < requests:
        assert driver.process.poll() is None, "".join(driver.said)[-3000:]
        time.sleep(0.2)


if __name__ == "__main__":
    main()
