#!/usr/bin/env python3
"""How pure a dataset is, and what it costs, for judges that err: the table and figure in README.

For judge errors of 5 to 30 % a question, drawn anew at each look or half of them repeating within a
family of models, three ways to judge are run on the simulated world: the paper's single judge, the
majority of three, and looks added up until the verdict is sure (the default pipeline behind the paper's `hard`),
with its judges learned from a pilot. Truth is what the world's judge says that does not err.

    cargo build && python3 tests/quality/measure.py --out tests/quality

Standard library only. `--errors 0.15 --prompts 200` makes it shorter. What was measured is kept in
`purity.json`: cells that are measured again replace those of before, the others stay. `judges.md` holds what
each pilot took its judges for beside what the world made of them.
"""
import argparse, base64, concurrent.futures, json, os, pathlib, random, re, shutil, subprocess, tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The ways to judge; the last where errors repeat.
SINGLE, MAJORITY, LOOKS, TRUSTED, THREE = ("single judge", "majority of 3", "looks added up", "the same, `hard` too",
                                           "three families")
FAULTLESS = ["judge-error", "judge-repeat", "rubber-stamp", "unparsed", "place-bias", "contradiction",
             "decode-error", "verifier-error"]
# What a rationale says of a thing that its judge saw otherwise at first (`sim::mind::judge`): it is there, or it is not.
TURNED = re.compile(r"(?:^|[,.:;] |\band |\bthat |\bis )([^,.:;]*?) (cannot be made out as it should be|can be made out\b)")
EXPECTED = re.compile(r"\(expected: (.*)\)$")


def claims_falsely(rationale, checks, holds):
    """Whether a thing is said to be there, or not, that is otherwise. A slip of a judge that another slip undoes
    is no false claim."""
    known = {m[1].lower(): holds[c["id"]] for c in checks if (m := EXPECTED.search(c["question"]))}
    said = lambda thing: next((h for name, h in known.items() if thing.lower().endswith(name)), None)
    return any(said(thing) != word.startswith("can ") for thing, word in TURNED.findall(rationale))


class Sim:
    """The simulated world on a free port."""

    def __init__(self, program, **rates):
        args = [program, "sim", "--port", "0"]
        for name, rate in rates.items():
            args += ["--" + name.replace("_", "-"), str(rate)]
        self.process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def endpoints(url):
    """Every role at the world; the file that `coldstart run` reads."""
    chat, gemini, images = ("openai-chat", "/v1"), ("gemini", "/v1beta"), ("openai-images", "/v1")
    roles = {"checklist": chat, "comparator": gemini, "generator": images, "grader": chat,
             "illustrator": images, "judge": chat, "second_judge": gemini, "third_judge": chat, "leak_reader": chat,
             "reflector": gemini, "solver": chat, "teacher": chat, "verifier": chat, "writer": chat}
    # List prices in dollars: a million tokens, a picture.
    prices = {"teacher": "input = 0.45, output = 3.5", "judge": "input = 0.2, output = 0.7",
              "reflector": "input = 1.25, output = 10.0", "comparator": "input = 0.3, output = 2.5",
              "second_judge": "input = 0.3, output = 2.5", "third_judge": "input = 0.4, output = 1.6",
              "generator": "image = 0.025", "illustrator": "image = 0.04"}
    lines = ["[default]", "prices = { input = 0.3, output = 1.2 }", "max_in_flight = 64", 'first_byte_timeout = "300s"',
             'idle_timeout = "300s"', 'total_timeout = "10m"']
    for role, (protocol, path) in roles.items():
        lines += [f"[role.{role}]", f'protocol = "{protocol}"', f'urls = ["{url}{path}"]']
        lines += [f"prices = {{ {prices[role]} }}"] if role in prices else []
    return "\n".join(lines) + "\n"


