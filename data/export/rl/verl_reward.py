"""verl's `custom_reward_function`: one POST to `coldstart serve`. A rollout that cannot be scored raises.

Use verl's reward manager `naive` (the default): `rate_limited` turns an error into a reward of 0.
"""

import json

from coldstart_service import score


async def compute_score(data_source, solution_str, ground_truth, extra_info=None, **_):
    extra = extra_info or {}
    truth = json.loads(ground_truth)
    lacking = [name for name in ("session", "rounds", "turns", "ended") if name not in extra]
    if lacking:
        raise RuntimeError(
            f"the rollout brings no {', '.join(lacking)}: it was not made by loop.GenAgentLoop "
            "(column agent_name), or the reward manager drops extra fields (dapo, gdpo)"
        )
    plain = lambda value: value.tolist() if hasattr(value, "tolist") else value
    rounds = [{"caption": r["caption"], "digest": r["digest"]} for r in plain(extra["rounds"])]
    answer = await score(
        extra["session"], truth, rounds, [str(turn) for turn in plain(extra["turns"])],
        str(extra["ended"]), extra.get("step"), extra.get("group"),
    )
    parts = answer["parts"]
    return {
        "score": float(answer["score"]), "point": parts["point"], "format": parts["format"],
        "pair": parts["pair"], "lambda": parts["lambda"], "pictures": float(answer["rounds"]),
    }
