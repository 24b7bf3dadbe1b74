#!/bin/sh
# Supervised fine-tuning with ms-swift (4.6), with the settings of GenAgent (arXiv 2601.18543):
# Qwen2.5-VL-7B, global batch 256, learning rate 1e-5, 3 epochs, AdamW, loss on model turns only.
# Not stated in the paper, and the same for every trainer: vision tower and projector frozen, cosine with
# 3 % of warm-up, ZeRO-3. Further options may follow on the command line.
here=$(cd "$(dirname "$0")" && pwd)
gpus="${GPUS:-{{gpus}}}"
export ROOT_IMAGE_DIR="$here"
export MAX_PIXELS="${MAX_PIXELS:-{{max_pixels}}}"
export NPROC_PER_NODE="$gpus"
exec swift sft \
    --model "${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" \
    --model_type qwen2_5_vl \
    --template qwen2_5_vl \
    --dataset "$here/{{train}}.jsonl" {{val}}\
    --tuner_type full \
    --freeze_vit true \
    --freeze_aligner true \
    --torch_dtype bfloat16 \
    --max_length {{max_tokens}} \
    --truncation_strategy delete \
    --per_device_train_batch_size 2 \
    --gradient_accumulation_steps $(((256 + gpus) / (2 * gpus))) \
    --learning_rate 1e-5 \
    --lr_scheduler_type cosine \
    --warmup_ratio 0.03 \
    --num_train_epochs 3 \
    --gradient_checkpointing true \
    --save_strategy epoch \
    --deepspeed zero3 \
    --output_dir saves/coldstart_sft \
    "$@"
