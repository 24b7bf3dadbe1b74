#!/bin/sh
# GRPO with verl 0.9.1 (REQUIRED_VERL.txt), with the settings of GenAgent (arXiv 2601.18543): 12 rollouts a
# prompt resampled to 8 over round counts, loss per sequence and then over the group, KL 0, 16,384
# tokens, learning rate 1e-6, at most 3 pictures.
# "Batch 240" may mean 240 prompts or 240 rollouts; it is 240 prompts here: BATCH=30 makes it 240 rollouts.
# Start `coldstart serve` first (COLDSTART_SERVE is its address); MODEL is the checkpoint of the
# supervised stage. Further overrides may follow on the command line.
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
batch=${BATCH:-240}
exec python3 -m verl.trainer.main_ppo \
    algorithm.adv_estimator=grpo \
    algorithm.norm_adv_by_std_in_grpo=True \
    algorithm.use_kl_in_reward=False \
    data.train_files="$here/{{train}}.parquet" \
    data.val_files="$here/{{val}}.parquet" \
    data.train_batch_size="$batch" \
    data.max_prompt_length={{max_prompt}} \
    data.max_response_length={{max_response}} \
    data.filter_overlong_prompts=True \
    data.truncation=error \
    data.return_raw_chat=True \
    actor_rollout_ref.model.path="${MODEL:?the checkpoint of the supervised stage}" \
    actor_rollout_ref.actor.optim.lr=1e-6 \
    actor_rollout_ref.actor.use_kl_loss=False \
    actor_rollout_ref.actor.kl_loss_coef=0.0 \
    actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-mean \
    actor_rollout_ref.actor.ppo_mini_batch_size="$batch" \
    actor_rollout_ref.actor.use_dynamic_bsz=True \
    actor_rollout_ref.actor.ppo_max_token_len_per_gpu={{max_tokens}} \
    actor_rollout_ref.rollout.name=vllm \
    actor_rollout_ref.rollout.n=8 \
    actor_rollout_ref.rollout.temperature=1.0 \
    actor_rollout_ref.rollout.max_model_len={{max_tokens}} \
    +actor_rollout_ref.rollout.limit_images=4 \
    actor_rollout_ref.rollout.multi_turn.enable=True \
    actor_rollout_ref.rollout.multi_turn.max_assistant_turns=4 \
    actor_rollout_ref.rollout.agent.agent_loop_config_path="$here/agent.yaml" \
    actor_rollout_ref.rollout.agent.default_agent_loop=coldstart_agent \
    reward.custom_reward_function.path="$here/reward.py" \
    reward.custom_reward_function.name=compute_score \
    trainer.v1.sampler.custom_sampler.path="$here/sampler.py" \
    trainer.v1.sampler.custom_sampler.name=RoundSampler \
    +trainer.v1.sampler.sampler_kwargs.keep=8 \
    trainer.project_name=coldstart \
    trainer.experiment_name=grpo \
    trainer.logger='["console"]' \
    trainer.n_gpus_per_node="${GPUS:-{{gpus}}}" \
    "$@"
