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


# Colours and things that the world draws though no prompt names them.
MORE_COLORS = ["gray", "silver", "gold", "beige", "turquoise"]
SURPLUS = ["leaf", "ball", "box", "bird", "plate", "shell"]
PLACES = [("on the left", "on the right"), ("at the top", "at the bottom")]


def scene(rng, nouns, colors):
    """What is to be drawn: count, colour, noun, place and size of each kind of thing."""
    kinds = rng.choices([1, 2, 3], [2, 5, 3])[0]
    placed = rng.choice(PLACES) if kinds == 2 and rng.random() < 0.5 else ("", "", "")
    sized = ("large", "small") if kinds == 2 and not placed[0] and rng.random() < 0.4 else ("", "", "")
    sized = sized[::-1] if rng.random() < 0.5 else sized
    names = rng.sample(nouns, kinds)
    if kinds > 1 and rng.random() < 0.1:
        names[-1] = rng.choice(SURPLUS)
    most = 10 if kinds == 1 else 9 if kinds == 2 else 5
    color = lambda: rng.choice(colors if rng.random() < 0.7 else MORE_COLORS)
    return [dict(count=min(rng.randint(1, most), rng.randint(1, most)) if kinds > 1 else rng.randint(1, most), color=color(),
                 noun=noun, place=place, size=size) for noun, place, size in zip(names, placed, sized)]


def _joined(items):
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def _things(one):
    return one["noun"] if one["count"] == 1 else plural(one["noun"])


def caption(scene):
    """The scene told so that nothing is left open."""
    told = [f"{thing(p['count'], p['color'], p['noun'], p['size'])} {p['place']}".strip() for p in scene]
    exact = [t if t.startswith(("a ", "an ")) else f"exactly {t}" for t in told]
    return f"A clean studio photograph of {_joined(exact)}. Nothing else is in the picture."


def _changed(rng, one, colors):
    """A thing with one property made up, and what is there instead."""
    kinds = ["count", "count", "color"] + (["place"] * 2 if one["place"] else []) + (["size"] if one["size"] else [])
    kind, new, things = rng.choice(kinds), dict(one), _things(one)
    be = "is" if one["count"] == 1 else "are"
    if kind == "count":
        new["count"] = rng.choice([n for by in (-2, -1, -1, 1, 1, 2) if 1 <= (n := one["count"] + by) <= 10])
        return new, f"there {be} {NUMBERS[one['count']]} {things} instead of {NUMBERS[new['count']]}"
    if kind == "color":
        new["color"] = rng.choice([c for c in colors if c != one["color"]])
    elif kind == "place":
        new["place"] = next(p[1 - p.index(one["place"])] for p in PLACES if one["place"] in p)
    else:
        new["size"] = "small" if one["size"] == "large" else "large"
    return new, f"the {things} {be} {one[kind]} instead of {new[kind]}"


def questions(rng, scene, nouns, colors):
    """What a picture of `scene` is asked, and the answers: two of one kind of thing, two of all that is there."""
    out = []
    for whole in (False, False, True, True):
        asked = [dict(p) for p in (scene if whole else [rng.choice(scene)])]
        fault, at = "", rng.randrange(len(asked))
        if rng.random() < 0.5:
            if rng.random() < 0.15:
                noun = rng.choice([n for n in nouns if all(n != p["noun"] for p in scene)])
                asked[at]["noun"], fault = noun, f"there is no {noun}"
            else:
                asked[at], fault = _changed(rng, asked[at], colors)
        for p in asked:
            # Not all is always asked for; what is wrong is.
            p["color"] = "" if p["color"] not in fault and rng.random() < 0.6 else p["color"]
            p["place"] = "" if p["place"] not in fault and rng.random() < 0.3 else p["place"]
        told = _joined([f"{thing(p['count'], p['color'], p['noun'], p['size'])} {p['place']}".strip() for p in asked])
        out.append((f"Does it show {told}?", f"No: {fault}." if fault else "Yes, it does."))
    return out


def sight(rng, nouns, colors):
    """A caption, and what is said of its picture: (question, answer)s, the description first or last."""
    drawn = scene(rng, nouns, colors)
    one = [f"{NUMBERS[p['count']]} {p['size']} {p['color']} {_things(p)} {p['place']}".replace("  ", " ").strip() for p in drawn]
    told, asked = ("What is there?", f"What I see is {_joined(one)}."), questions(rng, drawn, nouns, colors)
    turns = [told, *asked] if rng.random() < 0.5 else [*asked, told]
    return caption(drawn), [("<image>" + turns[0][0], turns[0][1]), *turns[1:]]