class Bench:
    def __init__(self, program, folder, prompts, seed):
        self.program, self.folder, self.seed = str(program), pathlib.Path(folder), seed
        lines = (ROOT / "data/pool/prompts.jsonl").read_text().splitlines()
        random.Random(3).shuffle(lines)
        self.pool = self.folder / "pool.jsonl"
        self.pool.write_text("\n".join(lines[:prompts]) + "\n")
        # Votes at temperature 0 are copies: those of the majority are drawn by a seed of their own.
        self.project = self.folder / "project"
        for part in ("stages", "templates", "data"):
            shutil.copytree(ROOT / part, self.project / part)
        shutil.copytree(self.project / "stages/paper", self.project / "stages/majority")
        models = self.project / "stages/majority/_models.toml"
        text = models.read_text().replace("[judge]\nkind        = \"chat\"", "[judge]\nkind        = \"chat\"\nseed        = 11")
        models.write_text(text)
        # The questions are of hard prompts, as the paper's recipe has them: the default pipeline behind its `hard`.
        shutil.copy(self.project / "stages/paper/hard.toml", self.project / "stages/standard")
        first = self.project / "stages/standard/first_round.toml"
        first.write_text(re.sub(r"(?m)^from .*", 'from = ["hard"]', first.read_text()))
        # The same with the eyes of a third maker.
        shutil.copytree(self.project / "stages/standard", self.project / "stages/three")
        models = self.project / "stages/three/_models.toml"
        models.write_text(models.read_text() + '\n[third_judge]\nkind = "chat"\nmodel = "gpt-5-mini"\ntemperature = 0.0\nmax_tokens = 4096\n')

    def call(self, *args):
        done = subprocess.run([self.program, *map(str, args)], capture_output=True, text=True)
        return done.stdout, done.stderr, done.returncode

    def sql(self, run, query):
        out, err, _ = self.call("audit", run, "--sql", query, "--format", "json")
        if not out:
            raise SystemExit(err)
        return json.loads(out)

    def run(self, name, pipeline, world, sets=(), limit=None):
        run = self.folder / name
        file = self.folder / "endpoints.toml"
        file.write_text(endpoints(world.url))
        args = ["run", pipeline, "--project", self.project, "--endpoints", file, "--out", run, "--quiet",
                "--pool", self.pool, "--seed", self.seed, "--set", "synthetic.count=20"]
        args += ["--limit", limit] if limit else []
        for one in sets:
            args += ["--set", one]
        _, err, code = self.call(*args)
        if code not in (0, 6):
            raise SystemExit(f"{name}: {err}")
        return run

    def explain(self, run, record):
        return json.loads(self.call("explain", run, record, "--full", "--format", "json")[0])


