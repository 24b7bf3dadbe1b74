"""Figures of a study as tables, drawings and data: report.py OUT... --into FOLDER; with --pooled, what each filter is
worth over several studies."""

import argparse
import json
import math
from html import escape
from pathlib import Path

COLUMNS = [
    ("1", lambda s: (s["good_1"], s["prompts"])), ("2", lambda s: (s["good_2"], s["prompts"])),
    ("3", lambda s: (s["good_3"], s["prompts"])),
    ("J1 right", lambda s: (s["j1"][0][0] + s["j1"][1][1], sum(map(sum, s["j1"])))),
    ("J1 rejects wrong", lambda s: (s["j1"][0][0], sum(s["j1"][0]))),
    ("J1 accepts right", lambda s: (s["j1"][1][1], sum(s["j1"][1]))),
    ("J2 rejects wrong", lambda s: (s["j2"][0][0], sum(s["j2"][0]))),
    ("J2 accepts right", lambda s: (s["j2"][1][1], sum(s["j2"][1]))),
    ("errors", lambda s: (s["errors"], s["prompts"])),
    ("copies", lambda s: (s["near_copies"], s["prompts"])),
]
# Of a mean of so many seeds: half the 95 % interval in standard errors (Student's t).
T = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26, 11: 2.23, 12: 2.20}
SETS = ("plain", "riddles", "unseen", "easy")


def together(sets):
    """All sets as one."""
    parts, out = [sets[n] for n in SETS if n in sets], {}
    for key in parts[0]:
        if key.startswith("j"):
            out[key] = [[sum(p[key][r][c] for p in parts) for c in (0, 1)] for r in (0, 1)]
        else:
            out[key] = sum(p[key] for p in parts)
    return out


def read(folders):
    """One row per training; a later one of the same name and seed counts."""
    rows, datasets, teacher, curve = {}, {}, None, []
    for folder in map(Path, folders):
        lines = lambda name: (folder / name).read_text().splitlines() if (folder / name).exists() else []
        for row in map(json.loads, lines("figures.jsonl")):
            row["sets"]["all"] = together(row["sets"])
            rows[row["dataset"], row["seed"]] = row
        if (folder / "datasets.json").exists():
            told = json.loads((folder / "datasets.json").read_text())
            datasets |= told.get("datasets", told)
        if (folder / "teacher.json").exists():
            teacher = json.loads((folder / "teacher.json").read_text())["teacher"]
            teacher["all"] = together(teacher)
        curve += map(json.loads, lines("grpo.jsonl"))
    return [rows[key] for key in sorted(rows, key=lambda key: (order(key[0], list(datasets)), key[1]))], datasets, teacher, curve


def order(name, known):
    """Clean before dirty, the recipes first, what is taken out after them."""
    first = ["base", "standard_large", "standard", "paper", "three_rounds"]
    plain = name.removeprefix("dirty_") if name != "dirty" else ""
    return (name.startswith("dirty"), first.index(name) if name in first else 9, plain.endswith("_dollars"), plain)


def shares(rows, name, figure):
    """By seed."""
    parts = {row["seed"]: figure(row["sets"][name]) for row in rows if name in row["sets"]}
    return {seed: hits / of for seed, (hits, of) in parts.items() if of}


def mean(values, of=None):
    """Mean in percent and its standard error over seeds (of one seed of `of` cases: the binomial's)."""
    values = list(values)
    if not values:
        return None
    middle, n = sum(values) / len(values), len(values)
    error = math.sqrt(sum((v - middle) ** 2 for v in values) / (n - 1) / n) if n > 1 else \
        math.sqrt(middle * (1 - middle) / of) if of else math.nan
    return 100 * middle, 100 * error


def cell(rows, name, figure):
    value = mean(shares(rows, name, figure).values(), figure(rows[0]["sets"][name])[1])
    return "-" if value is None else f"{value[0]:.1f} ± {value[1]:.1f}"


def named(rows):
    return list(dict.fromkeys(row["dataset"] for row in rows))


