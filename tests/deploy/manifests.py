"""Kubernetes manifests against the schemas of Kubernetes; those of other makers as far as YAML and their own words."""

import glob
import sys

import kubernetes_validate
import yaml

SHARDS = "COLDSTART_SHARD_COUNT"


def documents(path):
    with open(path) as file:
        return [doc for doc in yaml.safe_load_all(file) if doc]


def main():
    version = kubernetes_validate.latest_version()
    for path in sorted(glob.glob("deploy/kubernetes/*.yaml")):
        for doc in documents(path):
            kubernetes_validate.validate(doc, version, strict=True)
        print(f"  {path}: valid for Kubernetes {version}")
    (job,) = documents("deploy/kubernetes/job.yaml")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    count = next(e["value"] for e in container["env"] if e["name"] == SHARDS)
    assert int(count) == job["spec"]["completions"], "shards and completions differ"
    # The pods of the Ray job are Kubernetes' own.
    (ray,) = documents("deploy/ray/rayjob.yaml")
    cluster = ray["spec"]["rayClusterSpec"]
    for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": group["template"]["spec"]}
        kubernetes_validate.validate(pod, version, strict=True)
    assert ray["kind"] == "RayJob" and "coldstart_sft.ray" in ray["spec"]["entrypoint"]
    for path in glob.glob("deploy/skypilot/*.yaml"):
        assert documents(path), path
    print("  deploy/ray/rayjob.yaml: its pods are valid")


if __name__ == "__main__":
    sys.exit(main())
