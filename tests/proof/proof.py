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
import data as d  # noqa: E402
import sight  # noqa: E402
import text  # noqa: E402
import world  # noqa: E402

HERE = Path(__file__).resolve().parent
BEGAN = time.monotonic()


def say(*words):
    print(f"[{time.monotonic() - BEGAN:6.1f}]", *words, file=sys.stderr, flush=True)


def gpus():
    import torch

    return torch.cuda.device_count()


# ---- trainings ------------------------------------------------------------------------------------------------------


def chosen(study, data, seed, work, vocabulary):
    """The rows of a training in the vocabulary's numbers, and only their pictures."""
    rows, pictures, palettes = d.load(work / "data" / data.get("of", data["name"]))
    count = min(d.amount(study, data, work), len(rows))
    own = [rows[i] for i in random.Random(seed).sample(range(len(rows)), count)]
    used = sorted({n for row in own for n in row[2]})
    place = {n: i for i, n in enumerate(used)}
    rows = [(*vocabulary.both(ids, mask), [place[n] for n in numbers]) for ids, mask, numbers in own]
    return rows, pictures[used], palettes[used]


def training(study, data, seed, work, on, sim_url):
    """One training and its rollouts; the figures."""
    import torch

    import model as m
    import roll
    import train

    vocabulary = text.Vocabulary.read(work / "vocabulary.json")
    rows, *pictures = chosen(study, data, seed, work, vocabulary)
    name, facts = f"{data['name']}-{seed}", d.facts(data.get("of", data["name"]), work)
    model = m.make(study["size"], study["slots"], vocabulary, 0, on)
    model.load_state_dict(torch.load(work / "sight.pt", map_location=on))
    torch.manual_seed(seed)
    trained = train.sft(model, rows, *pictures, on, *(data.get(k, study[k]) for k in ("samples", "batch", "rate")), seed,
                        say=lambda *w: say(name, *w))
    if study.get("checkpoint") == name:
        m.save(model, vocabulary, work / "agent")
    began = time.monotonic()
    if on == "cuda":
        model.to(torch.bfloat16)
        torch.cuda.empty_cache()
    figures = roll.roll(model, vocabulary, on, work / "agent_project", work / "held_out.jsonl", work / "rolls" / name, sim_url)
    return {"dataset": data["name"], "seed": seed, "world": data.get("world", "clean"), "by": data.get("by", "rows"),
            "rows": len(rows), "cost_usd": round(facts["cost_usd"] / facts["rows"] * len(rows), 4),
            "acceptance": facts.get("acceptance"), "trained": trained,
            "roll_seconds": round(time.monotonic() - began, 1), "sets": figures}


def worker(study, work, out, until):
    """Takes trainings, one after the other, that nobody has taken and whose data are there."""
    on = "cuda" if gpus() else "cpu"
    with world.Sim(world.TRUE) as sim:
        while time.monotonic() - BEGAN < until:
            over = (work / "built").exists()
            free = [(data, seed) for data, seed in jobs(study) if not (work / "claims" / f"{data['name']}-{seed}").exists()
                    and all(d.facts(name, work) for name in (data.get("of", data["name"]), data.get("reference")) if name)]
            if not free:
                if over:
                    break
                time.sleep(1)
                continue
            data, seed = free[0]
            key = f"{data['name']}-{seed}"
            claim = work / "claims" / key
            try:
                claim.mkdir(parents=True)
            except FileExistsError:
                continue
            try:
                row = training(study, data, seed, work, on, sim.url)
            except BaseException as error:
                say(f"{key}: {error!r}")
                if "out of memory" in str(error):  # later there may be more room
                    time.sleep(20)
                    claim.rmdir()
                if isinstance(error, KeyboardInterrupt):
                    raise
                continue
            for folder in (work, out):
                with open(folder / "figures.jsonl", "a") as file:
                    file.write(json.dumps(row) + "\n")
            say(f"{key}: plain {[row['sets']['plain'][f'good_{n}'] for n in (1, 2, 3)]} of {row['sets']['plain']['prompts']}")