def truth(oracle, run, prompt, image, checks):
    """What the world's faultless judge says of each rule and atom."""
    digest = image["digest"]
    picture = base64.b64encode((run / "blobs" / digest[:2] / digest).read_bytes()).decode()
    of = lambda atoms: "\n".join(f"- {c['id']}: {c['question']}" for c in checks
                                 if bool(re.fullmatch(r"a\d+", c["id"])) == atoms)
    text = (f"<request>\n{prompt}\n</request>\n<rules>\n{of(False)}\n</rules>\n"
            f"<checklist>\n{of(True)}\n</checklist>")
    body = {"model": "oracle", "messages": [
        {"role": "system", "content": "# Task: judge\n"},
        {"role": "user", "content": [
            {"type": "text", "text": text},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64," + picture}}]}]}
    request = urllib.request.Request(oracle.url + "/v1/chat/completions", json.dumps(body).encode(),
                                     {"content-type": "application/json"})
    reply = json.load(urllib.request.urlopen(request))
    said = json.loads(reply["choices"][0]["message"]["content"])
    return {c["id"]: c["answer"] == "yes" for c in said["checks"]}


def judge_row(bench, oracle, run, row):
    """(every verdict right, every J true) of one row of the dataset."""
    life = bench.explain(run, row["id"])
    pure = true = True
    rounds = life["story"]["rounds"]
    # The last picture of an open row is cut: the conversation does not judge it.
    shown = rounds[: row["rounds"] - 1] if row["outcome"] == "open" else rounds
    for r in shown:
        judgement = r.get("judgement")
        if not judgement or not r.get("image"):
            continue
        each = truth(oracle, run, life["prompt"], r["image"], judgement["checks"])
        right = all(each.values()) == judgement["satisfied"]
        pure &= right
        true &= right and not claims_falsely(judgement["rationale"], judgement["checks"], each)
    return pure, true


def lost(bench, oracle, run, stage="judged"):
    """Of right first pictures, the share that did not come out as satisfied."""
    rows = bench.sql(run, f"select id, port from stages where stage = '{stage}'")
    picked = random.Random(1).sample(rows, min(60, len(rows)))
    right = gone = 0
    for row in picked:
        life = bench.explain(run, row["id"])
        first = next((r for r in life["story"]["rounds"] if r.get("image")), None)
        if not first or not first.get("judgement"):
            continue
        if all(truth(oracle, run, life["prompt"], first["image"], first["judgement"]["checks"]).values()):
            right += 1
            gone += row["port"] != "satisfied"
    return gone / right if right else None


def measure(bench, oracle, run, easy):
    rows = bench.sql(run, "select id, outcome, rounds from dataset")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        judged = list(pool.map(lambda row: judge_row(bench, oracle, run, row), rows))
    entered = bench.sql(run, "select id, disposition from stages where stage = 'hard'")
    # Canaries are no part of a row's price.
    aside = "key not in (select key from uses where stage = 'canaries')"
    calls, dollars = bench.sql(run, f"select count(*) n, sum(cost_usd) usd from calls where {aside}")[0].values()
    report = json.loads((run / "report.json").read_text())
    stated = report["dataset"].get("purity", {}).get("all")
    # A run without rows says nothing of what its rows would be.
    share = lambda of: sum(of) / len(rows) if rows else None
    through = [e for e in entered if e["id"] in easy and e["disposition"] == "passed"]
    return {
        "prompts": len(entered), "rows": len(rows), "purity": share([p for p, _ in judged]),
        "j_true": share([t for _, t in judged]), "kept": 100 * len(rows) / max(len(entered), 1),
        "calls": share([calls]), "dollars": share([dollars or 0.0]),
        "lost": lost(bench, oracle, run), "easy": len(through) / max(len(easy), 1),
        "stated": stated and stated["expected"], "low": stated and stated["low"],
        "high": stated and stated["high"],
    }


def held(bench, run, cell, error):
    """What a pilot takes its judges for, beside the world's rate; a line a judge."""
    out, _, _ = bench.call("judges", run, "--format", "json")
    for judge in json.loads(out)["fit"]["judges"]:
        if judge["kind"] is None:
            of = [judge["sensitivity"], judge["specificity"]]
            yield {**cell, "model": judge["model"], "looks": judge["looks"], "repeats": judge["repeat"],
                   "rates": [[s["value"], s["low"], s["high"]] for s in of],
                   "within": all(s["low"] <= 1 - error <= s["high"] for s in of)}


def learned(bench, world, name, pipeline, sets, pilot):
    """A pilot, whose judges the next runs take as they were found."""
    # A pilot knows nothing of what another one found.
    shutil.copy(ROOT / "data/judges.toml", bench.project / "data/judges.toml")
    first = bench.run(f"pilot_{name}", pipeline, world, sets, pilot)
    bench.call("judges", first, "--write", bench.project / "data/judges.toml")
    return first


def ways(bench, world, error, repeat, pilot, judges, wanted):
    """(name, RUN) of each way to judge that is wanted."""
    name = f"{round(error * 100)}_{'half' if repeat else 'free'}"
    if SINGLE in wanted:
        yield SINGLE, bench.run(f"single_{name}", "paper", world)
    if MAJORITY in wanted:
        yield MAJORITY, bench.run(f"majority_{name}", "majority", world, ["judged.votes=3"])
    # Two families that repeat half of their errors seldom come to 0.98 together.
    purity = [f"{stage}.purity={0.97 if repeat else 0.98}" for stage in ("judged", "good")]
    if LOOKS in wanted:
        first = learned(bench, world, name, "standard", purity, pilot)
        judges += held(bench, first, {"error": error, "repeat": repeat > 0}, error)
        yield LOOKS, bench.run(f"looks_{name}", "standard", world, purity)
    if TRUSTED in wanted:
        # A pilot of its own: what the plain generator draws of any prompt holds in a share of its own.
        trusted = purity + ['hard.judge=["judge", "second_judge"]', purity[0].replace("judged", "hard")]
        learned(bench, world, f"trusted_{name}", "standard", trusted, pilot)
        yield TRUSTED, bench.run(f"trusted_{name}", "standard", world, trusted)
    if repeat and THREE in wanted:
        three = purity + [f'{stage}.judge=["judge", "second_judge", "third_judge"]' for stage in ("judged", "good", "canaries")]
        learned(bench, world, f"three_{name}", "three", three, pilot)
        yield THREE, bench.run(f"three_{name}", "three", world, three)


def cell(value, percent=True):
    if value is None:
        return "-"
    return f"{100 * value:.1f} %" if percent else f"{value:.1f}" if value >= 1 else f"{value:.3f}"


def table(found):
    head = ("| judge error | errors | way | prompts | rows | purity | stated [interval] | every J true | kept of 100 | "
            "right pictures lost | easy through `hard` | calls a row | $ a row |\n|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
    line = lambda f: (f"| {int(100 * f['error'])} % | {'half repeat' if f['repeat'] else 'independent'} | {f['way']} | {f['prompts']} | {f['rows']} | "
                      f"{cell(f['purity'])} | {cell(f['stated'])} [{cell(f['low'])}, {cell(f['high'])}] | {cell(f['j_true'])} | "
                      f"{f['kept']:.1f} | {cell(f['lost'])} | {cell(f['easy'])} | {cell(f['calls'], False)} | {cell(f['dollars'], False)} |\n")
    return head + "".join(line(f) for f in found)


def judges_table(judges):
    head = ("| judge error | errors | judge | answers | sensitivity | specificity | repeats | the world's rate is within |\n"
            "|---|---|---|---:|---:|---:|---:|---|\n")
    rate = lambda of: f"{100 * of[0]:.1f} % [{100 * of[1]:.1f}, {100 * of[2]:.1f}]"
    line = lambda j: (f"| {round(100 * j['error'])} % | {'half repeat' if j['repeat'] else 'independent'} | {j['model']} | {j['looks']} | "
                      f"{rate(j['rates'][0])} | {rate(j['rates'][1])} | {j['repeats']:.2f} | {'yes' if j['within'] else 'no'} |\n")
    return head + "".join(map(line, judges))


COLOURS = {SINGLE: "#b23", MAJORITY: "#c80", LOOKS: "#27a", TRUSTED: "#293", THREE: "#808"}


def figure(found):
    """Purity and calls a row against the judges' error, as SVG."""
    errors = sorted({f["error"] for f in found})
    x = lambda e: 60 + 220 * (errors.index(e) / max(len(errors) - 1, 1))
    panels = [("purity, independent", "purity", False, 0.4, 1.0, 0), ("purity, half repeat", "purity", True, 0.4, 1.0, 300),
              ("calls a row, independent", "calls", False, 0, 120, 600)]
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="920" height="260" font-family="sans-serif" font-size="11">']
    for title, key, repeat, low, high, left in panels:
        y = lambda v: 210 - 170 * (min(max(v, low), high) - low) / (high - low)
        out.append(f'<g transform="translate({left},0)"><text x="60" y="22" font-weight="bold">{title}</text>')
        for step in range(4):
            value = low + (high - low) * step / 3
            label = f"{100 * value:.0f} %" if key == "purity" else f"{value:.0f}"
            out.append(f'<line x1="60" x2="280" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>'
                       f'<text x="54" y="{y(value) + 4:.1f}" text-anchor="end">{label}</text>')
        for error in errors:
            out.append(f'<text x="{x(error):.1f}" y="226" text-anchor="middle">{100 * error:.0f} %</text>')
        for way, colour in COLOURS.items():
            points = [(x(f["error"]), y(f[key])) for f in found if f["way"] == way and f["repeat"] == repeat and f[key] is not None]
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b in sorted(points))
            out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        out.append("</g>")
    for n, (way, colour) in enumerate(COLOURS.items()):
        out.append(f'<rect x="{60 + 190 * n}" y="240" width="10" height="10" fill="{colour}"/>'
                   f'<text x="{76 + 190 * n}" y="249">{way.replace("`", "")}</text>')
    return "\n".join(out + ["</svg>"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "target/debug/coldstart")
    parser.add_argument("--errors", type=float, nargs="+", default=[0.05, 0.10, 0.15, 0.20, 0.30])
    parser.add_argument("--repeats", type=float, nargs="+", default=[0.0, 0.5])
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--pilot", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ways", nargs="+", default=list(COLOURS), choices=list(COLOURS))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "tests/quality")
    args = parser.parse_args()
    kept = args.out / "purity.json"
    found, judges = json.loads(kept.read_text()).values() if kept.exists() else ([], [])
    place = lambda f: (f["repeat"], f["error"])
    with tempfile.TemporaryDirectory() as folder, \
            Sim(args.program, **{name.replace("-", "_"): 0 for name in FAULTLESS}) as oracle:
        bench = Bench(args.program, folder, args.prompts, args.seed)
        # Which prompts are easy is what the same draws are worth to a judge that does not err.
        sure = bench.run("sure", "paper", oracle)
        easy = {row["id"] for row in bench.sql(sure, "select id from stages where stage = 'hard' and reason = 'solved'")}
        for error in args.errors:
            for repeat in args.repeats:
                with Sim(args.program, judge_error=error, judge_repeat=repeat) as world:
                    here = (repeat > 0, error)
                    if LOOKS in args.ways:
                        judges = [j for j in judges if place(j) != here]
                    for way, run in ways(bench, world, error, repeat, args.pilot, judges, args.ways):
                        one = {"error": error, "repeat": repeat > 0, "way": way, **measure(bench, oracle, run, easy)}
                        found = sorted([f for f in found if (place(f), f["way"]) != (here, way)] + [one],
                                       key=lambda f: (place(f), list(COLOURS).index(f["way"])))
                        judges.sort(key=place)
                        print(one, flush=True)
                        args.out.mkdir(parents=True, exist_ok=True)
                        kept.write_text(json.dumps({"cells": found, "judges": judges}, indent=1) + "\n")
                        (args.out / "purity.md").write_text(table(found))
                        (args.out / "judges.md").write_text(judges_table(judges))
                        (args.out / "purity.svg").write_text(figure(found))


if __name__ == "__main__":
    main()
