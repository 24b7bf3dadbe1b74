"""Trains a small agent on a pipeline's dataset and rolls it out: `one`, `study`, `mini` (see README.md)."""

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import prompts  # noqa: E402
import text  # noqa: E402
import world  # noqa: E402

HERE = Path(__file__).resolve().parent
BEGAN = time.monotonic()


def say(*words):
    print(f"[{time.monotonic() - BEGAN:6.1f}]", *words, file=sys.stderr, flush=True)


def device():
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


# ---- data -----------------------------------------------------------------------------------------------------------


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


def build(data, study, work, url):
    """Runs and exports one dataset of the study, unless that was done; its rows, pictures and costs, as files."""
    folder = work / "data" / data["name"]
    if (folder / "facts.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    pool = prompts.pool(world.HOME, study["prompts"], study["seed"])
    if data.get("base"):
        found = base_rows(pool[:study["rows"]], url)
        facts = {"cost_usd": 0.0, "rows": len(found)}
    else:
        pipeline = data["pipeline"]
        project = world.project(folder / "project", pipeline, data.get("edits", []), data.get("without", {}))
        ends = world.endpoints(folder / "ends.toml", url, priced=True)
        rows = world.jsonl(folder / "pool.jsonl", pool)
        report = world.run(project, pipeline, folder / "run", rows, ends,
                           sets=[f"synthetic.count={study['riddles']}", *data.get("sets", [])])
        system = project / "data/system.txt"
        world.call(["export", folder / "run", "--format", "universal", "--out", folder / "export", "--replace", "--system", system])
        audit = json.loads(world.call(["audit", folder / "run", "--format", "json"], fine=(0, 1)))
        facts = {"cost_usd": report["cost_usd"], "rows": report["dataset"]["rows"], "digest": report["dataset"]["digest"],
                 "acceptance": audit["acceptance"], "funnel": {s["stage"]: s["passed"] for s in report["stages"]}}
        found = text.export_rows(folder / "export")
    encoded = text.encode_all([messages for messages, _ in found], study.get("cores_each", 2))
    pictures = [p for _, own in found for p in own]
    images = text.all_pixels(pictures, study.get("cores_each", 2)) if pictures else np.zeros((0, text.SIDE, text.SIDE, 3), np.uint8)
    np.save(folder / "images.npy", images)
    np.savez(folder / "rows.npz", ids=np.array([i for ids, _ in encoded for i in ids], np.int32),
             mask=np.array([m for _, mask in encoded for m in mask], bool),
             lengths=[len(ids) for ids, _ in encoded], pictures=[len(own) for _, own in found])
    (folder / "facts.json").write_text(json.dumps(facts))
    if not os.environ.get("KEEP"):
        subprocess.run(["rm", "-rf", folder / "run", folder / "export"])
    say(f"{data['name']}: {facts['rows']} rows, ${facts['cost_usd']:.2f}, {facts.get('acceptance')}")


def apart(data, study, work, url):
    """`build` in a process of its own: it forks, which this one, with a GPU at hand, had better not."""
    path = work / "data" / f"{data['name']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([data, study, url]))
    subprocess.run([sys.executable, __file__, "build", str(path), "--work", str(work)], check=True)


def load(folder):
    """Rows of a built dataset: (full ids, mask, numbers of pictures)."""
    files = np.load(folder / "rows.npz")
    # Each look into the file reads an array anew.
    ids, mask, at, seen, rows = files["ids"], files["mask"], 0, 0, []
    for length, own in zip(files["lengths"], files["pictures"]):
        rows.append((ids[at:at + length], mask[at:at + length], list(range(seen, seen + own))))
        at, seen = at + length, seen + own
    return rows, np.load(folder / "images.npy", mmap_mode="r")


def held_out(study, work):
    """The sets an agent is tried on, as one pool: a prompt's category is its set. None of them is trained on."""
    path = work / "held_out.jsonl"
    if path.exists():
        return path
    trained = {row["prompt"] for row in prompts.pool(world.HOME, study["prompts"], study["seed"])}
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
    rows = [{"prompt": r["prompt"], "category": name} for name, part in named for r in part]
    world.jsonl(path, rows)
    say("held out:", {name: len(part) for name, part in named})
    return path


# ---- sight ----------------------------------------------------------------------------------------------------------


def first_sight(study, work, on, data_ready):
    """Pictures, vocabulary and a model that has learned to look; all trainings start from it."""
    import torch

    import model as m
    import train

    if (work / "sight.pt").exists():
        return
    workers = study["cores"]
    told = world.sight(study["sight"]["pictures"], work / "sight.npy", workers=workers)
    images = np.load(work / "sight.npy")
    say(f"{len(told)} pictures to learn to look at")
    data_ready.set()
    # What may be said: descriptions, prompts, and a first look at each dataset that is there by then.
    asked = [[{"role": "user", "content": t}] for t in told[:4000]]
    vocabulary = text.Vocabulary.of(ids for ids, _ in text.encode_all(asked, 1))
    vocabulary.write(work / "sight_vocabulary.json")
    model = m.make(study["size"], study["slots"], vocabulary, 0, on)
    m.same_as_its_own(model, on)
    rows = train.picture_rows(vocabulary, told)
    s = study["sight"]
    done = train.sight(model, images, rows, on, s["steps"], s["batch"], s.get("seconds", 1e9), s["rate"], say=say)
    torch.save(model.state_dict(), work / "sight.tmp")
    (work / "sight.json").write_text(json.dumps(done))
    os.rename(work / "sight.tmp", work / "sight.pt")
    (work / "sight.npy").unlink()


def grown(study, work):
    """The vocabulary of sight, with what occurs in the datasets behind it (numbers of sight stay)."""
    path = work / "vocabulary.json"
    if path.exists():
        return
    first = text.Vocabulary.read(work / "sight_vocabulary.json")
    seen = set()
    for data in study["dataset"]:
        folder = work / "data" / data["name"]
        if (folder / "rows.npz").exists():
            seen |= set(np.unique(np.load(folder / "rows.npz")["ids"]).tolist())
    held = [json.loads(line)["prompt"] for line in (work / "held_out.jsonl").read_text().splitlines()]
    for ids, _ in text.encode_all([[{"role": "user", "content": f"Prompt: {p}"}] for p in held], 1):
        seen |= set(ids)
    kept = first.kept + sorted(seen - set(first.kept))
    say(f"vocabulary: {len(kept)} tokens occur, {study['slots']} slots")
    text.Vocabulary(kept[:study["slots"]]).write(path)


# ---- trainings ------------------------------------------------------------------------------------------------------


def amounts(study, data, work):
    """How many rows a training takes: `equal` rows, and as many as the reference's dollars buy."""
    facts = lambda name: json.loads((work / "data" / name / "facts.json").read_text())
    own, wanted = facts(data["name"]), study["rows"]
    if data.get("by", "rows") != "dollars":
        return min(wanted, own["rows"])
    reference = facts(data["reference"])
    dollars = reference["cost_usd"] / reference["rows"] * wanted
    return min(own["rows"], int(dollars / (own["cost_usd"] / own["rows"])))


def training(study, data, seed, work, on, sim_url):
    """One training and its rollouts; the figures."""
    import torch

    import model as m
    import roll
    import train

    source = work / "data" / data.get("of", data["name"])
    vocabulary = text.Vocabulary.read(work / "vocabulary.json")
    rows, images = load(source)
    facts = json.loads((source / "facts.json").read_text())
    count = amounts(study, {**data, "name": data.get("of", data["name"])}, work)
    chosen = random.Random(seed).sample(range(len(rows)), min(count, len(rows)))
    chosen = [(*vocabulary.both(ids, mask), own) for ids, mask, own in (rows[i] for i in chosen)]
    # Only the pictures of the chosen rows.
    used = sorted({n for row in chosen for n in row[2]})
    place = {n: i for i, n in enumerate(used)}
    images = np.asarray(images[used]) if used else np.zeros((0, text.SIDE, text.SIDE, 3), np.uint8)
    chosen = [(ids, mask, [place[n] for n in own]) for ids, mask, own in chosen]
    model = m.make(study["size"], study["slots"], vocabulary, 0, on)
    model.load_state_dict(torch.load(work / "sight.pt", map_location=on))
    torch.manual_seed(seed)
    name = f"{data['name']} seed {seed}"
    trained = train.sft(model, chosen, images, on, study["samples"], study["batch"], study["rate"], seed,
                        say=lambda *w: say(name, *w))
    began = time.monotonic()
    if on == "cuda":
        model.to(torch.bfloat16)
    project = work / "agent_project"
    figures = roll.roll(model, vocabulary, on, project, work / "held_out.jsonl", work / "rolls" / f"{data['name']}-{seed}", sim_url)
    return {"dataset": data["name"], "seed": seed, "world": data.get("world", "clean"), "by": data.get("by", "rows"),
            "rows": len(chosen), "cost_usd": round(facts["cost_usd"] / facts["rows"] * len(chosen), 4),
            "acceptance": facts.get("acceptance"), "trained": trained,
            "roll_seconds": round(time.monotonic() - began, 1), "sets": figures}


def worker(study, work, out, on, until):
    """Takes trainings, one after the other, that nobody has taken."""
    with world.Sim(world.TRUE) as sim:
        for data, seed in jobs(study):
            key = f"{data['name']}-{seed}"
            claim = work / "claims" / key
            if time.monotonic() - BEGAN > until:
                break
            try:
                claim.mkdir(parents=True)
            except FileExistsError:
                continue
            try:
                row = training(study, data, seed, work, on, sim.url)
            except BaseException as error:
                say(f"{key}: {error!r}")
                claim.rmdir()
                if isinstance(error, (KeyboardInterrupt, SystemExit)):
                    raise
                continue
            for folder in (work, out):
                with open(folder / "figures.jsonl", "a") as file:
                    file.write(json.dumps(row) + "\n")
            say(f"{key}: plain {[row['sets']['plain'][f'good_{n}'] for n in (1, 2, 3)]} of {row['sets']['plain']['prompts']}")


def jobs(study):
    """Trainings: what tells most first, and of that the first seed of each dataset."""
    for tier in sorted({data.get("tier", 1) for data in study["dataset"]}):
        for seed in study["seeds"]:
            for data in study["dataset"]:
                if data.get("tier", 1) == tier:
                    yield data, seed


# ---- commands -------------------------------------------------------------------------------------------------------


def prepare(study, work, on):
    """Datasets, sets and sight, side by side."""
    work.mkdir(parents=True, exist_ok=True)
    ready, failures = threading.Event(), []

    def guarded(act, *args):
        try:
            act(*args)
        except BaseException as error:
            failures.append(error)
            ready.set()
            say(f"{act.__name__}: {error!r}")

    looking = threading.Thread(target=guarded, args=(first_sight, study, work, on, ready))
    if not (work / "sight.pt").exists():
        looking.start()
        ready.wait()
    with world.Sim(world.CLEAN) as clean, world.Sim(world.DIRTY) as dirty:
        sims = {"clean": clean, "dirty": dirty}
        with ThreadPoolExecutor(study["side_by_side"]) as team:
            todo = [team.submit(guarded, held_out, study, work)]
            todo += [team.submit(guarded, apart, d, study, work, sims[d.get("world", "clean")].url)
                     for d in study["dataset"] if "of" not in d]
            for one in todo:
                one.result()
    if looking.ident:
        looking.join()
    if failures and not (work / "sight.pt").exists():
        raise SystemExit(str(failures[0]))
    world.project(work / "agent_project", "agent")
    grown(study, work)


def run_study(study, work, out, until, workers, on):
    out.mkdir(parents=True, exist_ok=True)
    all_wanted = len(list(jobs(study)))
    prepare(study, work, on)
    built = {d["name"] for d in study["dataset"] if (work / "data" / d["name"] / "facts.json").exists()}
    study["dataset"] = [d for d in study["dataset"] if d.get("of", d["name"]) in built]
    facts = {name: json.loads((work / "data" / name / "facts.json").read_text()) for name in sorted(built)}
    (out / "datasets.json").write_text(json.dumps(facts, indent=1))
    if (work / "sight.json").exists():
        (out / "sight.json").write_text((work / "sight.json").read_text())
    teachers(study, work, out)
    # What an earlier command ended is kept; what it only began is begun again.
    kept, done = work / "figures.jsonl", set()
    if kept.exists():
        recount(work)
        (out / "figures.jsonl").write_text(kept.read_text())
        done = {f"{r['dataset']}-{r['seed']}" for r in map(json.loads, kept.read_text().splitlines())}
    for claim in (work / "claims").glob("*"):
        if claim.name not in done:
            claim.rmdir()
    frozen = work / "study.json"
    frozen.write_text(json.dumps(study))
    wanted = len(list(jobs(study)))
    say(f"{wanted} trainings, {workers} side by side")
    team = [subprocess.Popen([sys.executable, __file__, "worker", str(frozen), "--work", str(work), "--out", str(out),
                              "--until", str(max(1, until - (time.monotonic() - BEGAN)))],
                             env={**os.environ, "OMP_NUM_THREADS": "2"}) for _ in range(workers)]
    for one in team:
        one.wait()
    done = len(kept.read_text().splitlines()) if kept.exists() else 0
    say(f"{done} trainings are done")
    # What the time did not allow is no failure; a dataset or a training that broke is.
    if (wanted < all_wanted or done < wanted) and time.monotonic() - BEGAN < until:
        raise SystemExit(f"{all_wanted - done} of {all_wanted} trainings failed; what they said is above")


def recount(work):
    """Counts the kept rollouts of all trainings anew: the counting may have changed."""
    import roll

    kept, lines = work / "figures.jsonl", []
    for row in map(json.loads, kept.read_text().splitlines()):
        run = work / "rolls" / f"{row['dataset']}-{row['seed']}" / "run"
        if run.exists():
            more = {k: row["sets"][k] for k in ("server", "rolled") if k in row["sets"]}
            row["sets"] = {**roll.count(run, work / "held_out.jsonl"), **more}
        lines.append(json.dumps(row) + "\n")
    kept.write_text("".join(lines))


def teachers(study, work, out):
    """The world's own agent on the same sets: what can be reached."""
    import roll

    pool = work / "held_out.jsonl"
    with world.Sim(world.TRUE) as sim:
        ends = world.endpoints(work / "teacher.toml", sim.url)
        if not (work / "rolls/teacher").exists():
            world.run(work / "agent_project", "agent", work / "rolls/teacher", pool, ends)
    told = json.dumps({"teacher": roll.count(work / "rolls/teacher", pool)}, indent=1)
    (out / "teacher.json").write_text(told)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("study", "worker", "build", "one", "mini"):
        sub = verbs.add_parser(verb)
        if verb in ("study", "worker", "build"):
            sub.add_argument("file")
        if verb == "one":
            sub.add_argument("pipeline")
        sub.add_argument("--work", default="target/proof/work")
        sub.add_argument("--out", default=os.environ.get("OUT", "target/proof/out"))
        sub.add_argument("--until", type=float, default=1e9, help="begin no training after so many seconds")
        sub.add_argument("--workers", type=int, default=4)
    args = parser.parse_args()
    work, out = Path(args.work).resolve(), Path(args.out).resolve()
    if args.verb == "worker":
        worker(json.loads(Path(args.file).read_text()), work, out, device(), args.until)
    elif args.verb == "build":
        data, study, url = json.loads(Path(args.file).read_text())
        build(data, study, work, url)
    elif args.verb == "study":
        run_study(tomllib.loads(Path(args.file).read_text()), work, out, args.until, args.workers, device())
    elif args.verb == "mini":
        run_study(tomllib.loads((HERE / "mini.toml").read_text()), work, out, args.until, 1, device())
    else:
        study = tomllib.loads((HERE / "study.toml").read_text())
        study["dataset"] = [{"name": args.pipeline, "pipeline": args.pipeline}]
        study["seeds"] = [1]
        run_study(study, work, out, args.until, 1, device())


if __name__ == "__main__":
    main()
