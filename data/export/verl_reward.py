"""The reward of GenAgent's reinforcement stage (arXiv 2601.18543, equations 6 and 7) for verl's
`custom_reward_function`.

    r = r_point + r_format + lambda * r_pair
    r_point  in {0, 0.7}   all conditions hold in the LAST picture, or nothing
    r_format in {0, -0.2}  a turn breaks the grammar
    r_pair   in {0, 0.3}   every picture beats the one before it (positions shuffled)
    lambda   = 0.5 if r_point = 0 else 1

The judge is an OpenAI-compatible server with a vision model (the paper: Qwen3-VL-30B-A3B):
REWARD_BASE_URL, REWARD_MODEL, and REWARD_API_KEY if it asks for one. Pictures come in
extra_info["pictures"] (`image_tool.py` puts them there). A judge that cannot be reached raises: a
reward that silently is 0 would teach.
"""

import base64
import hashlib
import io
import json
import os
import re

POINT, FORMAT, PAIR = 0.7, -0.2, 0.3

# What stands between two tags of the grammar holds none of them, so that a turn with two calls, or
# with a call and an answer, is no turn.
INSIDE = r"(?:(?!</?(?:think|judge|tool_call|answer)>).)*"
CALL = rf"<think>{INSIDE}</think>\s*<tool_call>(?P<call>{INSIDE})</tool_call>"
# A model turn: first, accept or reject (the prompt's turn is not in the response).
FIRST = re.compile(CALL, re.S)
LATER = re.compile(rf"<judge>{INSIDE}</judge>\s*(?:<answer>{INSIDE}</answer>|{CALL})", re.S)
OBSERVATION = re.compile(r"<tool_response>.*?</tool_response>", re.S)
ROLES = re.compile(r"(?:^|\n)(?:user|assistant|tool)\n")


def combine(point, well_formed, better):
    """Equations 6 and 7. `better` is None when there is only one picture."""
    r_point = POINT if point else 0.0
    r_format = 0.0 if well_formed else FORMAT
    r_pair = PAIR if better else 0.0
    weight = 1.0 if point else 0.5
    return r_point + r_format + weight * r_pair


def turns(response):
    """The model's turns of a decoded response (special tokens are gone, roles are left)."""
    text = OBSERVATION.sub("\0", response)
    text = ROLES.sub("\0", text)
    return [turn for turn in (part.strip() for part in text.split("\0")) if turn]


def calls_well(text):
    """Whether a call is strict JSON that names the tool and gives a caption."""
    try:
        call = json.loads(text)
    except ValueError:
        return False
    if not isinstance(call, dict) or call.get("name") != "image_generation_tool":
        return False
    arguments = call.get("arguments")
    return isinstance(arguments, dict) and isinstance(arguments.get("caption"), str)


def well_formed(response):
    """Whether every turn keeps the grammar, only the last one answers, and every call is good."""
    found = turns(response)
    for k, turn in enumerate(found):
        match = (LATER if k else FIRST).fullmatch(turn)
        if not match:
            return False
        call = match.group("call")
        if call is None and k + 1 < len(found):
            return False
        if call is not None and not calls_well(call):
            return False
    return bool(found)


def resample(rounds, keep=8):
    """Which of a group's rollouts to train on: `keep` of them, as even over round counts as can be
    (the paper: 12 rollouts to 8). `rounds` is each rollout's number of rounds; gives indices."""
    groups = {}
    for index, count in enumerate(rounds):
        groups.setdefault(count, []).append(index)
    picked = []
    while len(picked) < min(keep, len(rounds)):
        for count in sorted(groups):
            if groups[count] and len(picked) < keep:
                picked.append(groups[count].pop(0))
    return sorted(picked)


def data_url(picture):
    """A PIL image or PNG bytes as a data URL."""
    if not isinstance(picture, (bytes, bytearray)):
        buffer = io.BytesIO()
        picture.save(buffer, format="PNG")
        picture = buffer.getvalue()
    return "data:image/png;base64," + base64.b64encode(picture).decode()


async def ask(text, pictures):
    """One question about pictures, answered as JSON."""
    import aiohttp

    content = [{"type": "text", "text": text}]
    content += [{"type": "image_url", "image_url": {"url": data_url(p)}} for p in pictures]
    body = {
        "model": os.environ["REWARD_MODEL"],
        "temperature": 0,
        "messages": [{"role": "user", "content": content}],
    }
    headers = {}
    if os.environ.get("REWARD_API_KEY"):
        headers["Authorization"] = "Bearer " + os.environ["REWARD_API_KEY"]
    url = os.environ["REWARD_BASE_URL"].rstrip("/") + "/chat/completions"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=600)) as session:
        async with session.post(url, json=body, headers=headers) as reply:
            reply.raise_for_status()
            text = (await reply.json())["choices"][0]["message"]["content"] or ""
    found = re.search(r"\{.*\}", text, re.S)
    try:
        return json.loads(found.group(0)) if found else {}
    except ValueError:
        return {}


async def holds(truth, picture):
    """Whether all conditions hold in the picture: every rule and every question, or nothing."""
    wanted = [(rule["id"], rule["text"]) for rule in truth.get("rules") or []]
    wanted += [(atom["id"], atom["question"]) for atom in truth.get("atoms") or []]
    if not wanted:
        wanted = [("request", "The picture shows all that the request asks for.")]
    lines = "\n".join(f"{name}: {text}" for name, text in wanted)
    reply = await ask(
        f"Request: {truth['prompt']}\n\nLook at the picture and answer each line with yes or no. "
        f'Reply with JSON only: {{"<id>": "yes" | "no", ...}}\n\n{lines}',
        [picture],
    )
    return all(str(reply.get(name, "")).lower() == "yes" for name, _ in wanted)


async def beats(truth, earlier, later, key):
    """Whether `later` is the better picture; which is shown first depends on `key` alone."""
    swapped = hashlib.sha256(key.encode()).digest()[0] % 2 == 1
    shown = [later, earlier] if swapped else [earlier, later]
    reply = await ask(
        f"Request: {truth['prompt']}\n\nWhich picture fits the request better, the first or the "
        'second? Reply with JSON only: {"better": "first" | "second" | "tie"}',
        shown,
    )
    return reply.get("better") == ("first" if swapped else "second")


async def compute_score(data_source, solution_str, ground_truth, extra_info=None, **_):
    """verl calls this for each rollout. Gives `score` and its parts."""
    truth = json.loads(ground_truth)
    extra = extra_info or {}
    pictures = extra.get("pictures") or []
    good_form = well_formed(solution_str)
    point = bool(pictures) and await holds(truth, pictures[-1])
    better = None
    if len(pictures) > 1:
        better = True
        for k, (earlier, later) in enumerate(zip(pictures, pictures[1:])):
            better = better and await beats(truth, earlier, later, f"{truth['prompt']}/{k}")
    return {
        "score": combine(point, good_form, better),
        "point": float(point),
        "well_formed": float(good_form),
        "better": float(bool(better)),
        "pictures": float(len(pictures)),
    }
