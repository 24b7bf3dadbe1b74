#!/bin/sh
# Supervised fine-tuning with ms-swift (4.6), with the settings of GenAgent (arXiv 2601.18543):
# Qwen2.5-VL-7B, global batch 256, learning rate 1e-5, 3 epochs, AdamW, loss on model turns only.
# Further options may follow on the command line.
here=$(cd "$(dirname "$0")" && pwd)
export ROOT_IMAGE_DIR="$here"
export MAX_PIXELS="${MAX_PIXELS:-{{max_pixels}}}"
export NPROC_PER_NODE="${GPUS:-8}"
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
    --gradient_accumulation_steps 16 \
    --learning_rate 1e-5 \
    --num_train_epochs 3 \
    --deepspeed zero3 \
    --output_dir saves/coldstart_sft \
    "$@"