def read(file):
    """A study file; one that says `like` has what that file says but for what it `leave_out`s by name and says itself."""
    study = tomllib.loads(file.read_text())
    if "like" not in study:
        return study
    whole, left_out = read(file.parent / study.pop("like")), study.pop("leave_out", [])
    for kind in ("dataset", "variant"):
        whole[kind] = [one for one in whole.get(kind, []) if one["name"] not in left_out] + study.pop(kind, [])
    return whole | study


def expanded(study):
    """The study with its variants written out as datasets: each in both worlds, at equal rows (`rows_later` tiers after) and
    at equal dollars, with the seeds that `seeds_by` has for either."""
    later, seeds = study.pop("rows_later", 1), {kind: {"seeds": of} for kind, of in study.pop("seeds_by", {}).items()}
    for variant in study.pop("variant", []):
        tier = variant.get("tier", 1)
        for sort, whole, prefix in (("clean", "standard", ""), ("dirty", "dirty", "dirty_")):
            one = variant | {"name": prefix + variant["name"], "world": sort, "tier": tier}
            wanted = one.pop("by", ["rows", "dollars"])
            rows = {"tier": tier + later} | seeds.get("rows", {})
            # A dataset that only others take rows of is trained on with no seed.
            study["dataset"].append(one | (rows if "rows" in wanted else {"seeds": []}))
            if "dollars" in wanted:
                study["dataset"].append({"name": f"{one['name']}_dollars", "of": one["name"], "world": sort, "tier": tier,
                                         "by": "dollars", "reference": whole} | seeds.get("dollars", {}))
    return study


def jobs(study):
    """Trainings: what tells most first, and of that the first seed of each dataset; `more_seeds` come last."""
    tier = lambda data: data.get("tier", 1)
    first = [(tier(data), seed, data) for data in study["dataset"] for seed in data.get("seeds", study["seeds"])]
    more = [(99, seed, data) for data in study["dataset"] for seed in data.get("more_seeds", [])]
    return [(data, seed) for _, seed, data in sorted(first + more, key=lambda job: job[:2])]


# ---- commands -------------------------------------------------------------------------------------------------------


def tried(study, work):
    """Held-out prompts, and the world's own agent on them: what can be reached."""
    import roll

    d.held_out(study, work)
    with world.Sim(world.TRUE) as sim:
        ends = world.endpoints(work / "teacher.toml", sim.url)
        if not (work / "teacher.json").exists():
            world.run(work / "agent_project", "agent", work / "rolls/teacher", work / "held_out.jsonl", ends)
            told = roll.count(work / "rolls/teacher", work / "held_out.jsonl")
            (work / "teacher.json").write_text(json.dumps({"teacher": told}, indent=1))


def build_all(study, work):
    """Held-out sets and datasets, several side by side, in the order of their tiers."""
    ordered = sorted((data for data in study["dataset"] if "of" not in data), key=lambda data: data.get("tier", 1))
    with world.Sim(world.CLEAN) as clean, world.Sim(world.DIRTY) as dirty:
        sims = {"clean": clean, "dirty": dirty}
        with ThreadPoolExecutor(study["side_by_side"]) as team:
            todo = [team.submit(tried, study, work)]
            todo += [team.submit(d.apart, data, study, work, sims[data.get("world", "clean")].url) for data in ordered]
            for one in todo:
                if one.exception():
                    say(f"a dataset: {one.exception()!r}")
    say("datasets are built")
    (work / "built").touch()


