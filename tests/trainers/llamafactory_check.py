"""LLaMAFactory's real pipeline over exports of form `llamafactory` or `universal`.

usage: llamafactory_check.py MODEL DUMP EXPORT...
A model step is made over the first export; what each gives is dumped as DUMP/<name>.<split>.json.
"""

import contextlib
import io
import json
import logging
import os
import sys
import tempfile

import common

# What a CPU cannot: devices, workers. All that shapes the data stays as `sft.yaml` has it.
HERE = {
    "deepspeed": "null", "use_cpu": "true", "bf16": "false", "preprocessing_num_workers": "1",
    "dataloader_num_workers": "0", "overwrite_cache": "true",
}


def settings(model, **more):
    """`sft.yaml` of the current folder as `llamafactory-cli train sft.yaml KEY=VALUE...` reads it."""
    from llamafactory.hparams import get_train_args
    from llamafactory.hparams.parser import read_args

    more = {"model_name_or_path": model, "output_dir": tempfile.mkdtemp(prefix="lf-out-"), **HERE, **more}
    sys.argv = ["llamafactory-cli", "sft.yaml"] + [f"{k}={v}" for k, v in more.items()]
    return get_train_args(read_args())


def paper(model, report):
    """The paper's settings, as the parser understood them; the names of the data sets."""
    model_args, data_args, training_args, finetuning_args, _ = settings(model)
    batch = training_args.per_device_train_batch_size * training_args.gradient_accumulation_steps
    assert batch * 8 == 256 and training_args.learning_rate == 1e-5
    assert training_args.num_train_epochs == 3 and str(training_args.optim) in ("adamw_torch", "OptimizerNames.ADAMW_TORCH")
    assert training_args.lr_scheduler_type == "cosine"
    assert finetuning_args.stage == "sft" and finetuning_args.finetuning_type == "full"
    assert finetuning_args.freeze_vision_tower and finetuning_args.freeze_multi_modal_projector
    assert data_args.template == "qwen2_vl" and data_args.cutoff_len == report["max_tokens"]
    assert not data_args.train_on_prompt and not data_args.mask_history
    assert model_args.image_max_pixels == report["max_image_pixels"]
    with open("sft.yaml") as file:
        text = file.read()
    assert "Qwen/Qwen2.5-VL-7B-Instruct" in text and "\nbf16: true" in text
    with open(text.split("deepspeed: ")[1].split()[0]) as file:
        assert json.load(file)["zero_optimization"]["stage"] == 3
    return data_args.dataset, data_args.eval_dataset


def check(folder, model, dump):
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.model import load_tokenizer

    os.chdir(folder)
    report = common.account(folder)
    trained, held = paper(model, report)
    loaded = None
    for split, name in [("train", trained), ("validation", held)]:
        if not name:
            continue
        args = settings(model, dataset=name[0], eval_dataset="null", eval_strategy='"no"')
        model_args, data_args, training_args, _, _ = args
        module = load_tokenizer(model_args)
        tokenizer = module["tokenizer"]
        template = get_template_and_fix_tokenizer(tokenizer, data_args)
        with contextlib.redirect_stdout(sys.stderr):
            data = get_dataset(template, model_args, data_args, training_args, stage="sft", **module)
        data = data["train_dataset"]
        wanted = common.rows(folder, split)
        assert len(data) == len(wanted) == report["splits"][split]["rows"], (
            f"{len(wanted)} rows, {len(data)} left"
        )
        out = []
        for row, (id_, turns, images) in zip(data, wanted):
            text = common.unmasked(tokenizer, row["input_ids"], row["labels"])
            assert text == common.model_text(turns), f"{id_}:\n{text!r}\n{common.model_text(turns)!r}"
            assert len(row["images"]) == len(images), id_
            for seen, sent in zip(row["images"], images):
                assert common.same_pixels(seen, sent), f"{id_}: an image changed"
            out.append({"id": id_, "ids": list(row["input_ids"]), "labels": list(row["labels"])})
        lengths = [len(row["ids"]) for row in out]
        assert max(lengths) <= data_args.cutoff_len
        sums = report["splits"][split]
        counted = "estimated by coldstart"
        if report["tokens_exact"]:
            found, said = (sum(lengths), max(lengths)), (sums["tokens"], sums["longest"])
            assert found == said, f"tokens and longest: {found}, coldstart says {said}"
            counted = "as coldstart counted them"
        name = os.path.basename(folder)
        with open(os.path.join(dump, f"{name}.{split}.json"), "w") as file:
            json.dump(out, file)
        print(
            f"llamafactory {name} {split}: {len(out)} rows, none dropped, loss on the model's turns "
            f"only; {sum(lengths)} tokens {counted}, longest {max(lengths)}"
        )
        loaded = loaded or (args, template, module, data)
    return loaded


def one_step(args, template, module, data):
    """A forward and backward step through LLaMAFactory's collator."""
    import torch
    from llamafactory.data import SFTDataCollatorWith4DAttentionMask
    from llamafactory.model import load_model

    model_args, _, training_args, finetuning_args, _ = args
    model = load_model(module["tokenizer"], model_args, finetuning_args, is_trainable=True)
    collate = SFTDataCollatorWith4DAttentionMask(
        template=template, model=model, pad_to_multiple_of=8, label_pad_token_id=-100,
        block_diag_attn=False, attn_implementation="sdpa", compute_dtype=torch.float32,
        **module,
    )
    rows = sorted(data, key=lambda row: -len(row["images"]))[:2]
    keys = ("input_ids", "attention_mask", "labels", "images", "videos", "audios")
    batch = collate([{key: row[key] for key in keys} for row in rows])
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert any("visual" in name for name in frozen), "the vision tower is not frozen"
    model.train()
    loss = model(**batch).loss
    loss.backward()
    moved = sum(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in model.parameters())
    assert torch.isfinite(loss) and moved > 5
    print(f"llamafactory step: loss {loss.item():.3f}, gradients in {moved} tensors, {len(frozen)} frozen")


def main(model, dump, folders):
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp(prefix="lf-cache-")
    os.environ["DISABLE_VERSION_CHECK"] = "1"
    import llamafactory  # noqa: F401  (its loggers exist from here on)

    heard = io.StringIO()
    logging.getLogger("llamafactory").addHandler(logging.StreamHandler(heard))
    for k, folder in enumerate(folders):
        loaded = check(folder, model, dump)
        if k == 0:
            one_step(*loaded)
    spoken = heard.getvalue()
    assert "Loading dataset" in spoken, "the loader's warnings are not heard"
    assert not any(word in spoken for word in ("Invalid", "Dropped", "abnormal")), spoken


if __name__ == "__main__":
    main(*(os.path.abspath(path) for path in sys.argv[1:3]), [os.path.abspath(p) for p in sys.argv[3:]])
