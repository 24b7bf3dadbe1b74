"""The export `verl-rl` with verl's own classes on a CPU: agent loop, reward worker, and (WITH_QUEUE=1) replay buffer.

usage: verl_rl_check.py MODEL DUMP RL_EXPORT LLAMAFACTORY_EXPORT
PYTHONPATH holds verl, TransferQueue and tensordict; COLDSTART is the binary. The loop's ids and masks are
held against what llamafactory_check.py dumped of the same trajectories.
"""

import asyncio
import io
import json
import os
import sys
import uuid

import common
import service
from verl_check import compose


def resampling():
    from coldstart_resample import advantages, resample

    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "..", "cases", "rl", "resample.jsonl"), encoding="utf-8") as file:
        cases = [json.loads(line) for line in file]
    for case in cases:
        assert resample(case["uid"], case["rounds"], case["keep"]) == case["kept"], case["uid"]
        found = advantages(case["rewards"])
        assert all(abs(a - b) < 1e-9 for a, b in zip(found, case["advantages"], strict=True)), case["uid"]
    print(f"verl rl: resampling and advantages as coldstart's, {len(cases)} cases")


def calls():
    """What the loops draw is what the service finds called for."""
    from coldstart_grammar import caption

    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "..", "cases", "rl", "calls.jsonl"), encoding="utf-8") as file:
        cases = [json.loads(line) for line in file]
    for case in cases:
        assert caption(case["turn"]) == case["caption"], case["turn"]
    print(f"verl rl: calls read as coldstart reads them, {len(cases)} turns")


def settings(folder, model):
    words = common.words_of(os.path.join(folder, "grpo.sh"), "python3", MODEL=model)
    return compose("ppo_trainer", words[words.index("verl.trainer.main_ppo") + 1 :])


class Scripted:
    """A server that says these turns, with log-probabilities."""

    def __init__(self, turns):
        self.turns, self.asked = list(turns), []

    async def generate(self, request_id, *, prompt_ids, sampling_params, image_data=None, **_):
        from verl.workers.rollout.replica import TokenOutput

        self.asked.append((list(prompt_ids), len(image_data or [])))
        ids = self.turns.pop(0)
        return TokenOutput(token_ids=ids, log_probs=[-0.5] * len(ids), stop_reason="completed")


def loop_of(config, server, tokenizer, processor, pictures=3):
    import loop
    from omegaconf import open_dict
    from verl.experimental.agent_loop.agent_loop import DictConfigWrap
    from verl.utils.dataset.rl_dataset import RLHFDataset

    with open_dict(config):
        config.actor_rollout_ref.rollout.multi_turn.max_assistant_turns = pictures + 1
    return loop.GenAgentLoop(
        trainer_config=DictConfigWrap(config), server_manager=server, tokenizer=tokenizer,
        processor=processor, dataset_cls=RLHFDataset, data_config=DictConfigWrap(config.data),
        hf_model_type="qwen2_5_vl",
    )


