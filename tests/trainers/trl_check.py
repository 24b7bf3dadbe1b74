"""TRL's own collator and training template over an export of form `trl`.

usage: trl_check.py MODEL DUMP EXPORT
Rows are held against what llamafactory_check.py dumped of the same records.
"""

import json
import os
import sys
import tempfile

import common


def settings(start, folder, model):
    """`sft.py` itself, with a trainer that only takes its arguments."""
    import datasets
    import trl

    taken = {}

    class Parameter:
        requires_grad = True

    parts = {"model.visual.merger.mlp": Parameter(), "model.language_model.embed": Parameter()}

    class Model:
        def named_parameters(self):
            return parts.items()

    class Trainer:
        model = Model()

        def __init__(self, **given):
            taken.update(given)

        def train(self):
            taken["trained"] = True

    class Config(trl.SFTConfig):
        def __init__(self, **given):
            # What a CPU cannot.
            with open(given["deepspeed"]) as file:
                assert json.load(file)["zero_optimization"]["stage"] == 3
            here = {"bf16": False, "deepspeed": None, "output_dir": common.scratch()}
            super().__init__(**{**given, **here})

    os.chdir(folder)
    code = start.replace("Qwen/Qwen2.5-VL-7B-Instruct", model)
    code = code.replace("from trl import SFTConfig, SFTTrainer", "")
    exec(compile(code, "sft.py", "exec"), {"SFTConfig": Config, "SFTTrainer": Trainer})
    args = taken["args"]
    assert args.per_device_train_batch_size * args.gradient_accumulation_steps * 8 == 256
    assert args.learning_rate == 1e-5 and args.num_train_epochs == 3 and taken["trained"]
    assert args.lr_scheduler_type == "cosine" and args.get_warmup_steps(1000) == 30
    assert [parts[name].requires_grad for name in parts] == [False, True]
    assert (args.eval_strategy == "epoch") == (taken["eval_dataset"] is not None)
    assert args.assistant_only_loss and args.max_length is None
    assert isinstance(taken["train_dataset"], datasets.Dataset)
    print("trl sft.py: runs, with the paper's settings")


def main(model, dump, folder):
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp(prefix="trl-cache-")
    import trl
    from datasets import load_dataset
    from transformers import AutoProcessor
    from trl.chat_template_utils import get_training_chat_template
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    with open(os.path.join(folder, "sft.py")) as file:
        start = file.read()
    settings(start, folder, model)
    files = json.loads(start.split("data_files=")[1].split(")")[0])
    bound = common.account(folder)["max_image_pixels"]
    assert f"max_pixels={bound}" in start
    processor = AutoProcessor.from_pretrained(model, max_pixels=bound)
    # The published template, as TRL ships it: the training template is found by an exact match.
    published = os.path.join(os.path.dirname(trl.__file__), "chat_templates", "qwen2_5_vl.jinja")
    with open(published) as file:
        processor.chat_template = processor.tokenizer.chat_template = file.read()
    collate = DataCollatorForVisionLanguageModeling(
        processor, max_length=None, assistant_only_loss=True,
        chat_template=get_training_chat_template(processor),
    )
    known = common.dumped(dump, "llamafactory-text", "train")
    data = load_dataset("parquet", data_files={k: os.path.join(folder, v) for k, v in files.items()})
    wanted = common.rows(folder, "train")
    assert len(data["train"]) == len(wanted)
    for row, (id_, turns, images) in zip(data["train"], wanted):
        for seen, sent in zip(row["images"], images):
            assert common.same_pixels(seen, sent), id_
        batch = collate([row])
        ids, labels = batch["input_ids"][0].tolist(), batch["labels"][0].tolist()
        text = common.unmasked(processor.tokenizer, ids, labels)
        # TRL's template may leave the newline behind a turn's end without loss.
        plain = lambda text: text.replace("<|im_end|>\n", "<|im_end|>")
        assert plain(text) == plain(common.model_text(turns)), f"{id_}:\n{text!r}"
        theirs = known[id_]["ids"]
        assert common.plain_ids(ids) == common.plain_ids(theirs) and len(ids) <= len(theirs), id_
    print(
        f"trl {trl.__version__}: {len(wanted)} rows, loss on the model's turns only, tokens as "
        "LLaMAFactory has them"
    )


if __name__ == "__main__":
    main(*(os.path.abspath(path) for path in sys.argv[1:4]))
