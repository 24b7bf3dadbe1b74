"""verl's own data sets, configurations, tool and reward loop over exports of form `verl-sft`,
`universal` and `verl-rl`.

usage: verl_check.py MODEL DUMP RL_EXPORT SFT_EXPORT...
PYTHONPATH holds verl. Rows are held against what llamafactory_check.py dumped of the same records.
"""

import asyncio
import base64
import http.server
import io
import json
import os
import sys
import threading

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
    assert config.algorithm.adv_estimator == "grpo" and rollout.n == 12
    assert config.data.train_batch_size == 240 and actor.optim.lr == 1e-6
    assert not actor.use_kl_loss and actor.kl_loss_coef == 0 and not config.algorithm.use_kl_in_reward
    assert config.data.max_prompt_length + config.data.max_response_length == rollout.max_model_len == 16384
    assert rollout.multi_turn.enable and rollout.multi_turn.max_assistant_turns == 4
    omega_conf_to_dataclass(rollout)
    from verl.utils.config import validate_config

    validate_config(config, use_reference_policy=False, use_critic=False)
    print("verl configurations: composed by hydra, the paper's settings")
    return config


CALL = '<tool_call>\n{"name": "image_generation_tool", "arguments": {"caption": "c"}}\n</tool_call>'
FIRST = f"<think>t</think> {CALL}"
SEEN = "\nuser\n<tool_response></tool_response>\nassistant\n"
ACCEPT = "<judge>\nj\n</judge>\n<answer>done</answer>"
REJECT = f"<judge>\nj\n</judge>\n<think>\nt\n</think>\n{CALL}"


def grammar(reward):
    for good in [FIRST, FIRST + SEEN + ACCEPT, FIRST + SEEN + REJECT + SEEN + ACCEPT, FIRST + SEEN + REJECT]:
        assert reward.well_formed(good), good
    for bad in [
        "", ACCEPT, FIRST + CALL, f"{FIRST}{SEEN}<answer>done</answer>", FIRST.replace('"c"', "c"),
        FIRST.replace('{"caption": "c"}', '"c"'), "<think>t</think> <tool_call>c</tool_call>",
        FIRST + SEEN + ACCEPT + SEEN + ACCEPT, FIRST + SEEN + REJECT + "<answer>done</answer>",
    ]:
        assert not reward.well_formed(bad), bad


def png(shade):
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (32, 32), (shade, shade, shade)).save(out, format="PNG")
    return out.getvalue()


class Servers(http.server.BaseHTTPRequestHandler):
    """The generator (each picture lighter than the last) and the judge (the lighter one is better;
    a picture is good from `threshold` on)."""

    drawn, threshold, asked = 0, 0, []

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/generate/":
            Servers.drawn += 40
            reply = {"status": "success", "images": [base64.b64encode(png(Servers.drawn)).decode()]}
        else:
            reply = {"choices": [{"message": {"content": self.judge(body["messages"][0]["content"])}}]}
        data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def judge(self, content):
        from PIL import Image

        urls = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
        shades = [Image.open(io.BytesIO(base64.b64decode(u.split(",")[1]))).getpixel((0, 0))[0] for u in urls]
        Servers.asked.append((content[0]["text"], shades))
        if len(shades) == 2:
            return json.dumps({"better": "first" if shades[0] > shades[1] else "second"})
        lines = content[0]["text"].split("\n\n")[-1].split("\n")
        answer = "yes" if shades[0] >= Servers.threshold else "no"
        return "Here it is: " + json.dumps({line.split(":")[0]: answer for line in lines})


