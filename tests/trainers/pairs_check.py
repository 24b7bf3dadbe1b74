"""Preference pairs in the trainers' own hands.

usage: pairs_check.py llamafactory|trl MODEL EXPORT
"""

import os
import sys

import common


def llamafactory(model, folder):
    """LLaMAFactory's converter and pairwise processor: the loss stands on the two turns only."""
    import contextlib

    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.hparams.parser import read_args
    from llamafactory.model import load_tokenizer

    os.chdir(folder)
    here = {
        "model_name_or_path": model, "output_dir": common.scratch(), "deepspeed": "null", "use_cpu": "true",
        "bf16": "false", "preprocessing_num_workers": "1", "dataloader_num_workers": "0",
        "overwrite_cache": "true",
    }
    sys.argv = ["llamafactory-cli", "dpo.yaml"] + [f"{k}={v}" for k, v in here.items()]
    model_args, data_args, training_args, finetuning_args, _ = get_train_args(read_args())
    assert finetuning_args.stage == "dpo" and data_args.cutoff_len == common.account(folder)["max_tokens"]
    module = load_tokenizer(model_args)
    tokenizer = module["tokenizer"]
    template = get_template_and_fix_tokenizer(tokenizer, data_args)
    with contextlib.redirect_stdout(sys.stderr):
        data = get_dataset(template, model_args, data_args, training_args, stage="rm", **module)["train_dataset"]
    import json

    with open("train.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    assert len(data) == len(rows) == common.account(folder)["splits"]["train"]["rows"] > 0
    pictures = 0
    for row, wanted in zip(data, rows):
        for side in ("chosen", "rejected"):
            ids, labels = row[f"{side}_input_ids"], row[f"{side}_labels"]
            assert common.unmasked(tokenizer, ids, labels) == wanted[side]["value"] + common.IM_END
        assert len(row["images"]) == len(wanted["images"])
        for seen, path in zip(row["images"], wanted["images"]):
            with open(path, "rb") as file:
                assert common.same_pixels(seen, file.read())
            pictures += 1
    assert pictures
    print(f"llamafactory pairs: {len(data)} rows, none dropped, {pictures} pictures, loss on the two turns only")


def trl(model, folder):
    """TRL's vision collator for preferences."""
    os.environ["HF_DATASETS_CACHE"] = common.scratch()
    from datasets import load_dataset
    from transformers import AutoProcessor
    from trl.trainer.dpo_trainer import DataCollatorForVisionPreference

    with open(os.path.join(folder, "dpo.py")) as file:
        start = file.read()
    compile(start, "dpo.py", "exec")
    bound = common.account(folder)["max_image_pixels"]
    assert f"max_pixels={bound}" in start and "max_length=None" in start
    processor = AutoProcessor.from_pretrained(model, max_pixels=bound)
    data = load_dataset("parquet", data_files=os.path.join(folder, "train.parquet"))["train"]
    assert len(data) == common.account(folder)["splits"]["train"]["rows"] > 0
    pad = processor.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    collate, pictures = DataCollatorForVisionPreference(processor), 0
    for row in data:
        said = {side: row[side][0]["content"][0]["text"] for side in ("chosen", "rejected")}
        count = len(row["images"])
        blocks = [b for m in row["prompt"] for b in m["content"]]
        assert sum(b["type"] == "image" for b in blocks) == count
        batch = collate([row])
        for at, side in enumerate(("chosen", "rejected")):
            ids, mask = batch["input_ids"][at], batch["completion_mask"][at].bool()
            text = processor.tokenizer.decode(ids[mask])
            assert text.startswith(said[side]) and text[len(said[side]) :].strip() == "<|im_end|>", text
            assert bool((ids == pad).any()) == bool(count)
        pictures += count
    assert pictures
    print(f"trl pairs: {len(data)} rows, {pictures} pictures in the prompts, one turn chosen and one rejected")


if __name__ == "__main__":
    {"llamafactory": llamafactory, "trl": trl}[sys.argv[1]](*[os.path.abspath(p) for p in sys.argv[2:]])
