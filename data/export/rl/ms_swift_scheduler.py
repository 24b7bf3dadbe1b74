"""GenAgent's turns and reward for ms-swift's GRPO (4.6): `--external_plugins scheduler.py
--multi_turn_scheduler coldstart --reward_funcs coldstart`.

The observation is the supervised rows' own: a turn of the user that holds `<tool_response>`, the
picture and `</tool_response>`. Pictures and rewards come from `coldstart serve`; an outage raises, and
nothing is learnt of it.
"""

import asyncio
import json
import os
import sys
from uuid import uuid4

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from coldstart_grammar import AFTER, BEFORE, next_step
from coldstart_service import Refused, post, score
from swift.rewards import AsyncORM, orms
from swift.rollout import MultiTurnScheduler, multi_turns

MOST = 3
ENDS = ("answer", "cut", "malformed", "turn_limit", "refused")


def state_of(infer_request):
    data = infer_request.data_dict
    if "coldstart" not in data:
        data["coldstart"] = {
            "session": uuid4().hex, "rounds": [], "turns": [], "ended": None, "picture": None,
        }
    return data["coldstart"]


def told(state):
    return {"coldstart": {name: state[name] for name in ("session", "rounds", "turns", "ended")}}


class Coldstart(MultiTurnScheduler):
    """Draws the caption that a turn calls with, and shows the picture."""

    async def on_turn_end(self, infer_request, response_choice, current_turn):
        state = state_of(infer_request)
        turn = response_choice.message.content or ""
        # Texts: the messages may hold token ids by now.
        state["turns"] = state["turns"] + [turn.strip()]
        what, words = next_step(turn, len(state["rounds"]), MOST)
        if response_choice.finish_reason == "length":
            what, words = "end", "turn_limit"
        if what == "draw":
            try:
                answer = await post("/image", {"caption": words, "session": state["session"]})
                state["rounds"] = state["rounds"] + [{"caption": words, "digest": answer["digest"]}]
                state["picture"] = "data:%s;base64,%s" % (answer["mime"], answer["image"])
                return {"done": False, "rollout_infos": told(state)}
            except Refused:
                words = "refused"
        state["ended"] = words
        return {"done": True, "rollout_infos": told(state)}

    def step(self, infer_request, response_choice, current_turn):
        state = state_of(infer_request)
        infer_request.images.append(state.pop("picture"))
        infer_request.messages.append({"role": "user", "content": f"{BEFORE}<image>{AFTER}"})
        infos = {**told(state), "images": list(infer_request.images)}
        return {"infer_request": infer_request, "rollout_infos": infos}


class Reward(AsyncORM):
    """One POST for each rollout, all at once."""

    async def __call__(self, completions, **kwargs):
        truths = kwargs["truth"]
        infos = kwargs.get("rollout_infos") or [{}] * len(truths)
        step = getattr(kwargs.get("trainer_state"), "global_step", None)
        asks = [self.one(truth, info, step) for truth, info in zip(truths, infos)]
        return await asyncio.gather(*asks)

    async def one(self, truth, infos, step):
        state = infos.get("coldstart")
        if state is None:
            raise RuntimeError("the rollout was not made by the scheduler `coldstart`")
        ended = state["ended"] if state["ended"] in ENDS else "turn_limit"
        answer = await score(state["session"], json.loads(truth), state["rounds"], state["turns"], ended, step)
        return answer["score"]


multi_turns["coldstart"] = Coldstart
orms["coldstart"] = Reward
