"""Figures of a study as a table, a drawing and data: report.py OUT... --into FOLDER."""

import argparse
import json
import math
from html import escape
from pathlib import Path

COLUMNS = [
    ("1", lambda s: (s["good_1"], s["prompts"])), ("2", lambda s: (s["good_2"], s["prompts"])),
    ("3", lambda s: (s["good_3"], s["prompts"])),
    ("J1 right", lambda s: (s["j1"][0][0] + s["j1"][1][1], sum(map(sum, s["j1"])))),
    ("J2 rejects wrong", lambda s: (s["j2"][0][0], sum(s["j2"][0]))),
    ("J2 accepts right", lambda s: (s["j2"][1][1], sum(s["j2"][1]))),
    ("errors", lambda s: (s["errors"], s["prompts"])),
    ("copies", lambda s: (s["near_copies"], s["prompts"])),
]


def read(folders):
    """One row per training; a later one of the same name and seed counts."""
    rows, datasets, teacher = {}, {}, None
    for folder in map(Path, folders):
        path = folder / "figures.jsonl"
        for line in path.read_text().splitlines() if path.exists() else []:
            row = json.loads(line)
            rows[row["dataset"], row["seed"]] = row
        if (folder / "datasets.json").exists():
            datasets |= json.loads((folder / "datasets.json").read_text())
        if (folder / "teacher.json").exists():
            teacher = json.loads((folder / "teacher.json").read_text())["teacher"]
    return list(rows.values()), datasets, teacher


def share(rows, name, figure):
    """Mean over seeds in percent with its standard error; None where nothing was counted."""
    parts = [figure(row["sets"][name]) for row in rows if name in row["sets"]]
    shares = [hits / of for hits, of in parts if of]
    if not shares:
        return None
    mean = sum(shares) / len(shares)
    if len(shares) > 1:
        error = math.sqrt(sum((s - mean) ** 2 for s in shares) / (len(shares) - 1) / len(shares))
    else:
        error = math.sqrt(mean * (1 - mean) / max(1, parts[0][1]))
    return 100 * mean, 100 * error


def cell(value):
    return "-" if value is None else f"{value[0]:.1f} ± {value[1]:.1f}"


def table(rows, teacher, name):
    """Markdown: a line a dataset."""
    out = ["| trained on | rows | $ | seeds | " + " | ".join(title for title, _ in COLUMNS) + " |",
           "|---" * (4 + len(COLUMNS)) + "|"]
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        own = [row for row in rows if row["dataset"] == dataset]
        cells = [cell(share(own, name, figure)) for _, figure in COLUMNS]
        out.append(f"| {dataset} | {own[0]['rows']} | {own[0]['cost_usd']:.0f} | {len(own)} | " + " | ".join(cells) + " |")
    if teacher:
        cells = [cell(share([{"sets": teacher}], name, figure)) for _, figure in COLUMNS]
        out.append("| (the world's own agent) | | | | " + " | ".join(cells) + " |")
    return "\n".join(out) + "\n"


def drawing(rows, name):
    """SVG: success at the third picture by dataset, with two standard errors."""
    names = list(dict.fromkeys(row["dataset"] for row in rows))
    height, left, wide = 22 * len(names) + 50, 230, 420
    at = lambda v: left + wide * v / 100
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + wide + 60} {height}" font-family="sans-serif" '
           f'font-size="12"><title>Success at one, two and three pictures, {escape(name)} prompts</title>']
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
            value = share(own, name, figure)
            if value:
                low, high = max(0, value[0] - 2 * value[1]), min(100, value[0] + 2 * value[1])
                out.append(f'<path d="M{at(low):.1f} {y}H{at(high):.1f}" stroke="{color}" stroke-width="2"/>'
                           f'<circle cx="{at(value[0]):.1f}" cy="{y}" r="4" fill="{color}"/>')
    return "\n".join(out) + "\n</svg>\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="+")
    parser.add_argument("--into")
    args = parser.parse_args()
    rows, datasets, teacher = read(args.out)
    sets = [n for n in ("plain", "riddles", "unseen", "easy") if any(n in row["sets"] for row in rows)]
    text = "".join(f"\n{name}\n\n{table(rows, teacher, name)}" for name in sets)
    if not args.into:
        print(text)
        return
    into = Path(args.into)
    into.mkdir(parents=True, exist_ok=True)
    (into / "tables.md").write_text("Success at 1, 2 and 3 pictures and the rest in percent, mean ± standard error over seeds.\n" + text)
    (into / "plain.svg").write_text(drawing(rows, "plain"))
    (into / "figures.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (into / "datasets.json").write_text(json.dumps({"datasets": datasets, "teacher": teacher}, indent=1) + "\n")


if __name__ == "__main__":
    main()
