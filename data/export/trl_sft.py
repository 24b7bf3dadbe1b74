"""Supervised fine-tuning with TRL (1.16, transformers >= 5.18), with the settings of GenAgent
(arXiv 2601.18543): Qwen2.5-VL-7B, global batch 256, learning rate 1e-5, 3 epochs, AdamW, loss on
the model's turns only. Not stated in the paper, and the same for every trainer: vision tower and
projector frozen, cosine with 3 % of warm-up, ZeRO-3.
Run inside this folder: accelerate launch --num_processes {{gpus}} sft.py
"""

import os

from datasets import load_dataset
from transformers import AutoProcessor
from trl import SFTConfig, SFTTrainer

MODEL = "Qwen/Qwen2.5-VL-7B-Instruct"
GPUS = int(os.environ.get("WORLD_SIZE", "{{gpus}}"))

data = load_dataset("parquet", data_files={{files}})
trainer = SFTTrainer(
    model=MODEL,
    processing_class=AutoProcessor.from_pretrained(MODEL, max_pixels={{max_pixels}}),
    train_dataset=data["train"],
    eval_dataset=data.get("validation"),
    args=SFTConfig(
        output_dir="saves/coldstart_sft",
        assistant_only_loss=True,
        max_length=None,  # a cut row would lose image tokens
        per_device_train_batch_size=2,
        gradient_accumulation_steps=max(1, (256 + GPUS) // (2 * GPUS)),  # batch 256
        learning_rate=1e-5,
        lr_scheduler_type="cosine",
        warmup_steps=0.03,  # below 1: a share of all steps
        num_train_epochs=3,
        optim="adamw_torch",
        bf16=True,
        gradient_checkpointing=True,
        eval_strategy="epoch" if "validation" in data else "no",
        per_device_eval_batch_size=1,
        save_strategy="epoch",
        deepspeed="ds_z3.json",
    ),
)
for name, parameter in trainer.model.named_parameters():
    if "visual" in name.split("."):
        parameter.requires_grad = False
trainer.train()