def same_bytes(config, tokenizer, processor, dump, folder):
    """Exactly the ids and masks of the supervised rows, whatever the trajectory's end."""
    import loop
    from PIL import Image

    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    known = common.dumped(dump, "llamafactory-text", "train")
    ends, seen = {}, 0
    for id_, turns, images in common.rows(folder, "train"):
        ids, labels = known[id_]["ids"], known[id_]["labels"]
        said = [text for role, text in turns if role == "model"]
        scripted = [tokenizer(text, add_special_tokens=False).input_ids + [end] for text in said]
        drawn = [Image.open(io.BytesIO(image)).convert("RGB") for image in images]
        queue = list(drawn)

        async def draw(caption, session):
            return queue.pop(0), "0" * 64

        loop.draw = draw
        server = Scripted(scripted)
        agent = loop_of(config, server, tokenizer, processor, max(1, len(images)))
        prompt = [{"role": role, "content": text} for role, text in turns[:2]]
        output = asyncio.get_event_loop().run_until_complete(
            agent.run({}, raw_prompt=prompt, uid="u", session_id=0, global_steps=3)
        )
        kind = "accept" if said[-1].endswith("</answer>") else "open"
        kind = "accept after reject" if kind == "accept" and len(said) > 2 else kind
        if kind == "open" and not images:
            continue
        # The last newline is behind the last turn's end: nobody generates it.
        mine = output.prompt_ids + output.response_ids
        theirs = common.plain_ids(ids)
        assert theirs[-1] == tokenizer("\n").input_ids[0]
        assert common.plain_ids(mine) == theirs[:-1], f"{id_}: {kind}"
        mask = [0] * len(output.prompt_ids) + output.response_mask
        mask = common.plain_ids(mine, mask)
        # Their loss stands on the newline behind a turn's end, which the template writes.
        wanted = [
            int(label != -100 and not (k and theirs[k - 1] == end))
            for k, label in enumerate(common.plain_ids(ids, labels))
        ][:-1]
        assert mask == wanted, f"{id_}: {kind}"
        assert len(output.response_logprobs) == len(output.response_ids)
        assert len(output.multi_modal_data.get("images", [])) == len(images)
        assert output.num_turns // 2 - 1 == len(images)
        fields = output.extra_fields
        assert fields["turns"] == said and fields["session"] == "u_0" and fields["step"] == 3
        assert fields["ended"] == ("cut" if kind == "open" else "answer"), fields["ended"]
        json.dumps(fields)
        ends[kind] = ends.get(kind, 0) + 1
        seen += 1
    assert {"accept", "open"} <= set(ends), ends
    print(f"verl rl loop: {seen} trajectories, ids and masks as the supervised rows have them: {ends}")


def whole_way(config, tokenizer, processor, model, folder):
    """A rollout drawn by the service and rewarded through verl's own worker; an outage raises."""
    import importlib

    import loop
    import numpy as np
    import pyarrow.parquet as pq
    import torch
    from coldstart_service import ServiceError
    from verl import DataProto
    from verl.experimental.reward_loop.reward_loop import RewardLoopWorker

    importlib.reload(loop)
    row = pq.read_table(os.path.join(folder, "train.parquet")).to_pylist()[0]
    assert row["__rollout_n__"] == 12 and row["agent_name"] == "coldstart_agent"
    held = pq.read_schema(os.path.join(folder, "validation.parquet"))
    assert "__rollout_n__" not in held.names
    prompt = json.loads(row["reward_model"]["ground_truth"])["prompt"]
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    run = asyncio.get_event_loop().run_until_complete

    def played(turns, session=0):
        server = Scripted([tokenizer(t, add_special_tokens=False).input_ids + [end] for t in turns])
        agent = loop_of(config, server, tokenizer, processor)
        return run(
            agent.run({}, raw_prompt=row["prompt"], uid="w", session_id=session, global_steps=1)
        )

    worker = RewardLoopWorker(config)

    def rewarded(output):
        one = lambda value: np.array([value], dtype=object)
        ids = torch.tensor([output.response_ids])
        data = DataProto.from_dict(
            tensors={"responses": ids, "attention_mask": torch.ones_like(ids)},
            non_tensors={
                "data_source": one(row["data_source"]), "reward_model": one(row["reward_model"]),
                "extra_info": one(dict(row["extra_info"])), "tool_extra_fields": one(output.extra_fields),
                "__num_turns__": one(output.num_turns),
            },
        )
        return run(worker.compute_score(data))

    with service.serving() as (url, _):
        two = played([service.first(prompt), service.again(f"{prompt}, seen clearly"), service.ACCEPT])
        assert two.num_turns == 6 and two.extra_fields["ended"] == "answer"
        found = rewarded(two)
        parts = found["reward_extra_info"]
        total = parts["point"] + parts["format"] + parts["lambda"] * parts["pair"]
        assert abs(found["reward_score"] - total) < 1e-9 and parts["pictures"] == 2 and parts["format"] == 0
        assert rewarded(two)["reward_score"] == found["reward_score"], "scored once"
        broken = played([service.first(prompt), "I am done."], 1)
        assert broken.extra_fields["ended"] == "malformed"
        assert rewarded(broken)["reward_extra_info"]["format"] == -0.2
    os.environ["COLDSTART_SERVE"] = "http://127.0.0.1:9"
    import coldstart_service

    patient = coldstart_service.post
    coldstart_service.post = lambda path, body: patient(path, body, tries=2, timeout=5)
    for what in [lambda: played([service.first(prompt)], 2), lambda: rewarded(two)]:
        try:
            what()
        except (ServiceError, RuntimeError):
            continue
        raise AssertionError("an outage was read as something that the model did")
    print("verl rl: loop, service and reward worker; an outage raises")