def reward_loop(folder, config, model):
    """Equations 6 and 7 through verl's own reward manager, pictures drawn by the exported tool."""
    import numpy as np
    import torch
    from transformers import AutoTokenizer
    from verl import DataProto
    from verl.experimental.reward_loop.reward_manager import get_reward_manager_cls
    from verl.tools.tool_registry import load_all_tools
    from verl.trainer.ppo.reward import get_custom_reward_fn

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Servers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    os.environ.update(REWARD_BASE_URL=url + "/v1", REWARD_MODEL="judge")
    sys.path.insert(0, folder)
    tool = load_all_tools(config.actor_rollout_ref.rollout.multi_turn.tool_config_path, None)[0]
    tool.config["url"] = url + "/generate/"
    tokenizer = AutoTokenizer.from_pretrained(model)
    import pyarrow.parquet as pq

    row = pq.read_table(os.path.join(folder, "train.parquet")).to_pylist()[0]

    class Agent:
        extra_fields = {}

    async def score(response, pictures, threshold):
        Servers.drawn, Servers.threshold, Servers.asked = 0, threshold, []
        agent = Agent()
        agent.extra_fields = {}
        for _ in range(pictures):
            instance, _ = await tool.create(create_kwargs={})
            seen, _, _ = await tool.execute(instance, {"caption": "c"}, agent_data=agent)
            assert seen.image[0].size == (32, 32)
        manager = get_reward_manager_cls("naive")(config, tokenizer, get_custom_reward_fn(config))
        ids = torch.tensor([tokenizer(response).input_ids])
        one = lambda value: np.array([value], dtype=object)
        data = DataProto.from_dict(
            tensors={"responses": ids, "attention_mask": torch.ones_like(ids)},
            non_tensors={
                "data_source": one(row["data_source"]), "reward_model": one(row["reward_model"]),
                "extra_info": one(dict(row["extra_info"])), "tool_extra_fields": one(agent.extra_fields),
            },
        )
        return (await manager.run_single(data))["reward_score"]

    one_round, two_rounds = FIRST + SEEN + ACCEPT, FIRST + SEEN + REJECT + SEEN + ACCEPT
    three_rounds = FIRST + SEEN + REJECT + SEEN + REJECT + SEEN + ACCEPT
    table = [
        # response, pictures, threshold of the judge, reward
        (one_round, 1, 40, 0.7),
        (one_round, 1, 50, 0.0),
        (two_rounds, 2, 80, 0.7 + 0.3),
        (two_rounds, 2, 90, 0.5 * 0.3),
        (three_rounds, 3, 120, 0.7 + 0.3),
        (two_rounds.replace("<judge>", "<judge"), 2, 80, 0.7 - 0.2 + 0.3),
        (two_rounds.replace("<judge>", "<judge"), 2, 90, -0.2 + 0.5 * 0.3),
        (ACCEPT, 0, 0, -0.2),
    ]
    for response, pictures, threshold, wanted in table:
        found = asyncio.run(score(response, pictures, threshold))
        assert abs(found - wanted) < 1e-9, (response, pictures, threshold, found, wanted)
    import reward

    grammar(reward)
    assert reward.resample([1] * 9 + [2, 2, 3], 8).count(11) == 1
    assert sorted(reward.resample([1] * 12, 8)) == reward.resample([1] * 12, 8) and len(reward.resample([1] * 12)) == 8
    # A later picture that is worse earns nothing, and which is shown first depends on the key alone.
    orders = set()
    for key in range(16):
        Servers.asked = []
        worse = asyncio.run(reward.beats({"prompt": "q"}, png(90), png(30), str(key)))
        assert not worse
        orders.add(tuple(Servers.asked[0][1]))
    assert orders == {(90, 30), (30, 90)}
    server.shutdown()
    print("verl reward: equations 6 and 7 through verl's reward manager; the tool draws; positions shuffled")


def main(model, dump, rl_folder, sft_folders):
    config = configurations(sft_folders[0], rl_folder, model)
    reward_loop(rl_folder, config, model)
    for folder in sft_folders:
        sft(folder, model, dump)
    rl(rl_folder, model)


if __name__ == "__main__":
    paths = [os.path.abspath(path) for path in sys.argv[1:]]
    main(*paths[:3], paths[3:])
