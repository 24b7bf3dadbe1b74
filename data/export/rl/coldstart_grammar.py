"""The agent's turns, read for what is to be done next. What breaks the grammar is the service's to say.

Standard library only.
"""

import json
import re

CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.S)
ANSWER = re.compile(r"<answer>")
TOOL = "image_generation_tool"
BEFORE, AFTER = "<tool_response>", "</tool_response>"


def caption(turn):
    """The caption that a turn calls with; None where it calls for nothing that can be drawn."""
    for text in CALL.findall(turn):
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
