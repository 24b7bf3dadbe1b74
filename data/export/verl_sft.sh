#!/bin/sh
# Supervised fine-tuning with verl (0.9.1), with the settings of GenAgent (arXiv 2601.18543):
# Qwen2.5-VL-7B, global batch 256, learning rate 1e-5, 3 epochs, AdamW, loss on model turns only.
# Further overrides may follow on the command line.
here=$(cd "$(dirname "$0")" && pwd)
exec torchrun --standalone --nproc_per_node="${GPUS:-8}" -m verl.trainer.sft_trainer \
    model.path="${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" \
    data.train_files={{train}} \
    data.val_files={{val}} \
    data.messages_key=messages \
    data.train_batch_size=256 \
    data.micro_batch_size_per_gpu=1 \
    data.max_token_len_per_gpu={{max_tokens}} \
    data.max_length={{max_tokens}} \
    data.truncation=error \
    optim.lr=1e-5 \
    trainer.total_epochs=3 \
    trainer.project_name=coldstart \
    trainer.experiment_name=sft \
    trainer.logger='["console"]' \
    "$@"
