"""The export `trl-grpo` in TRL's own GRPOTrainer on a CPU: a tiny model, transformers' generation, turns that
are scripted for some steps, pictures and rewards by a real `coldstart serve`.

usage: trl_rl_check.py MODEL EXPORT        COLDSTART is the binary.
"""

import os
import sys

import common
import service


def main(model, folder):
    os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
    os.environ["HF_DATASETS_CACHE"] = common.scratch()
    sys.path.insert(0, folder)
    import json

    from datasets import load_dataset
    from environment import Painter, prepared, reward, turns_of
    from transformers import AutoProcessor
    from trl import GRPOConfig, GRPOTrainer

    compile(open(os.path.join(folder, "grpo.py")).read(), "grpo.py", "exec")
    processor = prepared(AutoProcessor.from_pretrained(model, max_pixels=64 * 64))
    tokenizer = processor.tokenizer
    data = load_dataset("parquet", data_files=os.path.join(folder, "train.parquet"))["train"].select([0])
    prompt = json.loads(data[0]["truth"])["prompt"]
    scripts = [
        [service.first(prompt), service.again(f"{prompt}, seen clearly"), service.ACCEPT],
        [service.first(prompt), "I am done."],
    ]
    seen = {}

    class Scripted(GRPOTrainer):
        """Generates what the scripts say, turn by turn."""

        def _generate_single_turn(self, prompt_ids, *_, **__):
            at = seen.setdefault("turn", 0)
            seen["turn"] = at + 1
            live = [turns for turns in scripts if len(turns) > at]
            said = [tokenizer(t[at] + "<|im_end|>", add_special_tokens=False).input_ids for t in live]
            assert len(said) == len(prompt_ids), (len(said), len(prompt_ids))
            seen.setdefault("prompts", []).append([tokenizer.decode(ids) for ids in prompt_ids])
            return said, None

    rewards = []
    score = reward(tokenizer)

    async def coldstart(completion_ids, **more):
        seen["turns"] = [turns_of(tokenizer, ids) for ids in completion_ids]
        rewards.extend(await score(completion_ids, **more))
        return rewards[-len(completion_ids) :]

    with service.serving():
        trainer = Scripted(
            model=model, processing_class=processor, train_dataset=data, reward_funcs=coldstart,
            environment_factory=Painter,
            args=GRPOConfig(
                output_dir=common.scratch(), num_generations=2, per_device_train_batch_size=2,
                max_tool_calling_iterations=3, max_completion_length=2048, beta=0.0, max_steps=1,
                use_cpu=True, bf16=False, report_to=[], loss_type="grpo", gradient_checkpointing=False,
            ),
        )
        trainer.train()
    assert seen["turns"] == [[t.strip() for t in turns] for turns in scripts], seen["turns"]
    observed = seen["prompts"][1][0]
    assert "<|im_start|>user\n<tool_response><|vision_start|>" in observed
    assert "<|vision_end|></tool_response><|im_end|>\n<|im_start|>assistant\n" in observed
    assert rewards[0] in (0.0, 0.15, 0.7, 1.0) and rewards[1] in (-0.2, 0.5), rewards
    print(f"trl rl: GRPOTrainer draws and scores by the service, tool turns as the supervised rows: {rewards}")


if __name__ == "__main__":
    main(*[os.path.abspath(path) for path in sys.argv[1:]])