def table(rows, teacher, name):
    """Markdown: a line a dataset."""
    out = ["| trained on | rows | $ | seeds | " + " | ".join(title for title, _ in COLUMNS) + " |",
           "|---" * (4 + len(COLUMNS)) + "|"]
    for dataset in named(rows):
        own = [row for row in rows if row["dataset"] == dataset]
        cells = [cell(own, name, figure) for _, figure in COLUMNS]
        out.append(f"| {dataset} | {own[0]['rows']} | {own[0]['cost_usd']:.0f} | {len(own)} | " + " | ".join(cells) + " |")
    if teacher:
        cells = [cell([{"seed": 1, "sets": teacher}], name, figure) for _, figure in COLUMNS]
        out.append("| (the world's own agent) | | | | " + " | ".join(cells) + " |")
    return "\n".join(out) + "\n"


def interval(gaps):
    """Mean and half the 95 % interval of gaps in percent points."""
    value = mean(gap / 100 for gap in gaps)
    return value and (value[0], T.get(len(gaps), 2.0) * value[1] if len(gaps) > 1 else math.nan)


def told(value):
    """An interval as text; of one gap the gap alone."""
    if not value:
        return "-"
    return f"{value[0]:+.1f}" + ("" if math.isnan(value[1]) else f" ({value[0] - value[1]:+.1f} to {value[0] + value[1]:+.1f})")


def differences(rows, name):
    """Against the whole pipeline of the same world, by seeds that both have: mean, 95 % interval in brackets."""
    columns = [c for c in COLUMNS if c[0] not in ("errors", "copies")]
    out = ["| against the whole pipeline | seeds | " + " | ".join(title for title, _ in columns) + " |", "|---" * (2 + len(columns)) + "|"]
    for dataset in named(rows):
        whole = "dirty" if dataset.startswith("dirty") else "standard"
        pair = [[row for row in rows if row["dataset"] == one] for one in (dataset, whole)]
        if dataset == whole or not pair[1]:
            continue
        cells, seeds = [], 0
        for _, figure in columns:
            own, other = (shares(part, name, figure) for part in pair)
            gaps = [100 * (own[seed] - other[seed]) for seed in own if seed in other]
            seeds = max(seeds, len(gaps))
            cells.append(told(interval(gaps)))
        out.append(f"| {dataset} | {seeds} | " + " | ".join(cells) + " |")
    return "\n".join(out) + "\n"


def alike(sets, names=("plain", "riddles", "unseen")):
    """What one training is worth, in percent, on the sets that all studies have: success at three pictures (all, and
    `plain` alone), J1 right, J2 right (mean of the wrong that it rejects and the right that it accepts)."""
    both = together({name: sets[name] for name in names})
    share = lambda hits, of: 100 * hits / of if of else None
    good = lambda s: share(s["good_3"], s["prompts"])
    (no, slip), (miss, yes) = both["j2"]
    second = [share(no, no + slip), share(yes, miss + yes)]
    return [good(both), good(sets["plain"]), share(both["j1"][0][0] + both["j1"][1][1], sum(map(sum, both["j1"]))),
            None if None in second else sum(second) / 2]


def pooled(folders):
    """What is taken out, and by how much agents differ from those of the whole pipeline: gaps of paired seeds of both
    worlds and of all studies; those of one world and seed are one gap, their mean, since they are trained on
    rows drawn alike.
    {(what, by): [gaps of each of `alike`'s figures]}"""
    found = {}
    for folder in folders:
        rows = {(row["dataset"], row["seed"]): row for row in read([folder])[0]}
        for (name, seed), row in rows.items():
            world = "dirty" if name.startswith("dirty") else "standard"
            whole, what = rows.get((world, seed)), name.removeprefix("dirty_")
            if whole is None or what.split("_")[0] not in ("no", "hard", "judged", "good"):
                continue
            gaps = found.setdefault((what.removesuffix("_dollars"), row["by"]), {}).setdefault((world, seed), [])
            pairs = zip(alike(row["sets"]), alike(whole["sets"]))
            gaps.append([None if None in pair else pair[0] - pair[1] for pair in pairs])
    return {key: [means(figure) for figure in zip(*(zip(*gaps) for gaps in by_seed.values()))]
            for key, by_seed in sorted(found.items())}