def buffer(config):
    """Twelve rollouts to eight in verl's replay buffer over a real TransferQueue."""
    # A cluster of this process alone.
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    import ray
    import torch
    import transfer_queue as tq
    from coldstart_resample import resample
    from tensordict import TensorDict
    from verl.utils.import_utils import load_extern_type

    ray.init(num_cpus=16, include_dashboard=False, log_to_driver=False)
    tq.init()
    sampler = config.trainer.v1.sampler
    cls = load_extern_type(sampler.custom_sampler.path, sampler.custom_sampler.name)
    replay = cls(
        trainer_mode="sync", trainer_config=config.trainer.v1.get("sync", {}),
        max_off_policy_threshold=sampler.max_off_policy_threshold,
        max_off_policy_strategy=sampler.max_off_policy_strategy,
        sampler_kwargs=sampler.sampler_kwargs, poll_interval=0.05, refill_fn=None,
    )
    groups = {
        str(uuid.uuid4()): [1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3],
        # Two sessions failed, one prompt has too few.
        str(uuid.uuid4()): [3, 3, 3, 3, 2, 2, 2, 1, 1, 1],
        str(uuid.uuid4()): [1, 2, 2, 3, 3],
    }
    for partition in ("train", "val"):
        for uid, rounds in groups.items():
            keys = [f"{uid}_{session}_0" for session in range(len(rounds))]
            fields = TensorDict(
                {"num_turns": torch.tensor([2 * n + 2 for n in rounds])}, batch_size=len(rounds)
            )
            tags = [{"status": "success", "global_steps": 1} for _ in rounds]
            tq.kv_batch_put(keys=keys, fields=fields, tags=tags, partition_id=partition)
            prompt = {"is_prompt": True, "status": "finished", "global_steps": 1}
            tq.kv_put(key=uid, partition_id=partition, tag=prompt)
    batch, _ = replay.sample(1, "train", len(groups))
    wanted = []
    for uid, rounds in groups.items():
        wanted += [f"{uid}_{session}_0" for session in resample(uid, rounds, 8)]
    assert sorted(batch.keys) == sorted(wanted) and len(batch.keys) == len(batch.tags) == 21
    left = {key for key in tq.kv_list(partition_id="train")["train"]} if tq.kv_list() else set()
    assert left == set(wanted), "what does not stay is cleared"
    held, _ = replay.sample(1, "val", len(groups))
    assert len(held.keys) == 27, "validation is not resampled"
    tq.close()
    ray.shutdown()
    print("verl rl replay buffer: 12 to 8 by the rule, with a real TransferQueue; validation whole")


def main(model, dump, rl_folder, sft_folder):
    from transformers import AutoProcessor, AutoTokenizer

    sys.path.insert(0, rl_folder)
    asyncio.set_event_loop(asyncio.new_event_loop())
    resampling()
    calls()
    config = settings(rl_folder, model)
    tokenizer, processor = AutoTokenizer.from_pretrained(model), AutoProcessor.from_pretrained(model)
    same_bytes(config, tokenizer, processor, dump, sft_folder)
    whole_way(config, tokenizer, processor, model, rl_folder)
    # Needs Ray and a TransferQueue that come up: by hand, on a machine with cores to spare.
    if os.environ.get("WITH_QUEUE"):
        buffer(config)


if __name__ == "__main__":
    main(*[os.path.abspath(path) for path in sys.argv[1:]])
