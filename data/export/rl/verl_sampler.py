"""verl's replay buffer that keeps G of G' rollouts of each prompt, uniform over round counts.

Sessions that failed for reasons of infrastructure have no row, so they are out before. With fewer
than G left the group is as large as it is (verl pads the batch).
"""

import logging
from collections import defaultdict

import transfer_queue as tq
from coldstart_resample import resample
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync

logger = logging.getLogger(__name__)


class Rounds:
    """Resamples before log-probabilities are computed: what does not stay costs nothing more."""

    def _materialize_batch(self, partition_id, selected_prompt_uids, partition_snapshot):
        if partition_id != "val":
            partition_snapshot = self._resampled(partition_id, selected_prompt_uids, partition_snapshot)
        return super()._materialize_batch(partition_id, selected_prompt_uids, partition_snapshot)

    def _resampled(self, partition_id, uids, snapshot):
        keep = int((self.sampler_kwargs or {}).get("keep", 8))
        groups = defaultdict(list)
        for key in snapshot:
            uid = key.split("_")[0]
            if uid in set(uids):
                groups[uid].append(key)
        surplus = []
        for uid, keys in groups.items():
            keys.sort(key=lambda key: [int(part) for part in key.split("_")[1:]])
            turns = tq.kv_batch_get(keys=keys, partition_id=partition_id, select_fields=["num_turns"])
            # User and assistant turns and one: a picture adds two.
            rounds = [int(n) // 2 - 1 for n in turns["num_turns"]]
            kept = set(resample(uid, rounds, keep))
            surplus += [key for place, key in enumerate(keys) if place not in kept]
        if surplus:
            tq.kv_clear(partition_id=partition_id, keys=surplus)
            logger.info("resampled: %d rollouts of %d prompts leave", len(surplus), len(groups))
        left = set(surplus)
        return {key: tag for key, tag in snapshot.items() if key not in left}


class RoundSampler(Rounds, ReplayBuffer):
    """For the synchronous trainer."""


class RoundSamplerAsync(Rounds, ReplayBufferAsync):
    """For the asynchronous ones."""
