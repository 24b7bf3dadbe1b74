"""GenAgent's tool and reward for TRL's GRPO (1.16): an environment that draws by `coldstart serve`, a
chat template that writes tool turns as the supervised rows have them, and the reward.

TRL tells the model of any `Exception` in a tool and trains on that. An outage is none of its doing, so
it is raised as what TRL does not catch: the training stops and says why.
"""

import asyncio
import json
import os
import re
from uuid import uuid4

from coldstart_grammar import caption, next_step
from coldstart_service import Refused, draw, score

MOST = 3
HERE = os.path.dirname(os.path.abspath(__file__))


class Outage(BaseException):
    """The service did not answer."""


class Painter:
    """One rollout's pictures."""

    def reset(self, **row):
        self._session, self._rounds, self._refused = uuid4().hex, [], False

    def image_generation_tool(self, caption: str) -> list:
        """Generate an image based on the provided prompt

        Args:
            caption: A descriptive caption for the image to be generated

        Returns:
            The image.
        """
        if len(self._rounds) >= MOST:
            raise ValueError(f"at most {MOST} pictures")
        try:
            picture, digest = asyncio.run(draw(caption.strip(), self._session))
        except Refused:
            self._refused = True
            raise ValueError("the picture was refused")
        except Exception as error:
            raise Outage(f"no picture: {error}") from error
        self._rounds.append({"caption": caption.strip(), "digest": digest})
        return [{"type": "image", "image": picture}]


TURN = re.compile(r"<\|im_start\|>(\w+)\n(.*?)(?=<\|im_start\|>|\Z)", re.S)


def turns_of(tokenizer, ids):
    """The model's turns in a completion, observations left out."""
    text = "<|im_start|>assistant\n" + tokenizer.decode(ids, skip_special_tokens=False)
    said = [text.split("<|im_end|>")[0].strip() for role, text in TURN.findall(text) if role == "assistant"]
    return said or [""]


def rounds_of(turns, drawn):
    """One picture a turn: what a second call of the same turn drew is no round."""
    out, rest = [], list(drawn)
    for words in map(caption, turns):
        at = next((n for n, one in enumerate(rest) if one["caption"] == words), None)
        if words is not None and at is not None:
            out.append(rest[at])
            rest = rest[at + 1 :]
    return out


def reward(tokenizer):
    """The reward function: one POST for each rollout, all at once. What cannot be scored raises."""

    async def coldstart(completion_ids, environments, truth, trainer_state=None, **_):
        step = getattr(trainer_state, "global_step", None)

        async def one(ids, environment, truth):
            turns = turns_of(tokenizer, ids)
            rounds = rounds_of(turns, environment._rounds)
            what, ended = next_step(turns[-1], len(rounds), MOST)
            if environment._refused:
                ended = "refused"
            elif what == "draw":
                # It called and was not run: the completion was as long as it may be.
                ended = "turn_limit"
            truth = json.loads(truth)
            answer = await score(environment._session, truth, rounds, turns, ended, step)
            return float(answer["score"])

        return await asyncio.gather(*map(one, completion_ids, environments, truth))

    return coldstart


# How a turn's call is read. Only its caption is looked at; what breaks the grammar costs in the reward.
TEMPLATE = {
    "defaults": {"role": "assistant"},
    "start_anchor": "<|im_start|>assistant\n",
    "fields": {
        "tool_calls": {
            "open": "<tool_call>",
            "close_pattern": r"</tool_call>\s*",
            "repeats": True,
            "content": "json",
            "transform": {"type": "function", "function": "{content}"},
        },
        "content": {"close_pattern": r"<\|im_end\|>\s*", "content": "text"},
    },
}


def prepared(processor):
    """The processor with the template and the reading of calls that the trainer needs."""
    with open(os.path.join(HERE, "tool_template.jinja"), encoding="utf-8") as file:
        template = file.read()
    processor.chat_template = processor.tokenizer.chat_template = template
    processor.tokenizer.response_template = TEMPLATE
    return processor
