"""Rolls a trained agent out with `coldstart run agent` against the world whose judge is the truth, and counts."""

import json
from pathlib import Path

import numpy as np

import world
from serve import Server

N_MAX = 3


def roll(model, vocabulary, device, project, pool, folder, sim_url):
    """Figures by set (a prompt's category is its set)."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with Server(model, vocabulary, device) as server:
        ends = world.endpoints(folder / "agent.toml", sim_url, agent=server.url)
        report = world.run(project, "agent", folder / "run", pool, ends, mixed=True,
                           sets=["rolled.system=system.txt", f"rolled.n_max={N_MAX}"])
        batches = list(server.batches)
    figures = count(folder / "run", pool)
    figures["server"] = {"batches": len(batches), "largest": max(batches, default=0)}
    figures["rolled"] = {s["stage"]: [s["passed"], s["dropped"], s["failed"]] for s in report["stages"]}
    return figures


def rows(run_dir):
    import pyarrow.parquet as parquet

    out = []
    for path in sorted((Path(run_dir) / "dataset").glob("*.parquet")):
        out += parquet.read_table(path, columns=["prompt", "category", "rounds"]).to_pylist()
    return out


def count(run_dir, pool):
    """By set: prompts, success at each n_max, verdicts by round against the truth, errors, near copies."""
    asked = {}
    for line in Path(pool).read_text().splitlines():
        row = json.loads(line)
        asked.setdefault(row["category"], []).append(row["prompt"])
    played = {}
    for row in rows(run_dir):
        played.setdefault(row["category"], []).append(row)
    sql = "select r.category, s.note, count(*) n from stages s join records r on r.id = s.id " \
          "where s.stage = 'rolled' group by 1, 2"
    notes = json.loads(world.call(["audit", run_dir, "--format", "json", "--sql", sql]))
    out = {}
    for name, prompts in sorted(asked.items()):
        plays = played.get(name, [])
        faults = sum(r["n"] for r in notes if r["category"] == name and ("fault" in r["note"] or "malformed" in r["note"]))
        figures = {"prompts": len(prompts), "played": len(plays), "errors": faults}
        for n in range(1, N_MAX + 1):
            last = [max((r for r in p["rounds"][:n] if r["picture"]), key=lambda r: p["rounds"].index(r), default=None) for p in plays]
            figures[f"good_{n}"] = sum(bool(r) and good(r) for r in last)
        near = lambda p: abs(len(p["prompt"].split()) - len(p["rounds"][-1]["refined_prompt"].split())) <= 5
        figures["near_copies"] = sum(near(p) for p in plays if p["rounds"])
        for n in range(1, N_MAX + 1):
            cells = np.zeros((2, 2), int)  # truth x verdict
            for p in plays:
                r = p["rounds"][n - 1] if len(p["rounds"]) >= n else None
                if r and r["picture"] and r["satisfied"] is not None and r["score"] is not None:
                    cells[int(good(r)), int(r["satisfied"])] += 1
            figures[f"j{n}"] = cells.tolist()
        out[name] = figures
    return out


def good(round_):
    return (round_["score"] or 0) >= 0.999
