"""Supervised fine-tuning with TRL (1.16, transformers >= 5.18), with the settings of GenAgent
(arXiv 2601.18543): Qwen2.5-VL-7B, global batch 256, learning rate 1e-5, 3 epochs, AdamW, loss on
the model's turns only. Run inside this folder: accelerate launch sft.py
"""

from datasets import load_dataset
from transformers import AutoProcessor
from trl import SFTConfig, SFTTrainer

MODEL = "Qwen/Qwen2.5-VL-7B-Instruct"

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
        gradient_accumulation_steps=16,  # 8 GPUs x 2 x 16 = 256
        learning_rate=1e-5,
        num_train_epochs=3,
        optim="adamw_torch",
        bf16=True,
        gradient_checkpointing=True,
    ),
)
trainer.train()
