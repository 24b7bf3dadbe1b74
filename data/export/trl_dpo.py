"""Preference training (DPO) with TRL (1.16) on pairs of the agent's own rollouts, after supervised
fine-tuning. MODEL is the checkpoint of that stage. Run inside this folder:
accelerate launch --num_processes {{gpus}} dpo.py
"""

import os

from datasets import load_dataset
from transformers import AutoProcessor
from trl import DPOConfig, DPOTrainer

MODEL = os.environ["MODEL"]
GPUS = int(os.environ.get("WORLD_SIZE", "{{gpus}}"))

data = load_dataset("parquet", data_files={{files}})
trainer = DPOTrainer(
    model=MODEL,
    processing_class=AutoProcessor.from_pretrained(MODEL, max_pixels={{max_pixels}}),
    train_dataset=data["train"],
    eval_dataset=data.get("validation"),
    args=DPOConfig(
        output_dir="saves/coldstart_dpo",
        beta=0.1,
        max_length=None,  # a cut row would lose image tokens
        per_device_train_batch_size=1,
        gradient_accumulation_steps=max(1, (64 + GPUS // 2) // GPUS),  # batch 64
        learning_rate=1e-6,
        num_train_epochs=1,
        optim="adamw_torch",
        bf16=True,
        gradient_checkpointing=True,
    ),
)
trainer.train()
