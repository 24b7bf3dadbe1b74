"""Loads an export with its trainer's own code: rows, tokens, and the first example with what is trained.

usage: loaders.py FOLDER FORM MODEL COLOUR     (run by `coldstart export --verify FOLDER --loader`)
A trainer that is not installed is said so; one that refuses the export ends with 1.
"""

import contextlib
import importlib.util
import json
import os
import sys

# What the trainers tell of themselves would hide what they say of the export.
for name, quiet in (
    ("HF_DATASETS_DISABLE_PROGRESS_BARS", "1"),
    ("TRANSFORMERS_VERBOSITY", "error"),
    ("LLAMAFACTORY_VERBOSITY", "ERROR"),
    ("LOG_LEVEL", "ERROR"),
):
    os.environ.setdefault(name, quiet)

# They print examples of their own, too; a refusal comes as an exception.
OUT = sys.stdout

FOLDER, FORM, MODEL, COLOUR = sys.argv[1:5]
BY_FORM = {
    "llamafactory": ["llamafactory", "swift"],
    "universal": ["llamafactory", "verl", "swift", "datasets"],
    "verl-sft": ["verl", "datasets"],
    "verl-rl": ["verl", "datasets"],
    "ms-swift": ["swift"],
    "trl": ["trl", "datasets"],
    "trl-grpo": ["datasets"],
    "trl-dpo": ["datasets"],
    "hf": ["datasets"],
}
with open(os.path.join(FOLDER, "export.json")) as file:
    ACCOUNT = json.load(file)
SPLITS = [name for name, split in ACCOUNT["splits"].items() if split["rows"]]


def say(text):
    print(text, file=OUT, flush=True)


def paint(text, trained):
    if COLOUR != "yes":
        return f"[[{text}]]" if trained else text
    return f"\x1b[32m{text}\x1b[0m" if trained else f"\x1b[2m{text}\x1b[0m"


def visible(text):
    return "".join(c if c in "\n\t" or c.isprintable() else f"\\u{{{ord(c):x}}}" for c in text)


def spans(tokenizer, ids, trained):
    """The text in runs of what is trained and what is masked; a picture's patches as one mark."""
    runs, pad = [], None
    for id_, mask in zip(ids, trained):
        word = tokenizer.convert_ids_to_tokens(int(id_))
        if word in ("<|image_pad|>", "<|video_pad|>") and word == pad:
            continue
        pad = word
        if runs and runs[-1][1] == bool(mask):
            runs[-1][0].append(int(id_))
        else:
            runs.append(([int(id_)], bool(mask)))
    return "".join(paint(visible(tokenizer.decode(part, skip_special_tokens=False)), mask) for part, mask in runs)


def tell(trainer, split, rows, lengths, example):
    want = ACCOUNT["splits"][split]["rows"]
    tokens = f", {sum(lengths)} tokens, longest {max(lengths)}" if lengths else ""
    say(f"{trainer}: {split} {rows} rows of {want}{tokens}")
    if example:
        say(example + "\n")
    return rows == want


def datasets_():
    import datasets

    if FORM == "hf":
        data = datasets.load_dataset(FOLDER)
    else:
        data = datasets.load_dataset(
            "parquet", data_files={s: os.path.join(FOLDER, f"{s}.parquet") for s in SPLITS}
        )
    good = True
    for split in SPLITS:
        rows = data[split]
        first = rows[0]
        talk = first.get("messages") or first.get("prompt") or []
        lines = []
        for message in talk:
            text = message["content"]
            if isinstance(text, list):
                text = "".join("<image>" if b["type"] == "image" else b["text"] for b in text)
            lines.append(f"{message['role']}: {paint(visible(text), message['role'] == 'assistant')}")
        pictures = first.get("images")
        if pictures:
            lines.append(f"pictures: {[type(picture).__name__ for picture in pictures]}")
        good &= tell(f"datasets {datasets.__version__}", split, len(rows), [], "\n".join(lines))
    return good


def llamafactory():
    os.environ.setdefault("DISABLE_VERSION_CHECK", "1")
    import tempfile

    os.chdir(FOLDER)
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.hparams.parser import read_args
    from llamafactory.model import load_tokenizer
    from transformers.utils import logging

    good = True
    for split in SPLITS:
        here = {
            "model_name_or_path": MODEL, "output_dir": tempfile.mkdtemp(), "deepspeed": "null",
            "use_cpu": "true", "bf16": "false", "preprocessing_num_workers": "1",
            "dataset": f"coldstart_{split}", "eval_dataset": "null", "eval_strategy": '"no"',
        }
        sys.argv = ["llamafactory-cli", "sft.yaml"] + [f"{k}={v}" for k, v in here.items()]
        model_args, data_args, training_args, _, _ = get_train_args(read_args())
        logging.set_verbosity_error()  # it has turned it up
        module = load_tokenizer(model_args)
        template = get_template_and_fix_tokenizer(module["tokenizer"], data_args)
        data = get_dataset(template, model_args, data_args, training_args, stage="sft", **module)
        rows = data["train_dataset"]
        first = rows[0]
        example = spans(module["tokenizer"], first["input_ids"], [l != -100 for l in first["labels"]])
        lengths = [len(row["input_ids"]) for row in rows]
        good &= tell("llamafactory", split, len(rows), lengths, example)
    return good