def means(seeds):
    """The mean of each seed's gaps; a seed without any has none."""
    known = [[gap for gap in gaps if gap is not None] for gaps in seeds]
    return [sum(gaps) / len(gaps) for gaps in known if gaps]


POOLED = ["success at 3", "the same, plain", "J1 right", "J2 right (mean of both kinds)"]


def pooled_table(gaps):
    out = ["| taken out or changed | at equal | pairs | " + " | ".join(POOLED) + " |", "|---" * (3 + len(POOLED)) + "|"]
    for (what, by), figures in sorted(gaps.items(), key=lambda item: item[0][::-1]):
        out.append(f"| {what} | {by} | {len(figures[0])} | " + " | ".join(told(interval(f)) for f in figures) + " |")
    return "\n".join(out) + "\n"


def pooled_drawing(gaps):
    """SVG: the gaps at equal dollars with their intervals."""
    own = {what: figures for (what, by), figures in gaps.items() if by == "dollars"}
    left, wide, height = 190, 420, 34 * len(own) + 56
    at = lambda v: left + wide * (max(-30, min(30, v)) + 30) / 60
    out = frame("Points more or less than with the whole pipeline, equal dollars", left + wide + 30, height)
    for tick in range(-30, 31, 10):
        out.append(f'<path d="M{at(tick):.0f} 24V{height - 22}" stroke="{"#999" if tick == 0 else "#ddd"}"/>'
                   f'<text x="{at(tick):.0f}" y="{height - 6}" text-anchor="middle" fill="#777">{tick:+d}</text>')
    shown = ((0, "#1f4e8c", "success at 3 pictures"), (2, "#6a9fd4", "J1 right"), (3, "#c98a2b", "J2 right"))
    for i, (_, color, title) in enumerate(shown):
        out.append(f'<circle cx="{left + 155 * i + 6}" cy="12" r="4" fill="{color}"/><text x="{left + 155 * i + 16}" y="16" fill="#777">{title}</text>')
    for i, (what, figures) in enumerate(own.items()):
        y = 42 + 34 * i
        out.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end" fill="#777">{escape(what.replace("_", " "))}</text>')
        for k, (column, color, _) in enumerate(shown):
            value = interval(figures[column])
            if value and not math.isnan(value[1]):
                row = y - 8 + 8 * k
                out.append(f'<path d="M{at(value[0] - value[1]):.1f} {row}H{at(value[0] + value[1]):.1f}" stroke="{color}" stroke-width="2"/>'
                           f'<circle cx="{at(value[0]):.1f}" cy="{row}" r="3.5" fill="{color}"/>')
    return "\n".join(out) + "\n</svg>\n"


def frame(title, wide, height):
    return [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {height}" font-family="sans-serif" '
            f'font-size="12"><title>{escape(title)}</title>']


def drawing(rows, name):
    """SVG: success at one, two and three pictures by dataset, with 95 % intervals."""
    names = named(rows)
    height, left, wide = 22 * len(names) + 50, 230, 420
    at = lambda v: left + wide * v / 100
    out = frame(f"Success at one, two and three pictures, {name} prompts", left + wide + 60, height)
    for tick in range(0, 101, 20):
        out.append(f'<path d="M{at(tick):.0f} 24V{height - 22}" stroke="#ddd"/>'
                   f'<text x="{at(tick):.0f}" y="{height - 6}" text-anchor="middle" fill="#777">{tick} %</text>')
    for i, (n, color) in enumerate(((1, "#bbb"), (2, "#6a9fd4"), (3, "#1f4e8c"))):
        out.append(f'<circle cx="{left + 130 * i + 6}" cy="12" r="4" fill="{color}"/>'
                   f'<text x="{left + 130 * i + 16}" y="16" fill="#777">{n} picture{"s" * (n > 1)}</text>')
    for i, dataset in enumerate(names):
        y = 38 + 22 * i
        own = [row for row in rows if row["dataset"] == dataset]
        out.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end" fill="#777">{escape(dataset)}</text>')
        for (_, figure), color in zip(COLUMNS[:3], ("#bbb", "#6a9fd4", "#1f4e8c")):
            value = mean(shares(own, name, figure).values(), figure(own[0]["sets"][name])[1])
            if value:
                half = T.get(len(own), 2.0) * value[1]
                low, high = max(0, value[0] - half), min(100, value[0] + half)
                out.append(f'<path d="M{at(low):.1f} {y}H{at(high):.1f}" stroke="{color}" stroke-width="2"/>'
                           f'<circle cx="{at(value[0]):.1f}" cy="{y}" r="4" fill="{color}"/>')
    return "\n".join(out) + "\n</svg>\n"


