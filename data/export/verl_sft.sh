#!/bin/sh
# Supervised fine-tuning with verl (0.9.1), with the settings of GenAgent (arXiv 2601.18543):
# Qwen2.5-VL-7B, global batch 256, learning rate 1e-5, 3 epochs, AdamW, loss on model turns only.
# Not stated in the paper, and the same for every trainer: cosine with 3 % of warm-up, full sharding
# (FSDP). One thing differs: verl has no option that freezes the vision tower, so it is trained too.
# Further overrides may follow on the command line.
here=$(cd "$(dirname "$0")" && pwd)
gpus="${GPUS:-{{gpus}}}"
exec torchrun --standalone --nproc_per_node="$gpus" -m verl.trainer.sft_trainer \
    model.path="${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" \
    data.train_files={{train}} \
    data.val_files={{val}} \
    data.messages_key=messages \
    data.train_batch_size=$(((256 + gpus / 2) / gpus * gpus)) \
    data.micro_batch_size_per_gpu=1 \
    data.max_token_len_per_gpu={{max_tokens}} \
    data.max_length={{max_tokens}} \
    data.truncation=error \
    optim.lr=1e-5 \
    optim.lr_scheduler_type=cosine \
    optim.lr_warmup_steps_ratio=0.03 \
    trainer.total_epochs=3 \
    trainer.test_freq={{test}} \
    trainer.save_freq=after_each_epoch \
    trainer.n_gpus_per_node="$gpus" \
    trainer.project_name=coldstart \
    trainer.experiment_name=sft \
    trainer.logger='["console"]' \
    "$@"