def prepare(study, work):
    """Sight, and beside it the datasets: those that stand first are waited for."""
    (work / "built").unlink(missing_ok=True)
    world.project(work / "agent_project", "agent")
    world.project(work / "service_project", "service")
    if not (work / "sight/rows.npz").exists():
        sight.prepare(study, work, say)
    building = threading.Thread(target=build_all, args=(study, work))
    building.start()
    if not (work / "sight.pt").exists():
        sight.learn(study, work, gpus(), say)
    first = [data["name"] for data in study["dataset"] if "of" not in data and data.get("tier", 1) <= study.get("first_tiers", 99)]
    while building.is_alive() and not (all(d.facts(name, work) for name in first) and (work / "held_out.jsonl").exists()):
        time.sleep(0.5)
    d.vocabulary(study, work, say)
    return building


def run_study(study, work, out, until, workers):
    work.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    cores, many = os.cpu_count(), max(1, gpus())
    for name, least in (("cores", cores), ("side_by_side", max(1, cores // 3)), ("cores_each", min(4, cores))):
        study.setdefault(name, least)
    building = prepare(study, work)
    # What an earlier command ended is kept; what it only began is begun again.
    kept, done = work / "figures.jsonl", set()
    if kept.exists():
        recount(work)
        (out / "figures.jsonl").write_text(kept.read_text())
        done = {f"{r['dataset']}-{r['seed']}" for r in map(json.loads, kept.read_text().splitlines())}
    for claim in (work / "claims").glob("*"):
        if claim.name not in done:
            claim.rmdir()
    frozen, wanted = work / "study.json", len(jobs(study))
    frozen.write_text(json.dumps(study))
    say(f"{wanted} trainings, {workers} side by side on each of {many}")
    left = str(max(1, until - (time.monotonic() - BEGAN)))
    team = [subprocess.Popen([sys.executable, __file__, "worker", str(frozen), "--work", str(work), "--out", str(out), "--until", left],
                             preexec_fn=world.first, env={**os.environ, "OMP_NUM_THREADS": "2", "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
                                  **({"CUDA_VISIBLE_DEVICES": str(n % many)} if gpus() else {})})
            for n in range(workers * many)]
    while any(one.poll() is None for one in team):
        facts = {path.parent.name: json.loads(path.read_text()) for path in sorted((work / "data").glob("*/facts.json"))}
        (out / "datasets.json").write_text(json.dumps(facts, indent=1))
        for name in ("sight.json", "teacher.json"):
            if (work / name).exists():
                (out / name).write_text((work / name).read_text())
        time.sleep(2)
    building.join()
    done = len(kept.read_text().splitlines()) if kept.exists() else 0
    say(f"{done} trainings are done")
    # What the time did not allow is no failure; a dataset or a training that broke is.
    if done < wanted and time.monotonic() - BEGAN < until:
        raise SystemExit(f"{wanted - done} of {wanted} trainings failed; what they said is above")


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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("study", "worker", "one", "mini"):
        sub = verbs.add_parser(verb)
        if verb in ("study", "worker"):
            sub.add_argument("file")
        if verb == "one":
            sub.add_argument("pipeline")
        sub.add_argument("--work", default="target/proof/work")
        sub.add_argument("--out", default=os.environ.get("OUT", "target/proof/out"))
        sub.add_argument("--until", type=float, default=1e9, help="begin no training after so many seconds")
        sub.add_argument("--workers", type=int, default=4, help="trainings side by side on a GPU")
        sub.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a number of the study file")
    args = parser.parse_args()
    work, out = Path(args.work).resolve(), Path(args.out).resolve()
    if args.verb == "worker":
        return worker(json.loads(Path(args.file).read_text()), work, out, args.until)
    file = Path(args.file) if args.verb == "study" else HERE / ("mini.toml" if args.verb == "mini" else "study.toml")
    study = expanded(read(file))
    for setting in args.set:
        *into, name = setting.split("=")[0].split(".")
        (study[into[0]] if into else study)[name] = json.loads(setting.split("=", 1)[1])
    if args.verb == "one":
        study |= {"dataset": [{"name": args.pipeline, "pipeline": args.pipeline}], "seeds": [1], "before": {}}
    run_study(study, work, out, args.until, args.workers if args.verb == "study" else 1)


if __name__ == "__main__":
    main()
