"""The second stage end to end with TRL: GRPO by transformers' generation, pictures and rewards by
`coldstart serve` over the simulated world. No engine is needed.

usage: grpo.py --export DIR [--model DIR] [--steps N] [--out FILE]

DIR is an export of form `trl-grpo`. MODEL is a small trained agent (a checkpoint of the export `trl` or
`llamafactory`); without it a tiny random model is trained for some steps on a CPU, which shows that every
part runs and nothing more. COLDSTART is the binary, COLDSTART_SERVE a service that runs already. FILE gets
a JSON line a step: the mean reward, its parts' share and the number of pictures. The rewards are the
simulated world's: they say whether training moves, not how good a real agent gets. `proof.py` leaves a model,
an export and a project whose pictures have the model's size (COLDSTART_PROJECT) in its work folder.
"""

import argparse
import json
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "trainers"))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--export", required=True, help="an export of form trl-grpo")
    parser.add_argument("--model", help="a checkpoint; without it a tiny random model")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=2, help="prompts a step")
    parser.add_argument("--group", type=int, default=4, help="rollouts a prompt")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no step after so many")
    parser.add_argument("--micro", type=int, help="rollouts that a gradient is taken of at once (all of a prompt)")
    parser.add_argument("--tokens", type=int, help="tokens of a completion (tiny: 96, else 2,048)")
    parser.add_argument("--pixels", type=int, default=128 * 128, help="pixels of a picture that the model sees")
    parser.add_argument("--lr", type=float, default=1e-5)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--out", default="grpo.jsonl")
    return parser.parse_args()


def tiny():
    """The tiny random Qwen2.5-VL of the trainers' checks."""
    import subprocess

    folder = os.path.join(tempfile.mkdtemp(prefix="coldstart-"), "model")
    script = os.path.join(HERE, "..", "trainers", "processor.py")
    subprocess.run([sys.executable, script, folder], check=True)
    return folder


def train(args, model):
    import torch
    from datasets import load_dataset
    from environment import MOST, Painter, prepared, reward
    from transformers import AutoProcessor, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    cpu, micro, began = not torch.cuda.is_available(), args.micro or args.group, time.monotonic()
    processor = prepared(AutoProcessor.from_pretrained(model, max_pixels=args.pixels))
    data = load_dataset("parquet", data_files=os.path.join(args.export, "train.parquet"))["train"]
    score, seen = reward(processor.tokenizer), []

    async def coldstart(completion_ids, environments, truth, trainer_state=None, **more):
        scores = await score(completion_ids, environments, truth, trainer_state=trainer_state, **more)
        pictures = [len(environment._rounds) for environment in environments]
        seen.append((getattr(trainer_state, "global_step", 0), scores, pictures))
        return scores

    class Curve(TrainerCallback):
        """A line a step."""

        def on_step_end(self, args_, state, control, **_):
            control.should_training_stop |= time.monotonic() - began > args.seconds
            scores = [s for _, found, _ in seen for s in found]
            pictures = [n for _, _, found in seen for n in found]
            seen.clear()
            if not scores:
                return
            line = {
                "step": state.global_step, "seconds": round(time.monotonic() - began, 1), "rollouts": len(scores), "reward": sum(scores) / len(scores),
                "format_broken": sum(round(s * 100) % 5 == 0 and s in (-0.2, -0.05, 0.5, 0.8) for s in scores) / len(scores),
                "satisfied": sum(s >= 0.5 for s in scores) / len(scores),
                "pictures": sum(pictures) / len(pictures),
            }
            with open(args.out, "a") as file:
                file.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)

    trainer = GRPOTrainer(
        model=model, processing_class=processor, train_dataset=data, reward_funcs=coldstart,
        environment_factory=Painter, callbacks=[Curve()],
        args=GRPOConfig(
            output_dir=tempfile.mkdtemp(prefix="coldstart-grpo-"), max_steps=args.steps,
            num_generations=args.group, per_device_train_batch_size=micro,
            gradient_accumulation_steps=args.prompts * args.group // micro, max_tool_calling_iterations=MOST,
            max_completion_length=args.tokens or (2048 if args.model else 96), temperature=args.temperature,
            beta=0.0, loss_type="grpo", learning_rate=args.lr, lr_scheduler_type="constant", use_cpu=cpu, bf16=not cpu,
            gradient_checkpointing=not cpu, report_to=[], save_strategy="no", logging_steps=1,
        ),
    )
    trainer.train()


def main():
    args = arguments()
    args.export = os.path.abspath(args.export)
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    sys.path.insert(0, args.export)
    model = args.model or tiny()
    if os.environ.get("COLDSTART_SERVE"):
        return train(args, model)
    import service

    with service.serving() as (url, run):
        print(f"serving at {url} into {run}", flush=True)
        train(args, model)
    print(f"rewards by step: coldstart table {run}")


if __name__ == "__main__":
    main()
