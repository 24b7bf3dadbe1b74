"""verl's own data sets over exports of form `verl-sft` (or `universal`) and `verl-rl`.

usage: verl_check.py SFT_EXPORT RL_EXPORT MODEL [LF_DUMP]
PYTHONPATH holds verl. LF_DUMP is what llamafactory_check.py dumped of the same records.
"""

import asyncio
import json
import os
import sys

import common


def sft(folder, model, dump):
    from omegaconf import OmegaConf
    from transformers import AutoProcessor, AutoTokenizer
    from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset

    with open(os.path.join(folder, "sft.sh")) as file:
        start = file.read()
    longest = int(start.split("data.max_length=")[1].split()[0])
    tokenizer = AutoTokenizer.from_pretrained(model)
    processor = AutoProcessor.from_pretrained(model)
    config = OmegaConf.create(
        {"max_length": longest, "truncation": "error", "messages_key": "messages", "pad_mode": "no_padding"}
    )
    known = {}
    if dump:
        with open(dump) as file:
            known = {row["id"]: row for row in json.load(file)}
    wanted = common.rows(folder, "train")
    data = MultiTurnSFTDataset(
        parquet_files=os.path.join(folder, "train.parquet"), tokenizer=tokenizer, config=config,
        processor=processor,
    )
    assert len(data) == len(wanted)
    same = 0
    for at, (id_, turns, images) in enumerate(wanted):
        row = data[at]
        ids, mask = row["input_ids"].tolist(), row["loss_mask"].tolist()
        text = tokenizer.decode([i for i, m in zip(ids, mask) if m], skip_special_tokens=False)
        assert text == common.model_text(turns), f"{id_}:\n{text!r}"
        pads = tokenizer.convert_tokens_to_ids("<|image_pad|>")
        assert (pads in ids) == bool(images)
        if id_ in known:
            loss = [label != -100 for label in known[id_]["labels"]]
            assert ids == known[id_]["ids"] and [bool(m) for m in mask] == loss, id_
            same += 1
    print(f"verl sft: {len(data)} rows, loss on the model's turns only; {same} rows as LLaMAFactory has them")
    assert not known or same == len(wanted)


def rl(folder, model):
    from omegaconf import OmegaConf
    from transformers import AutoProcessor, AutoTokenizer
    from verl.utils.dataset.rl_dataset import RLHFDataset

    tokenizer = AutoTokenizer.from_pretrained(model)
    config = OmegaConf.create(
        {
            "prompt_key": "prompt", "image_key": "images", "max_prompt_length": 2048,
            "return_raw_chat": True, "filter_overlong_prompts": True, "truncation": "error",
            "cache_dir": os.path.join(model, "verl-cache"), "filter_overlong_prompts_workers": 1,
        }
    )
    data = RLHFDataset(
        data_files=os.path.join(folder, "train.parquet"), tokenizer=tokenizer, config=config,
        processor=AutoProcessor.from_pretrained(model),
    )
    rows = common.account(folder)["splits"]["train"]["rows"]
    assert len(data) == rows, f"{rows} rows, {len(data)} left"
    for at in range(len(data)):
        row = data[at]
        truth = json.loads(row["reward_model"]["ground_truth"])
        asked = row["raw_prompt"][-1]["content"]
        assert asked.startswith("Prompt: ") and truth["prompt"] and truth["rules"]
        assert row["data_source"] == "coldstart" and row["index"] is not None
    print(f"verl rl: {len(data)} prompts, none filtered out")


def reward(folder):
    """Equations 6 and 7, the grammar and the pairwise order, with a judge that is a function."""
    sys.path.insert(0, folder)
    import reward

    table = {
        (True, True, None): 0.7, (True, True, True): 1.0, (False, True, True): 0.15,
        (False, False, None): -0.2, (False, False, True): -0.05, (True, False, False): 0.5,
    }
    for given, score in table.items():
        assert abs(reward.combine(*given) - score) < 1e-9, (given, reward.combine(*given))
    call = '<tool_call>\n{"name": "image_generation_tool", "arguments": {"caption": "c"}}\n</tool_call>'
    first = f"<think>t</think> {call}"
    seen = "\nuser\n<tool_response></tool_response>\nassistant\n"
    accept = "<judge>\nj\n</judge>\n<answer>done</answer>"
    reject = f"<judge>\nj\n</judge>\n<think>\nt\n</think>\n{call}"
    assert reward.well_formed(first + seen + reject + seen + accept)
    assert not reward.well_formed(first + seen + reject + seen + "<answer>done</answer>")
    assert not reward.well_formed(accept)
    assert not reward.well_formed(first.replace('"c"', "c"))
    assert reward.resample([1] * 9 + [2, 2, 3], 8).count(11) == 1
    assert len(reward.resample([1] * 12, 8)) == 8
    asked = []

    async def judge(text, pictures):
        asked.append(pictures)
        if "which picture" in text.lower():
            return {"better": "second" if pictures[1] == b"new" else "first"}
        return {"request": "yes"} if pictures == [b"new"] else {"request": "no"}

    reward.ask = judge
    truth = json.dumps({"prompt": "q"})
    extra = {"pictures": [b"old", b"new"]}
    text = first + seen + reject + seen + accept
    result = asyncio.run(reward.compute_score("coldstart", text, truth, extra))
    assert abs(result["score"] - 1.0) < 1e-9, result
    extra = {"pictures": [b"new", b"old"]}
    result = asyncio.run(reward.compute_score("coldstart", text, truth, extra))
    assert abs(result["score"]) < 1e-9, result
    print("verl reward: equations 6 and 7 hold; positions are shuffled by key")


if __name__ == "__main__":
    sft_export, rl_export, model = (os.path.abspath(path) for path in sys.argv[1:4])
    reward(rl_export)
    sft(sft_export, model, sys.argv[4] if len(sys.argv) > 4 else None)
    rl(rl_export, model)
