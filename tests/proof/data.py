"""Datasets as a trainer takes them: built by the program over the simulated world, kept as ids, masks and pixels."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import prompts  # noqa: E402
import text  # noqa: E402
import world  # noqa: E402


def base_rows(pool, url):
    """No agent data: each prompt is its own caption, and the picture that comes of it is accepted unseen."""
    drawn = world.raw([row["prompt"] for row in pool], url)
    out = []
    for row, picture in zip(pool, drawn):
        call = json.dumps({"name": "image_generation_tool", "arguments": {"caption": row["prompt"]}})
        turns = [("system", world.SYSTEM), ("user", f"Prompt: {row['prompt']}"),
                 ("assistant", f"<think>The prompt is the caption.</think> <tool_call>\n{call}\n</tool_call>"),
                 ("user", "<tool_response><image></tool_response>"),
                 ("assistant", "<judge>\nIt is drawn.\n</judge>\n<answer>done</answer>")]
        out.append(([{"role": role, "content": content} for role, content in turns], [picture]))
    return out


def _run(data, study, folder, url, pool):
    """The dataset's rows as its pipeline makes them, and what they cost."""
    pipeline = data["pipeline"]
    project = world.project(folder / "project", pipeline, data.get("edits", []), data.get("without", {}),
                            data.get("before", study.get("before", {})))
    ends = world.endpoints(folder / "ends.toml", url, priced=True)
    rows = world.jsonl(folder / "pool.jsonl", pool)
    report = world.run(project, pipeline, folder / "run", rows, ends,
                       sets=[f"synthetic.count={data.get('riddles', study['riddles'])}", *data.get("sets", [])])
    forms = ["universal"] + (["trl-grpo"] if data.get("grpo") else [])
    for form in forms:
        world.call(["export", folder / "run", "--format", form, "--out", folder / form, "--replace",
                    "--system", project / "data/system.txt"])
    audit = json.loads(world.call(["audit", folder / "run", "--format", "json"], fine=(0, 1)))
    facts = {"cost_usd": report["cost_usd"], "rows": report["dataset"]["rows"], "digest": report["dataset"]["digest"],
             "acceptance": audit["acceptance"], "funnel": {s["stage"]: s["passed"] for s in report["stages"]}}
    found = text.export_rows(folder / "universal")
    if not os.environ.get("KEEP"):
        subprocess.run(["rm", "-rf", folder / "run", folder / "universal"])
    return found, facts


def build(data, study, work, url):
    """Runs and exports one dataset of the study, unless that was done; its rows, pictures and costs, as files."""
    folder = work / "data" / data["name"]
    if (folder / "facts.json").exists():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    pool = prompts.pool(world.HOME, data.get("prompts", study["prompts"]), study["seed"])
    if data.get("base"):
        found = base_rows(pool[:study["rows"]], url)
        facts = {"cost_usd": 0.0, "rows": len(found)}
    else:
        found, facts = _run(data, study, folder, url, pool)
    random.Random(study["seed"]).shuffle(found)
    found = found[:study["most_rows"]]
    encoded = text.encode_all([messages for messages, _ in found], study["cores_each"])
    pictures = [p for _, own in found for p in own]
    for name, part in zip(("pictures", "palettes"), text.all_indexed(pictures, study["cores_each"])):
        np.save(folder / f"{name}.npy", part)
    np.savez(folder / "rows.npz", ids=np.array([i for ids, _ in encoded for i in ids], np.int32),
             mask=np.array([m for _, mask in encoded for m in mask], bool),
             lengths=[len(ids) for ids, _ in encoded], pictures=[len(own) for _, own in found])
    (folder / "facts.tmp").write_text(json.dumps(facts))
    os.rename(folder / "facts.tmp", folder / "facts.json")
    return f"{data['name']}: {facts['rows']} rows, ${facts['cost_usd']:.2f}, {facts.get('acceptance')}"


def apart(data, study, work, url):
    """`build` in a process of its own: it forks."""
    path = work / "data" / f"{data['name']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([data, study, str(work), url]))
    subprocess.run(["nice", sys.executable, __file__, str(path)], check=True)


