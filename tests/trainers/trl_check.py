"""TRL's own collator and training template over an export of form `trl`.

usage: trl_check.py EXPORT MODEL [LF_DUMP]
"""

import json
import os
import sys
import tempfile

import common


def main(folder, model, dump):
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp(prefix="trl-cache-")
    import trl
    from datasets import load_dataset
    from transformers import AutoProcessor
    from trl.chat_template_utils import get_training_chat_template
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    with open(os.path.join(folder, "sft.py")) as file:
        start = file.read()
    compile(start, "sft.py", "exec")
    files = json.loads(start.split("data_files=")[1].split(")")[0])
    processor = AutoProcessor.from_pretrained(model)
    # The published template, as TRL ships it: the training template is found by an exact match.
    published = os.path.join(os.path.dirname(trl.__file__), "chat_templates", "qwen2_5_vl.jinja")
    with open(published) as file:
        processor.chat_template = processor.tokenizer.chat_template = file.read()
    collate = DataCollatorForVisionLanguageModeling(
        processor, max_length=None, assistant_only_loss=True,
        chat_template=get_training_chat_template(processor),
    )
    known = {}
    if dump:
        with open(dump) as file:
            known = {row["id"]: row for row in json.load(file)}
    data = load_dataset("parquet", data_files={k: os.path.join(folder, v) for k, v in files.items()})
    wanted = common.rows(folder, "train")
    assert len(data["train"]) == len(wanted)
    same = 0
    for row, (id_, turns, images) in zip(data["train"], wanted):
        for seen, sent in zip(row["images"], images):
            assert common.same_pixels(seen, sent), id_
        batch = collate([row])
        ids, labels = batch["input_ids"][0].tolist(), batch["labels"][0].tolist()
        text = common.unmasked(processor.tokenizer, ids, labels)
        # TRL's template may leave the newline behind a turn's end without loss.
        plain = lambda text: text.replace("<|im_end|>\n", "<|im_end|>")
        assert plain(text) == plain(common.model_text(turns)), f"{id_}:\n{text!r}"
        if id_ in known:
            assert ids == known[id_]["ids"], id_
            same += 1
    assert not known or same == len(wanted)
    print(f"trl {trl.__version__}: {len(wanted)} rows, loss on the model's turns only; {same} rows as LLaMAFactory has them")


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
