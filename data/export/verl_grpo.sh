#!/bin/sh
# GRPO with verl (0.9.1), with the settings of GenAgent (arXiv 2601.18543): batch 240, 12 rollouts
# a prompt, KL 0, 16,384 tokens, learning rate 1e-6, at most 3 pictures.
# The paper keeps 8 of the 12 rollouts, evenly over round counts: `reward.resample` says which; verl
# has no option for it, so call it where your trainer filters groups.
# MODEL is the checkpoint of the supervised stage. Set REWARD_BASE_URL and REWARD_MODEL, and the
# generator's URL in tools.yaml. Further overrides may follow on the command line.
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
exec python3 -m verl.trainer.main_ppo \
    algorithm.adv_estimator=grpo \
    algorithm.use_kl_in_reward=False \
    data.train_files="$here/{{train}}.parquet" \
    data.val_files="$here/{{val}}.parquet" \
    data.train_batch_size=240 \
    data.max_prompt_length={{max_prompt}} \
    data.max_response_length={{max_response}} \
    data.filter_overlong_prompts=True \
    data.truncation=error \
    data.return_raw_chat=True \
    actor_rollout_ref.model.path="${MODEL:?the checkpoint of the supervised stage}" \
    actor_rollout_ref.actor.optim.lr=1e-6 \
    actor_rollout_ref.actor.use_kl_loss=False \
    actor_rollout_ref.actor.kl_loss_coef=0.0 \
    actor_rollout_ref.actor.ppo_mini_batch_size=240 \
    actor_rollout_ref.actor.use_dynamic_bsz=True \
    actor_rollout_ref.rollout.name=vllm \
    actor_rollout_ref.rollout.n=12 \
    actor_rollout_ref.rollout.max_model_len={{max_tokens}} \
    actor_rollout_ref.rollout.multi_turn.enable=True \
    actor_rollout_ref.rollout.multi_turn.format=hermes \
    actor_rollout_ref.rollout.multi_turn.max_assistant_turns=4 \
    actor_rollout_ref.rollout.multi_turn.tool_config_path="$here/tools.yaml" \
    reward.custom_reward_function.path="$here/reward.py" \
    reward.custom_reward_function.name=compute_score \
    trainer.project_name=coldstart \
    trainer.experiment_name=grpo \
    trainer.logger='["console"]' \
    trainer.n_gpus_per_node="${GPUS:-{{gpus}}}" \
    "$@"