def verl():
    from omegaconf import OmegaConf
    from transformers import AutoProcessor, AutoTokenizer

    tokenizer, processor = AutoTokenizer.from_pretrained(MODEL), AutoProcessor.from_pretrained(MODEL)
    good = True
    for split in SPLITS:
        file = os.path.join(FOLDER, f"{split}.parquet")
        if FORM == "verl-rl":
            from verl.utils.dataset.rl_dataset import RLHFDataset

            config = {"prompt_key": "prompt", "max_prompt_length": 2048, "return_raw_chat": True, "filter_overlong_prompts": True}
            data = RLHFDataset(data_files=file, tokenizer=tokenizer, processor=processor, config=OmegaConf.create(config))
            asked = [row["raw_prompt"] for row in (data[at] for at in range(len(data)))]
            words = [tokenizer.apply_chat_template(list(talk), tokenize=False, add_generation_prompt=True) for talk in asked]
            lengths = [len(tokenizer(text)["input_ids"]) for text in words]
            # No turn of a prompt is trained: what is, the rollouts bring.
            good &= tell("verl", split, len(data), lengths, paint(visible(words[0]), False))
            continue
        from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset

        config = {"max_length": ACCOUNT["max_tokens"], "truncation": "error", "messages_key": "messages", "pad_mode": "no_padding"}
        data = MultiTurnSFTDataset(parquet_files=file, tokenizer=tokenizer, processor=processor, config=OmegaConf.create(config))
        rows = [data[at] for at in range(len(data))]
        example = spans(tokenizer, rows[0]["input_ids"].tolist(), rows[0]["loss_mask"].tolist())
        good &= tell("verl", split, len(rows), [len(row["input_ids"]) for row in rows], example)
    return good


def swift():
    os.environ["ROOT_IMAGE_DIR"] = FOLDER
    os.environ["MAX_PIXELS"] = str(ACCOUNT["max_image_pixels"])
    from swift.dataset import load_dataset
    from swift.model import get_processor
    from swift.template import get_template

    processor = get_processor(MODEL, model_type="qwen2_5_vl")
    template = get_template(processor, max_length=ACCOUNT["max_tokens"], template_type="qwen2_5_vl")
    template.set_mode("train")
    good = True
    for split in SPLITS:
        name = next(n for n in (f"{split}.jsonl", f"{split}.parquet") if os.path.exists(os.path.join(FOLDER, n)))
        data, _ = load_dataset([os.path.join(FOLDER, name)], strict=True)
        rows = [template.encode(dict(row)) for row in data]
        example = spans(template.tokenizer, rows[0]["input_ids"], [l != -100 for l in rows[0]["labels"]])
        good &= tell("ms-swift", split, len(rows), [len(row["input_ids"]) for row in rows], example)
    return good


def trl():
    import trl as package
    from datasets import load_dataset
    from transformers import AutoProcessor

    try:
        from trl.chat_template_utils import get_training_chat_template
    except ImportError:
        raise RuntimeError(f"TRL {package.__version__} is installed here; this form is for 1.16 and later")
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    processor = AutoProcessor.from_pretrained(MODEL, max_pixels=ACCOUNT["max_image_pixels"])
    try:
        template = get_training_chat_template(processor)
    except ValueError:
        # TRL knows templates to the letter; a model's own copy may differ by a space.
        published = os.path.join(os.path.dirname(package.__file__), "chat_templates", "qwen2_5_vl.jinja")
        with open(published) as file:
            processor.chat_template = processor.tokenizer.chat_template = file.read()
        template = get_training_chat_template(processor)
        say("trl: it cannot train on this model's own chat template; read by TRL's qwen2_5_vl.jinja")
    collate = DataCollatorForVisionLanguageModeling(
        processor, max_length=None, assistant_only_loss=True, chat_template=template
    )
    data = load_dataset("parquet", data_files={s: os.path.join(FOLDER, f"{s}.parquet") for s in SPLITS})
    good = True
    for split in SPLITS:
        rows = [collate([row]) for row in data[split]]
        first = rows[0]
        example = spans(processor.tokenizer, first["input_ids"][0].tolist(), [l != -100 for l in first["labels"][0].tolist()])
        good &= tell("trl", split, len(rows), [row["input_ids"].shape[1] for row in rows], example)
    return good


def main():
    loaders = {"llamafactory": llamafactory, "verl": verl, "swift": swift, "trl": trl, "datasets": datasets_}
    if FORM not in BY_FORM:
        sys.exit(f"no loader is known for the form {FORM}")
    found = [name for name in BY_FORM[FORM] if importlib.util.find_spec(name)]
    missing = [name for name in BY_FORM[FORM] if name not in found]
    if missing:
        say(f"not installed here: {', '.join(missing)}")
    if not found:
        sys.exit("no trainer of this form is installed in this Python; name another by --python")
    good = True
    for name in found:
        try:
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
                good &= loaders[name]()
        except Exception as error:  # the trainer's own words are what is asked for
            say(f"{name} refuses it: {type(error).__name__}: {error}")
            good = False
    sys.exit(0 if good else 1)


main()
