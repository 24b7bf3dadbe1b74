"""The agent's turns, read for what is to be done next. What breaks the grammar is the service's to say.

Standard library only.
"""

import json
import re

TAGS = ("think", "judge", "tool_call", "answer")
ANSWER = re.compile(r"<answer>")
TOOL = "image_generation_tool"
BEFORE, AFTER = "<tool_response>", "</tool_response>"


def calls(turn):
    """What stands in `<tool_call>` tags. A tag that is not closed holds all that follows, calls too: the service
    reads it so, and refuses a picture that no turn calls for."""
    out, rest = [], turn
    while opened := [(rest.find(f"<{tag}>"), tag) for tag in TAGS if f"<{tag}>" in rest]:
        at, tag = min(opened)
        inner, closed, rest = rest[at + len(tag) + 2 :].partition(f"</{tag}>")
        if tag == "tool_call" and closed:
            out.append(inner)
    return out


def caption(turn):
    """The caption that a turn calls with; None where it calls for nothing that can be drawn."""
    for text in calls(turn):
        try:
            call = json.loads(text)
        except ValueError:
            continue
        if not isinstance(call, dict) or call.get("name") != TOOL:
            continue
        arguments = call.get("arguments")
        if isinstance(arguments, dict) and list(arguments) == ["caption"]:
            words = arguments["caption"]
            if isinstance(words, str) and words.strip():
                return words.strip()
    return None


def next_step(turn, pictures, most):
    """What follows a turn: ("draw", caption), or ("end", how the rollout ended)."""
    words = caption(turn)
    if ANSWER.search(turn):
        return "end", "answer"
    if words is None:
        return "end", "malformed"
    if pictures >= most:
        return "end", "cut"
    return "draw", words