def curve_drawing(curve):
    """SVG: mean reward and share of satisfied rollouts by step."""
    wide, high, left = 560, 220, 40
    steps = [line["step"] for line in curve]
    x = lambda step: left + (wide - left - 20) * (step - steps[0]) / max(1, steps[-1] - steps[0])
    y = lambda v: high - 30 - (high - 60) * (v + 0.2) / 1.2
    out = frame("Reward by step of GRPO", wide, high)
    for tick in (-0.2, 0, 0.25, 0.5, 0.75, 1):
        out.append(f'<path d="M{left} {y(tick):.0f}H{wide - 20}" stroke="#ddd"/><text x="{left - 6}" y="{y(tick) + 4:.0f}" text-anchor="end" fill="#777">{tick}</text>')
    for step in (steps[0], steps[len(steps) // 2], steps[-1]):
        out.append(f'<text x="{x(step):.0f}" y="{high - 10}" text-anchor="middle" fill="#777">step {step}</text>')
    for key, color, at in (("reward", "#1f4e8c", 0), ("satisfied", "#6a9fd4", 120), ("format_broken", "#bbb", 240)):
        path = "L".join(f"{x(line['step']):.1f} {y(line[key]):.1f}" for line in curve)
        out.append(f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="2"/><text x="{left + at}" y="16" fill="{color}">{key.replace("_", " ")}</text>')
    return "\n".join(out) + "\n</svg>\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="+")
    parser.add_argument("--into")
    parser.add_argument("--pooled", action="store_true", help="only what is taken out, over worlds, seeds and studies (a folder each)")
    args = parser.parse_args()
    if args.pooled:
        gaps = pooled(args.out)
        print(pooled_table(gaps))
        if args.into:
            Path(args.into, "filters.md").write_text("Points against the whole pipeline, mean and 95 % interval of paired seeds, both worlds together.\n\n" + pooled_table(gaps))
            Path(args.into, "filters.svg").write_text(pooled_drawing(gaps))
        return
    rows, datasets, teacher, curve = read(args.out)
    sets = [n for n in ("all", *SETS) if any(n in row["sets"] for row in rows)]
    text = "".join(f"\n## {name}\n\n{table(rows, teacher, name)}\n{differences(rows, name)}" for name in sets)
    text = "Success at 1, 2 and 3 pictures and the rest in percent, mean ± standard error over seeds (`all`: the sets as one).\n" + text
    if not args.into:
        print(text)
        return
    into = Path(args.into)
    into.mkdir(parents=True, exist_ok=True)
    (into / "tables.md").write_text(text)
    (into / "plain.svg").write_text(drawing(rows, "plain"))
    for row in rows:
        del row["sets"]["all"]
    (into / "figures.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (into / "datasets.json").write_text(json.dumps(datasets, indent=1) + "\n")
    if teacher:
        del teacher["all"]
        (into / "teacher.json").write_text(json.dumps({"teacher": teacher}, indent=1) + "\n")
    if curve:
        (into / "grpo.jsonl").write_text("".join(json.dumps(line) + "\n" for line in curve))
        (into / "grpo.svg").write_text(curve_drawing(curve))


if __name__ == "__main__":
    main()
