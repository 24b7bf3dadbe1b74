"""ms-swift's own loader and template over an export of form `ms-swift`, `llamafactory` or `universal`.

usage: swift_check.py EXPORT MODEL [LF_DUMP]
PYTHONPATH holds ms-swift.
"""

import json
import os
import sys

import common


def main(folder, model, dump):
    os.environ["ROOT_IMAGE_DIR"] = folder
    os.environ["MAX_PIXELS"] = str(common.account(folder)["max_image_pixels"])
    from swift.dataset import load_dataset
    from swift.model import get_processor
    from swift.template import get_template

    name = "train.jsonl" if os.path.exists(os.path.join(folder, "train.jsonl")) else "train.parquet"
    data, _ = load_dataset([os.path.join(folder, name)], strict=True, load_from_cache_file=False)
    wanted = common.rows(folder, "train")
    assert len(data) == len(wanted), f"{len(wanted)} rows, {len(data)} left"
    processor = get_processor(model, model_type="qwen2_5_vl", download_model=False)
    template = get_template(
        processor, max_length=common.account(folder)["max_tokens"], template_type="qwen2_5_vl"
    )
    template.set_mode("train")
    known = {}
    if dump:
        with open(dump) as file:
            known = {row["id"]: row for row in json.load(file)}
    same = 0
    for row, (id_, turns, images) in zip(data, wanted):
        encoded = template.encode(dict(row))
        ids, labels = list(encoded["input_ids"]), list(encoded["labels"])
        text = common.unmasked(template.tokenizer, ids, labels)
        plain = lambda text: text.replace("<|im_end|>\n", "<|im_end|>")
        assert plain(text) == plain(common.model_text(turns)), f"{id_}:\n{text!r}\n{common.model_text(turns)!r}"
        assert len(encoded["image_grid_thw"]) == len(images) if images else True
        if id_ in known:
            # LLaMAFactory ends a conversation with a newline more.
            theirs = known[id_]["ids"]
            assert ids == theirs[: len(ids)] and len(theirs) - len(ids) <= 1, id_
            same += 1
    assert not known or same == len(wanted)
    dialect = common.account(folder)["dialect"]
    print(f"ms-swift ({name}, {dialect}): {len(wanted)} rows, loss on the model's turns only; {same} rows as LLaMAFactory has them")


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
