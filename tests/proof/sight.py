"""Learning to look: pictures of a world that obeys with what is said of them, and the processes that learn from them
side by side, one a GPU. As a program: `sight.py STUDY WORK RANK OF`, one of these processes."""

import json
import multiprocessing
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import prompts  # noqa: E402
import text  # noqa: E402
import world  # noqa: E402

def _draw(job):
    """Draws a part of the pictures and puts them where they belong; what is said of each, as ids and turns."""
    port, at, count, path = job
    nouns, colors = prompts.words(world.HOME)
    rng = random.Random(f"sight {at}")
    scenes = [prompts.sight(rng, nouns, colors) for _ in range(count)]
    pictures, palettes = np.load(path / "pictures.npy", mmap_mode="r+"), np.load(path / "palettes.npy", mmap_mode="r+")
    rows = []
    for n, (encoded, told) in enumerate(world.drawn((port, [(at + n, caption, told) for n, (caption, told) in enumerate(scenes)]))):
        pictures[at + n], palettes[at + n] = text.indexed(encoded)
        rows.append(text.conversation(told))
    pictures.flush(), palettes.flush()
    return at, rows


def pictures(count, path, workers):
    """Draws `count` pictures into `path`; the rows (full ids, turns) about them."""
    path.mkdir(parents=True, exist_ok=True)
    for name, shape in (("pictures", (text.SIDE, text.SIDE)), ("palettes", (text.COLORS, 3))):
        np.lib.format.open_memmap(path / f"{name}.npy", "w+", np.uint8, (count, *shape)).flush()
    text.words()
    step = max(1, min(500, count // workers))
    with world.Sim(["--clumsiness", "0", "--stubborn", "0"], seed=3) as sim, \
            multiprocessing.get_context("fork").Pool(workers) as team:
        jobs = [(sim.port, at, min(step, count - at), path) for at in range(0, count, step)]
        parts = dict(team.imap_unordered(_draw, jobs))
    return [row for at in sorted(parts) for row in parts[at]]


def prepare(study, work, say):
    """Pictures and the vocabulary of what is said."""
    rows = pictures(study["sight"]["pictures"], work / "sight", study["cores"])
    vocabulary = text.Vocabulary.of(ids for ids, _ in rows)
    vocabulary.write(work / "sight_vocabulary.json")
    np.savez(work / "sight/rows.npz", ids=np.concatenate([vocabulary.numbered(ids) for ids, _ in rows]),
             turns=np.concatenate([turns for _, turns in rows]), lengths=[len(ids) for ids, _ in rows])
    say(f"{len(rows)} pictures to learn to look at, {len(vocabulary)} tokens")


def learn(study, work, gpus, say):
    """Trains on all GPUs; on one where that fails."""
    path = work / "study_sight.json"
    path.write_text(json.dumps(study))
    for of in dict.fromkeys((max(1, gpus), 1)):
        for name in ("meet", "sight.began"):
            (work / name).unlink(missing_ok=True)
        latest = time.monotonic() + 120 if of > 1 else float("inf")
        team = [subprocess.Popen([sys.executable, __file__, str(path), str(work), str(rank), str(of)], preexec_fn=world.first, env={
            **os.environ, **({"CUDA_VISIBLE_DEVICES": str(rank)} if gpus else {})}) for rank in range(of)]
        while any(one.poll() is None for one in team) and not any(one.poll() for one in team) and \
                (time.monotonic() < latest or (work / "sight.began").exists()):
            time.sleep(0.2)
        if not any(one.wait() if one.poll() is not None else one.kill() or 1 for one in team):
            return
        say(f"sight on {of} processes failed")
    raise SystemExit("sight failed")


def main():
    import torch

    import model as m
    import train

    study, work, rank, of = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), *map(int, sys.argv[3:5])
    on = "cuda" if torch.cuda.is_available() else "cpu"
    if of > 1:
        torch.distributed.init_process_group("nccl" if on == "cuda" else "gloo", init_method=f"file://{work}/meet",
                                             rank=rank, world_size=of)

    def say(*words):
        print("        ", *words, file=sys.stderr, flush=True)
        (work / "sight.began").touch()

    vocabulary = text.Vocabulary.read(work / "sight_vocabulary.json")
    model = m.make(study["size"], study["slots"], vocabulary, 0, on)
    if rank == 0:
        m.same_as_its_own(model, on)
    files = np.load(work / "sight/rows.npz")
    at = np.cumsum(files["lengths"])[:-1]
    rows = list(zip(np.split(files["ids"], at), np.split(files["turns"], at)))
    load = lambda name: torch.from_numpy(np.load(work / f"sight/{name}.npy")).to(on)
    s = study["sight"]
    done = train.sight(model, load("pictures"), load("palettes"), rows, on, s["steps"], s["batch"], s.get("seconds", 1e9),
                       s["rate"], rank, of, say=say)
    if rank == 0:
        torch.save(model.state_dict(), work / "sight.tmp")
        (work / "sight.json").write_text(json.dumps(done))
        os.rename(work / "sight.tmp", work / "sight.pt")
        say(json.dumps(done))
    if of > 1:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