def facts(name, work):
    """Of a dataset that is built; else None."""
    path = work / "data" / name / "facts.json"
    return json.loads(path.read_text()) if path.exists() else None


def load(folder):
    """Rows of a built dataset: (full ids, mask, numbers of pictures); the pictures and their palettes."""
    files = np.load(folder / "rows.npz")
    # Each look into the file reads an array anew.
    ids, mask, at, seen, rows = files["ids"], files["mask"], 0, 0, []
    for length, own in zip(files["lengths"], files["pictures"]):
        rows.append((ids[at:at + length], mask[at:at + length], list(range(seen, seen + own))))
        at, seen = at + length, seen + own
    return rows, *(np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("pictures", "palettes"))


def amount(study, data, work):
    """How many rows a training takes: the study's number, all there are, or as many as the reference's dollars buy."""
    name = data.get("of", data["name"])
    own, by, wanted = facts(name, work), data.get("by", "rows"), study["rows"]
    if by == "all":
        return own["rows"]
    if by == "rows":
        return min(wanted, own["rows"])
    reference = facts(data["reference"], work)
    dollars = reference["cost_usd"] / reference["rows"] * min(wanted, reference["rows"])
    return min(own["rows"], int(dollars / (own["cost_usd"] / own["rows"])))


def held_out(study, work):
    """The sets an agent is tried on, as one pool: a prompt's category is its set. None of them is trained on."""
    path = work / "held_out.jsonl"
    if path.exists():
        return
    most = max([study["prompts"]] + [data.get("prompts", 0) for data in study["dataset"]])
    trained = {row["prompt"] for row in prompts.pool(world.HOME, most, study["seed"])}
    sizes = study["sets"]
    fresh = [r for r in prompts.pool(world.HOME, sizes["plain"] * 6, study["seed"] + 77) if r["prompt"] not in trained]
    with world.Sim(world.CLEAN) as sim:
        project = world.project(work / "held/project", "paper")
        ends = world.endpoints(work / "held/ends.toml", sim.url)
        pool = world.jsonl(work / "held/pool.jsonl", fresh)
        world.run(project, "paper", work / "held/run", pool, ends, seed=991,
                  sets=[f"synthetic.count={sizes['riddles'] * 3}"])
        plain = world.hard(work / "held/run", "pool")[:sizes["plain"]]
        riddles = world.hard(work / "held/run", "synthetic")[:sizes["riddles"]]
    unseen = prompts.pool(world.HOME, sizes["unseen"], study["seed"] + 78, unseen=True)
    easy = fresh[-sizes["easy"]:] if sizes["easy"] else []
    named = [("plain", plain), ("riddles", riddles), ("unseen", unseen), ("easy", easy)]
    world.jsonl(path, [{"prompt": r["prompt"], "category": name} for name, part in named for r in part])


def vocabulary(study, work, say):
    """The vocabulary of sight, with what occurs in the datasets behind it (numbers of sight stay)."""
    path = work / "vocabulary.json"
    if path.exists():
        return
    first, seen = text.Vocabulary.read(work / "sight_vocabulary.json"), set()
    for rows in (work / "data").glob("*/rows.npz"):
        seen |= set(np.unique(np.load(rows)["ids"]).tolist())
    held = [json.loads(line)["prompt"] for line in (work / "held_out.jsonl").read_text().splitlines()]
    for ids, _ in text.encode_all([[{"role": "user", "content": f"Prompt: {p}"}] for p in held], 1):
        seen |= set(ids)
    kept = first.kept + sorted(set(text.Vocabulary.of([seen]).kept) - set(first.kept))
    say(f"vocabulary: {len(kept)} tokens occur, {study['slots']} slots")
    text.Vocabulary(kept[:study["slots"]]).write(path)


if __name__ == "__main__":
    told = json.loads(Path(sys.argv[1]).read_text())
    print("        ", build(told[0], told[1], Path(told[2]), told[3]), file=sys.stderr, flush=True)
