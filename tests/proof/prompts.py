"""Prompts for the simulated world, drawn from data/vocabulary.toml; and fully told scenes for sight."""

import random
import tomllib
from pathlib import Path

NUMBERS = "zero one two three four five six seven eight nine ten".split()
# Classes that no training prompt names: a set of its own asks for them.
UNSEEN = ["zebra", "pear", "teapot", "windmill", "violin", "anchor", "penguin", "pumpkin"]
OPENINGS = ["a photo of {}", "a picture of {}", "{}", "an image showing {}", "I want to see {}", "please draw {}"]


def vocabulary(project):
    return tomllib.loads((Path(project) / "data/vocabulary.toml").read_text())


def plural(noun):
    if noun in ("sheep", "fish", "scissors"):
        return noun
    if noun == "knife":
        return "knives"
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def article(words):
    return ("an " if words[0] in "aeiou" else "a ") + words


def thing(count, color, noun, size=""):
    words = " ".join(w for w in (size, color, noun if count == 1 else plural(noun)) if w)
    return article(words) if count == 1 else f"{NUMBERS[count]} {words}"


def draw(rng, nouns, colors):
    """A prompt with its category."""
    kind = rng.choice(["counting", "counting", "color", "position", "position", "size", "multi_object", "attribute_binding"])
    a, b, c = rng.sample(nouns, 3)
    x, y = rng.sample(colors, 2)
    if kind == "counting":
        n, m = rng.randint(2, 8), rng.randint(1, 4)
        told = thing(n, "", a) + (f" and {thing(m, '', b)}" if rng.random() < 0.5 else "")
    elif kind == "color":
        told = f"{thing(1, x, a)} and {thing(1, y, b)}"
    elif kind == "position":
        n, m = rng.randint(1, 3), rng.randint(1, 3)
        color = x if rng.random() < 0.3 else ""
        first, second = rng.choice([("on the left", "on the right"), ("at the top", "at the bottom")])
        told = f"{thing(n, color, a)} {first} and {thing(m, '', b)} {second}"
    elif kind == "size":
        told = f"{thing(1, '', a, 'large')} and {thing(1, '', b, 'small')}"
    elif kind == "multi_object":
        told = f"{thing(rng.randint(1, 3), '', a)}, {thing(rng.randint(1, 3), '', b)} and {thing(1, '', c)}"
    else:
        n, m = rng.randint(1, 4), rng.randint(1, 4)
        told = f"{thing(n, x, a)} and {thing(m, y, b)}"
    return {"prompt": rng.choice(OPENINGS).format(told), "category": kind}


def words(project):
    said = vocabulary(project)
    nouns = sorted({noun for group in said["objects"].values() for noun in group})
    return nouns, said["colors"]


def pool(project, count, seed, unseen=False):
    """`count` distinct prompts; with `unseen`, each names a class that no other pool has."""
    nouns, colors = words(project)
    common = [n for n in nouns if n not in UNSEEN]
    rng, out = random.Random(f"pool {seed} {unseen}"), {}
    while len(out) < count:
        row = draw(rng, common + UNSEEN * 6 if unseen else common, colors) if not unseen else draw(
            rng, rng.sample(common, 6) + UNSEEN, colors)
        if unseen and not any(n in row["prompt"] for n in UNSEEN):
            continue
        out.setdefault(row["prompt"], row)
    return list(out.values())


def scene(project, rng, nouns, colors):
    """What is to be drawn, told so that nothing is left open, and the same as a description."""
    kinds = rng.choices([1, 2, 3], [3, 5, 2])[0]
    parts = []
    for noun in rng.sample(nouns, kinds):
        count = rng.randint(1, 8 if kinds == 1 else 6 if kinds == 2 else 3)
        parts.append((count, rng.choice(colors), noun))
    placed = kinds == 2 and rng.random() < 0.5
    places = rng.choice([("on the left", "on the right"), ("at the top", "at the bottom")]) if placed else ("", "", "")
    told = [f"{thing(n, color, noun)} {place}".strip() for (n, color, noun), place in zip(parts, places)]
    exact = [t if t.startswith(("a ", "an ")) else f"exactly {t}" for t in told]
    join = lambda items: items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]
    caption = f"A clean studio photograph of {join(exact)}. Nothing else is in the picture."
    one = [f"{NUMBERS[n]} {color} {noun if n == 1 else plural(noun)} {place}".strip()
           for (n, color, noun), place in zip(parts, places)]
    return caption, f"What I see is {join(one)}."
