"""ms-swift's own loader and template over exports of form `ms-swift`, `llamafactory` or `universal`.

usage: swift_check.py MODEL DUMP EXPORT...
PYTHONPATH holds ms-swift. An export's rows are held against what llamafactory_check.py dumped of the
same records in the same dialect.
"""

import os
import sys

import common


def check(folder, model, dump):
    report = common.account(folder)
    os.environ["ROOT_IMAGE_DIR"] = folder
    os.environ["MAX_PIXELS"] = str(report["max_image_pixels"])
    from swift.dataset import load_dataset
    from swift.model import get_processor
    from swift.template import get_template

    name = "train.jsonl" if os.path.exists(os.path.join(folder, "train.jsonl")) else "train.parquet"
    data, _ = load_dataset([os.path.join(folder, name)], strict=True, load_from_cache_file=False)
    wanted = common.rows(folder, "train")
    assert len(data) == len(wanted), f"{len(wanted)} rows, {len(data)} left"
    processor = get_processor(model, model_type="qwen2_5_vl", download_model=False)
    template = get_template(processor, max_length=report["max_tokens"], template_type="qwen2_5_vl")
    template.set_mode("train")
    known = common.dumped(dump, f"llamafactory-{report['dialect']}", "train")
    for row, (id_, turns, images) in zip(data, wanted):
        encoded = template.encode(dict(row))
        ids, labels = list(encoded["input_ids"]), list(encoded["labels"])
        text = common.unmasked(template.tokenizer, ids, labels)
        plain = lambda text: text.replace("<|im_end|>\n", "<|im_end|>")
        assert plain(text) == plain(common.model_text(turns)), f"{id_}:\n{text!r}\n{common.model_text(turns)!r}"
        assert not images or len(encoded["image_grid_thw"]) == len(images)
        # LLaMAFactory ends a conversation with a newline more.
        theirs = known[id_]["ids"]
        mine, other = common.plain_ids(ids), common.plain_ids(theirs)
        assert mine == other[: len(mine)] and len(other) - len(mine) <= 1, id_
        assert len(ids) <= len(theirs), id_
    print(
        f"ms-swift {os.path.basename(folder)}: {len(wanted)} rows, loss on the model's turns only, "
        "tokens as LLaMAFactory has them"
    )


def command(folder, model):
    """`sft.sh` as ms-swift's own parser reads it."""
    from swift.arguments import SftArguments
    from swift.utils import parse_args

    words = common.words_of(os.path.join(folder, "sft.sh"), "swift", MODEL=model)
    assert words[0] == "sft"
    # What a CPU cannot.
    for name, value in [("--deepspeed", "zero3"), ("--torch_dtype", "bfloat16"), ("--output_dir", None)]:
        at = words.index(name)
        assert value in (None, words[at + 1])
        del words[at : at + 2]
    words += ["--torch_dtype", "float32", "--output_dir", common.scratch()]
    args, rest = parse_args(SftArguments, words[1:])
    assert not rest, rest
    batch = args.per_device_train_batch_size * args.gradient_accumulation_steps
    assert batch * 8 == 256 and args.learning_rate == 1e-5 and args.num_train_epochs == 3
    assert args.lr_scheduler_type == "cosine" and args.warmup_ratio == 0.03
    assert args.freeze_vit and args.freeze_aligner and args.tuner_type == "full"
    assert args.max_length == common.account(folder)["max_tokens"]
    print("ms-swift sft.sh: the parser takes the paper's settings")


def main(model, dump, folders):
    for folder in folders:
        check(folder, model, dump)
    command(next(f for f in folders if "ms-swift" in f), model)


if __name__ == "__main__":
    main(*(os.path.abspath(path) for path in sys.argv[1:3]), [os.path.abspath(p) for p in sys.argv[3:]])
