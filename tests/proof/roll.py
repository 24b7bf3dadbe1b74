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


def verdicts(run_dir):
    """Of each rollout that is a whole conversation: what the agent said of each picture (accepts, None), and its
    last caption."""
    import pyarrow.parquet as parquet

    out = {}
    for path in sorted((Path(run_dir) / "dataset").glob("*.parquet")):
        for row in parquet.read_table(path, columns=["id", "rounds"]).to_pylist():
            out[row["id"]] = ([r["satisfied"] for r in row["rounds"]], row["rounds"][-1]["refined_prompt"])
    return out


def count(run_dir, pool):
    """By set: prompts, success at each n_max, verdicts by round against the truth, errors, near copies.

    A picture is good when the scorer, which does not err here, grants all that was asked for; what the agent says of
    it is in the conversation. A rollout without a picture is a failure."""
    asked = {}
    for line in Path(pool).read_text().splitlines():
        row = json.loads(line)
        asked[row["category"]] = asked.get(row["category"], 0) + 1
    ask = lambda sql: json.loads(world.call(["audit", run_dir, "--format", "json", "--sql", sql]))
    scores = ask("select v.id, r.category, r.prompt, v.ask, v.answer from votes v join records r on r.id = v.id "
                 "where v.stage = 'scored' and v.ask like 'strict_picture_%'")
    notes = ask("select r.category, s.note, count(*) n from stages s join records r on r.id = s.id "
                "where s.stage = 'rolled' group by 1, 2")
    said, plays = verdicts(run_dir), {}
    for row in scores:
        if row["answer"] not in ("0", "1"):
            continue  # what the scorer said could not be read: no verdict, and no failure either
        play = plays.setdefault(row["id"], {"set": row["category"], "prompt": row["prompt"], "good": {}})
        play["good"][int(row["ask"].rsplit("_", 1)[1])] = row["answer"] == "1"
    out = {}
    for name, prompts in sorted(asked.items()):
        own = {key: play for key, play in plays.items() if play["set"] == name}
        faults = sum(r["n"] for r in notes if r["category"] == name and ("fault" in r["note"] or "malformed" in r["note"]))
        figures = {"prompts": prompts, "played": len(own), "whole": sum(key in said for key in own), "errors": faults}
        for n in range(1, N_MAX + 1):
            # The last picture among the first n.
            figures[f"good_{n}"] = sum(p["good"][max(k for k in p["good"] if k <= n)] for p in own.values()
                                       if any(k <= n for k in p["good"]))
        near = lambda p, caption: abs(len(p["prompt"].split()) - len(caption.split())) <= 5
        figures["near_copies"] = sum(near(p, said[key][1]) for key, p in own.items() if key in said)
        for n in range(1, N_MAX + 1):
            cells = np.zeros((2, 2), int)  # truth x verdict
            for key, p in own.items():
                told = said[key][0] if key in said else []
                if n in p["good"] and len(told) >= n and told[n - 1] is not None:
                    cells[int(p["good"][n]), int(told[n - 1])] += 1
            figures[f"j{n}"] = cells.tolist()
        out[name] = figures
    return out
