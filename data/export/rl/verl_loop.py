"""The agent loop for verl 0.9.1: the bytes of the supervised rows, pictures by `coldstart serve`.

The picture comes back in a turn of the user, `<tool_response>`, picture, `</tool_response>`, as it
stands in the supervised rows; verl's own tool loop would render a turn of role `tool`, and would tell
the model of an outage of the image server and have it trained on that. Here an outage raises: verl
marks the session as failed, and it is in no batch.
"""

from typing import Any
from uuid import uuid4

from coldstart_grammar import AFTER, BEFORE, next_step
from coldstart_service import Refused, draw
from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopOutput, register
from verl.utils.profiler import simple_timer


@register("coldstart_agent")
class GenAgentLoop(AgentLoopBase):
    def __init__(self, *args, tools=None, **kwargs):
        super().__init__(*args, **kwargs)
        # One turn more than pictures: the last picture is judged.
        self.most = max(1, int(self.rollout_config.multi_turn.max_assistant_turns or 4) - 1)
        self.response_length = self.rollout_config.response_length

    async def run(self, sampling_params: dict[str, Any], **kwargs) -> AgentLoopOutput:
        messages = [dict(message) for message in kwargs["raw_prompt"]]
        group = str(kwargs.get("uid") or uuid4().hex)
        session = f"{group}_{kwargs.get('session_id', uuid4().hex)}"
        ids = await self.ct_build_initial_tokens(messages)
        prompt_length = len(ids)
        mask, logprobs = [], []
        images, rounds, turns, metrics, observed = [], [], [], {}, 0
        extra = {}
        while True:
            with simple_timer("generate_sequences", metrics):
                output = await self.server_manager.generate(
                    request_id=session, prompt_ids=ids, sampling_params=sampling_params,
                    image_data=images or None,
                )
            preempted = output.num_preempted
            metrics["num_preempted"] = max(metrics.get("num_preempted", -1), -1 if preempted is None else preempted)
            keep_versions(extra, output.extra_fields or {})
            merged, mask, known = await self.ct_merge_assistant_token(
                ids, output.token_ids, mask,
                logprobs if (logprobs or output.log_probs) else None,
                assistant_logprobs=output.log_probs if output.log_probs else None,
            )
            logprobs = known or []
            ids = merged.token_ids
            turn = self.tokenizer.decode(output.token_ids, skip_special_tokens=True).strip()
            turns.append(turn)
            messages.append({"role": "assistant", "content": turn})
            what, words = next_step(turn, len(images), self.most)
            if what == "end":
                ended = words
                break
            if len(mask) >= self.response_length:
                ended = "turn_limit"
                break
            try:
                with simple_timer("tool_calls", metrics):
                    picture, digest = await draw(words, session)
            except Refused:
                ended = "refused"
                break
            rounds.append({"caption": words, "digest": digest})
            content = [
                {"type": "text", "text": BEFORE}, {"type": "image", "image": picture},
                {"type": "text", "text": AFTER},
            ]
            before = list(messages)
            messages.append({"role": "user", "content": content})
            merged, longer, known = await self.ct_merge_context_msg(
                before, messages, ids, mask, logprobs or None
            )
            if len(longer) >= self.response_length:
                # The picture would not fit: what was said until now is the rollout.
                ended = "turn_limit"
                break
            ids, mask = merged.token_ids, longer
            logprobs = known or []
            images.append(picture)
            observed += 1
        extra.update(
            # Names and digests only: these fields travel through queues and dumps.
            session=session, group=group, rounds=rounds, turns=turns, ended=ended,
            step=int(kwargs.get("global_steps", -1)), turn_scores=[], tool_rewards=[],
        )
        return AgentLoopOutput(
            prompt_ids=ids[:prompt_length],
            response_ids=ids[prompt_length:][: self.response_length],
            response_mask=mask[: self.response_length],
            response_logprobs=logprobs[: self.response_length] if logprobs else None,
            multi_modal_data={"images": images} if images else {},
            num_turns=observed + len(turns) + 1,
            metrics=metrics,
            extra_fields=extra,
        )


def keep_versions(extra, found):
    """The model's version of the first turn, and of the last."""
    for name, value in found.items():
        if name not in extra or name == "max_global_steps":
            extra[name] = value
