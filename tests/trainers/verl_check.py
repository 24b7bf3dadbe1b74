"""verl's own data sets and configurations over exports of form `verl-sft`, `universal` and `verl-rl`.

usage: verl_check.py MODEL DUMP RL_EXPORT SFT_EXPORT...
PYTHONPATH holds verl. Rows are held against what llamafactory_check.py dumped of the same records.
"""

import json
import os
import sys

import common


def sft(folder, model, dump):
    from omegaconf import OmegaConf
    from transformers import AutoProcessor, AutoTokenizer
    from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset

    report = common.account(folder)
    tokenizer = AutoTokenizer.from_pretrained(model)
    config = OmegaConf.create(
        {
            "max_length": report["max_tokens"], "truncation": "error",
            "messages_key": "messages", "pad_mode": "no_padding",
        }
    )
    data = MultiTurnSFTDataset(
        parquet_files=os.path.join(folder, "train.parquet"), tokenizer=tokenizer, config=config,
        processor=AutoProcessor.from_pretrained(model),
    )
    known = common.dumped(dump, "llamafactory-text", "train")
    wanted = common.rows(folder, "train")
    assert len(data) == len(wanted)
    for at, (id_, turns, images) in enumerate(wanted):
        row = data[at]
        ids, mask = row["input_ids"].tolist(), row["loss_mask"].tolist()
        text = tokenizer.decode([i for i, m in zip(ids, mask) if m], skip_special_tokens=False)
        assert text == common.model_text(turns), f"{id_}:\n{text!r}"
        pads = tokenizer.convert_tokens_to_ids("<|image_pad|>")
        assert (pads in ids) == bool(images)
        theirs, labels = known[id_]["ids"], known[id_]["labels"]
        assert common.plain_ids(ids) == common.plain_ids(theirs) and len(ids) <= len(theirs), id_
        loss = [label != -100 for label in common.plain_ids(theirs, labels)]
        assert [bool(m) for m in common.plain_ids(ids, mask)] == loss, id_
    print(
        f"verl {os.path.basename(folder)}: {len(data)} rows, loss on the model's turns only, tokens "
        "as LLaMAFactory has them"
    )


def rl(folder, model):
    from omegaconf import OmegaConf
    from transformers import AutoProcessor, AutoTokenizer
    from verl.utils.dataset.rl_dataset import RLHFDataset

    tokenizer = AutoTokenizer.from_pretrained(model)
    config = OmegaConf.create(
        {
            "prompt_key": "prompt", "image_key": "images", "max_prompt_length": 2048,
            "return_raw_chat": True, "filter_overlong_prompts": True, "truncation": "error",
            "cache_dir": common.scratch(), "filter_overlong_prompts_workers": 1,
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


def compose(name, overrides):
    """verl's own configuration with these overrides, as its `hydra.main` composes it."""
    import verl
    from hydra import compose, initialize_config_dir

    folder = os.path.join(os.path.dirname(verl.__file__), "trainer", "config")
    with initialize_config_dir(folder, version_base=None):
        return compose(name, overrides=overrides)


def configurations(sft_folder, rl_folder, model):
    """The start scripts' settings, as verl's configuration takes them."""
    from verl.utils.config import omega_conf_to_dataclass

    words = common.words_of(os.path.join(sft_folder, "sft.sh"), "torchrun", MODEL=model)
    assert "verl.trainer.sft_trainer" in words
    config = compose("sft_trainer_engine", words[words.index("verl.trainer.sft_trainer") + 1 :])
    longest = common.account(sft_folder)["max_tokens"]
    assert config.data.train_batch_size == 256 and config.optim.lr == 1e-5
    assert config.optim.lr_scheduler_type == "cosine" and config.optim.lr_warmup_steps_ratio == 0.03
    assert config.trainer.test_freq == "after_each_epoch"
    assert config.trainer.total_epochs == 3 and config.optim.optimizer == "AdamW"
    assert config.data.max_length == config.data.max_token_len_per_gpu == longest
    assert os.path.exists(config.data.train_files) and os.path.exists(config.data.val_files)
    omega_conf_to_dataclass(config.optim)
    words = common.words_of(os.path.join(rl_folder, "grpo.sh"), "python3", MODEL=model)
    assert "verl.trainer.main_ppo" in words
    config = compose("ppo_trainer", words[words.index("verl.trainer.main_ppo") + 1 :])
    actor, rollout = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout
    assert config.algorithm.adv_estimator == "grpo" and rollout.n == 8
    assert actor.loss_agg_mode == "seq-mean-token-mean" and rollout.agent.default_agent_loop == "coldstart_agent"
    assert config.trainer.v1.sampler.custom_sampler.name == "RoundSampler" and rollout.limit_images == 4
    assert config.trainer.v1.sampler.sampler_kwargs.keep == 8 and rollout.temperature == 1.0
    assert config.data.train_batch_size == 240 and actor.optim.lr == 1e-6
    assert not actor.use_kl_loss and actor.kl_loss_coef == 0 and not config.algorithm.use_kl_in_reward
    assert config.data.max_prompt_length + config.data.max_response_length == rollout.max_model_len == 16384
    assert rollout.multi_turn.enable and rollout.multi_turn.max_assistant_turns == 4
    omega_conf_to_dataclass(rollout)
    from verl.utils.config import validate_config

    validate_config(config, use_reference_policy=False, use_critic=False)
    print("verl configurations: composed by hydra, the paper's settings")


def main(model, dump, rl_folder, sft_folders):
    configurations(sft_folders[0], rl_folder, model)
    for folder in sft_folders:
        sft(folder, model, dump)
    rl(rl_folder, model)


if __name__ == "__main__":
    paths = [os.path.abspath(path) for path in sys.argv[1:]]
    main(*paths[:3], paths[3:])
