"""GRPO with TRL (1.16), with the settings of GenAgent (arXiv 2601.18543) as far as it has them: at most 3
pictures, KL 0, 16,384 tokens, learning rate 1e-6. TRL keeps no G of G' rollouts by round counts, so a
group is 8 here; `verl-rl` does the paper's 12 to 8. Start `coldstart serve` first (COLDSTART_SERVE is
its address); MODEL is the checkpoint of the supervised stage. Run inside this folder:
accelerate launch --num_processes {{gpus}} grpo.py
"""

import os

from datasets import load_dataset
from environment import MOST, Painter, prepared, reward
from transformers import AutoProcessor
from trl import GRPOConfig, GRPOTrainer

MODEL = os.environ["MODEL"]
GPUS = int(os.environ.get("WORLD_SIZE", "{{gpus}}"))

data = load_dataset("parquet", data_files={{files}})
processor = prepared(AutoProcessor.from_pretrained(MODEL, max_pixels={{max_pixels}}))
trainer = GRPOTrainer(
    model=MODEL,
    processing_class=processor,
    train_dataset=data["train"],
    reward_funcs=reward(processor.tokenizer),
    environment_factory=Painter,
    args=GRPOConfig(
        output_dir="saves/coldstart_grpo",
        num_generations=8,
        max_tool_calling_iterations=MOST,
        max_completion_length={{max_response}},
        temperature=1.0,
        beta=0.0,
        loss_type="grpo",  # per sequence, then over the group
        learning_rate=1e-6,
        per_device_train_batch_size=8,
        gradient_accumulation_steps=max(1, (240 + GPUS // 2) // GPUS),  # 240 groups of 8
        bf16=True,
        gradient_checkpointing=True,
    ),
)
trainer.train()
