"""The export `ms-swift-rl`: its scheduler in ms-swift's own rollout loop with a scripted engine, pictures
and rewards by a real `coldstart serve`.

usage: swift_rl_check.py MODEL EXPORT        PYTHONPATH holds ms-swift; COLDSTART is the binary.
"""

import asyncio
import json
import os
import sys

import common
import service
from swift.infer_engine import protocol


class Engine:
    """Says these turns."""

    def __init__(self, turns, tokenizer):
        self.turns, self.tokenizer, self.shown = list(turns), tokenizer, []

    async def infer_async(self, request, config, **_):
        self.shown.append((len(request.images), request.messages[-1]["content"]))
        turn = self.turns.pop(0)
        ids = self.tokenizer(turn + "<|im_end|>", add_special_tokens=False).input_ids
        message = protocol.ChatMessage("assistant", turn)
        choice = protocol.ChatCompletionResponseChoice(0, message, "stop", token_ids=ids)
        usage = protocol.UsageInfo(1, len(ids), 1 + len(ids))
        return protocol.ChatCompletionResponse("scripted", [choice], usage)


def main(model, folder):
    from swift.rewards import orms
    from swift.rollout import multi_turns
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)

    sys.path.insert(0, folder)
    import scheduler  # noqa: F401

    with open(os.path.join(folder, "train.jsonl"), encoding="utf-8") as file:
        row = json.loads(file.readline())
    prompt = json.loads(row["truth"])["prompt"]

    async def played(turns):
        engine = Engine(turns, tokenizer)
        loop = multi_turns["coldstart"](infer_engine=engine, max_turns=4, tokenizer=tokenizer)
        request = protocol.RolloutInferRequest(messages=[dict(m) for m in row["messages"]], data_dict={"truth": row["truth"]})
        return engine, await loop.run(request, None)

    async def whole():
        turns = [service.first(prompt), service.again(f"{prompt}, seen clearly"), service.ACCEPT]
        engine, output = await played(turns)
        infos = output.rollout_infos
        assert [shown for shown, _ in engine.shown] == [0, 1, 2]
        assert engine.shown[1][1] == "<tool_response><image></tool_response>"
        assert infos["coldstart"]["ended"] == "answer" and len(infos["coldstart"]["rounds"]) == 2
        _, broken = await played([service.first(prompt), "I am done."])
        reward = orms["coldstart"](None) if orms["coldstart"].__init__ is not object.__init__ else orms["coldstart"]()
        both = [output, broken]
        infos = [output.rollout_infos for output in both]
        assert infos[0]["coldstart"]["turns"] == turns
        scores = await reward([None, None], truth=[row["truth"]] * 2, rollout_infos=infos)
        assert scores[0] in (0.0, 0.15, 0.7, 1.0) and scores[1] in (-0.2, 0.5), scores
        return scores

    with service.serving():
        scores = asyncio.run(whole())
    words = common.words_of(os.path.join(folder, "grpo.sh"), "swift", MODEL="m")
    assert words[:3] == ["rlhf", "--rlhf_type", "grpo"] and words[words.index("--beta") + 1] == "0.0"
    print(f"ms-swift rl: its loop draws and scores by the service: {scores}")


if __name__ == "__main__":
    main(*[os.path.abspath(path) for path in sys.argv[1:]])
