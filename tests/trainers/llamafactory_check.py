"""LLaMAFactory's real pipeline over an export of form `llamafactory` or `universal`.

usage: llamafactory_check.py EXPORT MODEL [--step] [--dump FILE]
"""

import contextlib
import io
import json
import logging
import os
import sys
import tempfile

import common


def main(folder, model, step, dump):
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp(prefix="lf-cache-")
    os.environ["DISABLE_VERSION_CHECK"] = "1"
    from llamafactory.data import SFTDataCollatorWith4DAttentionMask, get_dataset
    from llamafactory.data import get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    with open(os.path.join(folder, "sft.yaml")) as file:
        import yaml

        settings = yaml.safe_load(file)
    assert settings["template"] == "qwen2_vl" and settings["learning_rate"] == 1e-5
    assert settings["num_train_epochs"] == 3 and settings["optim"] == "adamw_torch"
    assert settings["per_device_train_batch_size"] * settings["gradient_accumulation_steps"] * 8 == 256
    # What a CPU cannot: precision, devices, workers. All that shapes the data stays.
    for name in ("deepspeed", "flash_attn", "plot_loss", "gradient_checkpointing"):
        settings.pop(name, None)
    settings.update(
        model_name_or_path=model, dataset_dir=folder, media_dir=folder, bf16=False,
        output_dir=tempfile.mkdtemp(prefix="lf-out-"), preprocessing_num_workers=1,
        dataloader_num_workers=0, overwrite_cache=True, use_cpu=True,
    )
    settings.pop("eval_strategy", None)
    settings.pop("per_device_eval_batch_size", None)
    evals = settings.pop("eval_dataset", None)
    heard = io.StringIO()
    logging.getLogger("llamafactory").addHandler(logging.StreamHandler(heard))
    report = common.account(folder)
    for split, name in [("train", settings["dataset"]), ("validation", evals)]:
        if name is None:
            continue
        args = get_train_args({**settings, "dataset": name})
        model_args, data_args, training_args, finetuning_args, _ = args
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
        out, counted = [], []
        for row, (id_, turns, images) in zip(data, wanted):
            text = common.unmasked(tokenizer, row["input_ids"], row["labels"])
            assert text == common.model_text(turns), f"{id_}:\n{text!r}\n{common.model_text(turns)!r}"
            assert len(row["images"]) == len(images), id_
            for seen, sent in zip(row["images"], images):
                assert common.same_pixels(seen, sent), f"{id_}: an image changed"
            assert len(row["input_ids"]) <= settings["cutoff_len"]
            if report["tokens_exact"]:
                counted.append(len(row["input_ids"]))
            out.append({"id": id_, "ids": list(row["input_ids"]), "labels": list(row["labels"])})
        if counted:
            sums = report["splits"][split]
            # The native dialect's tool text is the template's, not the row's.
            if report["dialect"] == "text":
                found, said = (sum(counted), max(counted)), (sums["tokens"], sums["longest"])
                assert found == said, f"tokens and longest: {found}, coldstart says {said}"
                print(f"llamafactory {split}: {sums['tokens']} tokens, as coldstart counted them")
        if dump:
            with open(f"{dump}.{split}.json", "w") as file:
                json.dump(out, file)
        longest = max(len(row["ids"]) for row in out)
        print(f"llamafactory {split}: {len(out)} rows, none dropped, loss on the model's turns only; longest {longest}")
    spoken = heard.getvalue()
    assert "Loading dataset" in spoken, "the loader's warnings are not heard"
    assert not any(word in spoken for word in ("Invalid", "Dropped", "abnormal")), spoken
    if step:
        one_step(model_args, finetuning_args, training_args, template, module, data)


def one_step(model_args, finetuning_args, training_args, template, module, data):
    """A forward and backward step through LLaMAFactory's collator."""
    import torch
    from llamafactory.data import SFTDataCollatorWith4DAttentionMask
    from llamafactory.model import load_model

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


if __name__ == "__main__":
    argv = sys.argv[1:]
    step = "--step" in argv
    dump = argv[argv.index("--dump") + 1] if "--dump" in argv else None
    main(os.path.abspath(argv[0]), os.path.abspath(argv[1]), step, dump)
