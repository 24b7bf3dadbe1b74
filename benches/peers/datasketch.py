"""The same job with datasketch: MinHash-LSH near-duplicates and a benchmark check, row by row.

Called by `cargo bench --bench pool`; arguments: the folder that it made, and how many rows to take.
Shingles are single words and adjacent pairs, the threshold is the same, 128 permutations (its default).
"""

import re
import resource
import sys
import time

# This file has the library's name; its folder must not be where Python looks first.
sys.path.pop(0)

from datasketch import MinHash, MinHashLSH  # noqa: E402

folder, limit = sys.argv[1], int(sys.argv[2])
NUMBERS = re.compile(r"\b(\d+|one|two|three|four|five|six|seven|eight|nine|ten)\b")
COLOURS = re.compile(r"\b(red|orange|yellow|green|blue|purple|pink|brown|black|white|grey|gray)\b")
WORD = re.compile(r"\w+")


def normal(text):
    return " ".join(WORD.findall(text.lower()))


def masked(text):
    return COLOURS.sub("~", NUMBERS.sub("#", text))


def grams(words, n=13):
    return {" ".join(words[i : i + n]) for i in range(len(words) - n + 1)}


exact, masks, runs = set(), set(), set()
for line in open(f"{folder}/benchmark.txt", encoding="utf-8"):
    text = normal(line)
    exact.add(text)
    masks.add(masked(text))
    runs |= grams(text.split())

start, busy = time.perf_counter(), time.process_time()
lsh = MinHashLSH(threshold=0.7, num_perm=128)
copies = found = hard = wrong = hits = rows = 0
for n, line in enumerate(open(f"{folder}/rows.txt", encoding="utf-8")):
    if n >= limit:
        break
    rows += 1
    kind, raw = line[0], line[2:]
    copies += kind == "c"
    hard += kind == "h"
    text = normal(raw)
    words = text.split()
    if text in exact or masked(text) in masks or not runs.isdisjoint(grams(words)):
        hits += 1
    sketch = MinHash(num_perm=128)
    sketch.update_batch([s.encode() for s in words + [" ".join(p) for p in zip(words, words[1:])]])
    if lsh.query(sketch):
        found += kind == "c"
        wrong += kind == "h"
    else:
        lsh.insert(str(n), sketch)
took, busy = time.perf_counter() - start, time.process_time() - busy
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(
    f"datasketch: {rows} prompts in {took:.2f} s, {busy:.2f} s of processor: {rows / busy:.0f} a second of it; copies {found} of {copies}, "
    f"hard negatives dropped {wrong} of {hard}; {hits} of the benchmark; peak RSS {peak:.0f} MB",
    flush=True,
)
