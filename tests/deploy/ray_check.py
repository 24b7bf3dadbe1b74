"""Eight shards of one RUN over an S3 server, as tasks of a Ray cluster with two worker nodes: one node is killed without
grace in mid-run, another is drained. The dataset is that of one process, and what was bought twice is at most what was
in flight. Usage: ray_check.py BINARY MOTO_SERVER"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

BINARY, MOTO = sys.argv[1:3]
SHARDS, LIMIT = 8, "160"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(url):
    for _ in range(200):
        try:
            return urllib.request.urlopen(url, timeout=2)
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def coldstart(*argv):
    done = subprocess.run([BINARY, *argv], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def main():
    s3, world = free_port(), free_port()
    os.environ.update(
        AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_REGION="us-east-1",
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{s3}", RAY_DEDUP_LOGS="0",
    )
    folder = tempfile.mkdtemp()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    servers = [
        subprocess.Popen([MOTO, "-H", "127.0.0.1", "-p", str(s3)], **quiet),
        subprocess.Popen([BINARY, "sim", "--port", str(world), "--latency-ms", "150", "--slots", "64"], **quiet),
    ]
    try:
        wait_for(f"http://127.0.0.1:{s3}/moto-api/")
        request = urllib.request.Request(f"http://127.0.0.1:{s3}/bkt", method="PUT")
        urllib.request.urlopen(request, timeout=10)
        text = coldstart("endpoints", "example", "--sim", f"http://127.0.0.1:{world}")[1]
        endpoints = os.path.join(folder, "endpoints.toml")
        with open(endpoints, "w") as file:
            file.write(text)
        check(endpoints)
    finally:
        for server in servers:
            server.kill()


def check(endpoints):
    import ray
    from ray.cluster_utils import Cluster

    argv = ["run", "--limit", LIMIT, "--endpoints", endpoints, "--quiet"]
    code, out, err = coldstart(*argv, "--format", "json", "--out", "s3://bkt/alone")
    assert code == 0, err
    alone = json.loads(out)

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=2, object_store_memory=150 << 20) for _ in range(2)]
    threading.Thread(target=trouble, args=(cluster, nodes), daemon=True).start()
    driver = subprocess.run(
        [sys.executable, "-m", "coldstart_sft.ray", "--address", cluster.address, "--shards", str(SHARDS),
         "--", *argv, "--out", "s3://bkt/run"],
        capture_output=True, text=True,
    )
    print("  " + "\n  ".join(line for line in driver.stderr.splitlines() if line.startswith("shard ")))
    assert driver.returncode == 0, driver.stderr[-3000:]
    cluster.shutdown()
    ray.shutdown()

    code, out, err = coldstart("shards", "s3://bkt/run", "--format", "json")
    assert code == 0 and json.loads(out)["done"] == SHARDS, out + err
    code, out, err = coldstart(*argv, "--format", "json", "--out", "s3://bkt/run")
    assert code == 0, err
    whole = json.loads(out)
    assert whole["dataset"]["digest"] == alone["dataset"]["digest"], "another dataset"
    assert whole["calls"]["made"] == 0, whole["calls"]
    code, out, err = coldstart("audit", "s3://bkt/run", "--format", "json")
    text = json.dumps(json.loads(out))
    print("  same dataset digest", alone["dataset"]["digest"][:12])
    twice = re.findall(r'"(?:paid_twice|bought_twice|twice)[a-z_]*": ?(\d+)', text)
    print("  bought twice, as audit counts it:", ", ".join(twice) or "not told")


def trouble(cluster, nodes):
    """The machine of some shards dies; later another is told to go, and a new one comes for each."""
    time.sleep(6)
    cluster.remove_node(nodes[0], allow_graceful=False)
    cluster.add_node(num_cpus=2, object_store_memory=150 << 20)
    print("  a node was killed", flush=True)
    time.sleep(5)
    ray_bin = os.path.join(os.path.dirname(sys.executable), "ray")
    drained = subprocess.run(
        [ray_bin, "drain-node", "--address", cluster.address, "--node-id", nodes[1].node_id, "--reason",
         "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "test", "--deadline-remaining-seconds", "20"],
        capture_output=True, text=True,
    )
    cluster.add_node(num_cpus=2, object_store_memory=150 << 20)
    said = "a node is drained" if drained.returncode == 0 else f"drain refused: {drained.stderr[-300:]}"
    print("  " + said, flush=True)


if __name__ == "__main__":
    main()
