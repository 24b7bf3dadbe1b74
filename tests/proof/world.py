"""The program and its simulated world: servers, runs, exports, and pictures for sight."""

import base64
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import time
import tomllib
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("COLDSTART", str(HOME / "target/debug/coldstart"))
SIDE = 224
CLEAN = []
# What a careless teacher, reflector and judge are like.
DIRTY = ["--format-error", "0.1", "--copy", "0.15", "--contradiction", "0.15", "--leak", "0.3",
         "--drift", "0.15", "--decode-error", "0.15", "--judge-error", "0.04"]
# A judge whose answers are the truth, and pictures as clumsy as ever.
TRUE = ["--judge-error", "0", "--contradiction", "0", "--decode-error", "0", "--verifier-error", "0"]
ROLES = {"agent": "openai-chat", "checklist": "openai-chat", "comparator": "gemini", "generator": "openai-images",
         "grader": "openai-chat", "illustrator": "openai-images", "judge": "openai-chat", "leak_reader": "openai-chat",
         "reflector": "gemini", "second_judge": "gemini", "solver": "openai-chat", "teacher": "openai-chat", "verifier": "openai-chat",
         "writer": "openai-chat"}
SYSTEM = ("You make pictures with image_generation_tool. Think, call it, judge each picture, and call "
          "again until it shows what was asked.")


def first():
    """In a child that keeps a GPU busy: before whatever else runs here, where that is allowed."""
    try:
        os.nice(-10)
    except OSError:
        pass


class Sim:
    """`coldstart sim` as a process; a context manager."""

    def __init__(self, errors, seed=1):
        self.args = [PROGRAM, "sim", "--port", "0", "--seed", str(seed), *errors]

    def __enter__(self):
        self.process = subprocess.Popen(self.args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = self.process.stdout.readline().strip()
        self.port = int(self.url.rsplit(":", 1)[1])
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def endpoints(path, url, agent=None, priced=False):
    """An endpoints file: every role at the world; the agent, where one is given, at `agent`."""
    prices = tomllib.loads((HOME / "data/prices.toml").read_text())["price"] if priced else []
    models = tomllib.loads((HOME / "stages/standard/_models.toml").read_text()) if priced else {}
    text = '[default]\nmax_in_flight = 256\nconnect_timeout = "10s"\nfirst_byte_timeout = "300s"\n' \
           'idle_timeout = "300s"\ntotal_timeout = "10m"\n'
    for role, protocol in ROLES.items():
        base = agent if role == "agent" and agent else url
        tail = "/v1beta" if protocol == "gemini" else "/v1"
        name = models.get(role, {}).get("model", "")
        price = next((p for p in prices if name.startswith(p["model"].rstrip("*")) and name), {})
        known = {k: v for k, v in price.items() if k in ("input", "output", "cached", "thinking", "image")}
        if priced and not known:
            known = {"image": 0.003} if protocol == "openai-images" else {"input": 0.2, "output": 0.8}
        told = ", ".join(f"{k} = {v}" for k, v in known.items())
        text += f'\n[role.{role}]\nprotocol = "{protocol}"\nurls = ["{base}{tail}"]\nprices = {{{told}}}\n'
        if role == "agent" and agent:
            text += "max_in_flight = 1024\n"
    Path(path).write_text(text)
    return str(path)


def project(folder, pipeline, edits=(), without=(), before=(), side=SIDE):
    """A copy of the project with small pictures, a pipeline's stages taken out and files edited.

    `before` maps a stage to one of the paper's recipe that is put before it, where the pipeline has none of that name. A stage that
    is taken out is replaced, where others read it, by what it read (`without` maps its name to those edges);
    `edits` are (file, from, to)."""
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("templates", "data"):
        shutil.copytree(HOME / name, folder / name)
    shutil.copytree(HOME / "stages" / pipeline, folder / "stages" / pipeline)
    (folder / "data/system.txt").write_text(SYSTEM)
    stages = folder / "stages" / pipeline
    models = stages / "_models.toml"
    models.write_text(re.sub(r"(?m)^(width|height)( *)= \d+", rf"\1\2= {side}", models.read_text()))
    for name, put in dict(before).items():
        if not (stages / f"{put}.toml").exists():
            shutil.copy(HOME / "stages/paper" / f"{put}.toml", stages)
            path = stages / f"{name}.toml"
            path.write_text(re.sub(r"(?m)^from( *)= *\[.*?\]", rf'from\1= ["{put}"]', path.read_text()))
    for name, edges in dict(without).items():
        (stages / f"{name}.toml").unlink()
        for path in stages.glob("*.toml"):
            text = path.read_text()
            def swap(match):
                items = re.findall(r'"([^"]+)"', match.group(1))
                new = [e for item in items for e in (edges if item.split(".")[0] == name else [item])]
                return "from = [" + ", ".join(f'"{e}"' for e in dict.fromkeys(new)) + "]"
            path.write_text(re.sub(r"(?m)^from *= *\[(.*?)\]", swap, text))
    for name, old, new in edits:
        text = (stages / name).read_text()
        if not re.search(old, text):
            raise SystemExit(f"{name} of `{pipeline}` does not hold `{old}`")
        (stages / name).write_text(re.sub(old, new, text))
    return folder


def call(args, fine=(0, 6)):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True)
    if done.returncode not in fine:
        raise SystemExit(f"coldstart {' '.join(map(str, args))}: {done.returncode}\n{done.stderr[-3000:]}")
    return done.stdout


def run(project, pipeline, out, pool, ends, target=None, sets=(), seed=0, mixed=False):
    """Runs a pipeline; its report."""
    args = ["run", pipeline, "--project", project, "--pool", pool, "--endpoints", ends, "--out", out, "--quiet",
            "--seed", seed, "--format", "json", "--max-in-flight", 1024]
    args += ["--target", target] if target else []
    args += ["--mix-simulated"] if mixed else []
    for setting in sets:
        args += ["--set", setting]
    return json.loads(call(args))


def jsonl(path, rows):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def hard(run_dir, source):
    """Prompts of a RUN that stage `hard` let through."""
    where = "s.stage = 'hard' and s.disposition = 'passed' and r.source " + \
        ("= 'synthetic'" if source == "synthetic" else "<> 'synthetic'")
    sql = f"select r.prompt, r.category from stages s join records r on r.id = s.id where {where} order by r.id"
    rows = json.loads(call(["audit", run_dir, "--format", "json", "--sql", sql]))
    return [row for row in rows if not row["prompt"].endswith("…")]


def drawn(job):
    """Of (port, [(seed, caption, what goes with it)]): each picture as encoded, with what goes with it."""
    port, captions = job
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for number, caption, told in captions:
        body = {"model": "FLUX.1-dev-8step", "prompt": caption, "size": f"{SIDE}x{SIDE}", "seed": number, "n": 1}
        connection.request("POST", "/v1/images/generations", json.dumps(body), {"content-type": "application/json"})
        reply = json.loads(connection.getresponse().read())
        yield base64.b64decode(reply["data"][0]["b64_json"]), told


def raw(captions, url):
    """Encoded pictures of captions, as the world at `url` draws them."""
    port = int(url.rsplit(":", 1)[1])
    return [picture for picture, _ in drawn((port, [(n, c, "") for n, c in enumerate(captions)]))]
