#!/bin/sh
# GRPO with ms-swift (4.6), with the settings of GenAgent (arXiv 2601.18543) as far as it has them: at
# most 3 pictures, KL 0, 16,384 tokens, learning rate 1e-6. ms-swift keeps no G of G' rollouts by round
# counts, so a group is 8 here; `verl-rl` does the paper's 12 to 8.
# Start `coldstart serve` first (COLDSTART_SERVE is its address), then
#   swift rollout --model "$MODEL" --multi_turn_scheduler coldstart --external_plugins scheduler.py \
#       --vllm_use_async_engine true --vllm_limit_mm_per_prompt '{"image": 4}'
# and this. MODEL is the checkpoint of the supervised stage.
here=$(cd "$(dirname "$0")" && pwd)
export ROOT_IMAGE_DIR="$here" MAX_PIXELS={{max_pixels}}
# 240 groups of 8 a step, whatever the number of GPUs.
gpus="${GPUS:-{{gpus}}}"
export NPROC_PER_NODE="$gpus"
exec swift rlhf --rlhf_type grpo \
    --model "${MODEL:?the checkpoint of the supervised stage}" \
    --dataset "$here/{{train}}.jsonl" \
    --external_plugins "$here/scheduler.py" \
    --multi_turn_scheduler coldstart \
    --max_turns 4 \
    --reward_funcs coldstart \
    --use_vllm true \
    --vllm_mode server \
    --vllm_server_host "${ROLLOUT_HOST:-127.0.0.1}" \
    --vllm_server_port "${ROLLOUT_PORT:-8000}" \
    --num_generations 8 \
    --per_device_train_batch_size 8 \
    --gradient_accumulation_steps $(((240 + gpus / 2) / gpus > 0 ? (240 + gpus / 2) / gpus : 1)) \
    --beta 0.0 \
    --temperature 1.0 \
    --learning_rate 1e-6 \
    --max_length {{max_tokens}} \
    --max_completion_length {{max_response}} \
    --freeze_vit true \
    --torch_dtype bfloat16 \
    --remove_unused_columns false \
    --output_dir "$here/saves/coldstart_grpo" \
    "$@"
