"""The rule by which G' rollouts of a prompt become G: uniform over round counts, by lot from the uid.

Standard library only. coldstart's own code draws the same lots; both are held to one file of cases.
"""

import hashlib


def lot(uid, what, number):
    text = f"coldstart resample v1/{uid}/{what}/{number}"
    return hashlib.sha256(text.encode()).digest()


def resample(uid, rounds, keep):
    """Ascending places in `rounds` (pictures of each rollout) of those that stay."""
    strata = {}
    for place, count in enumerate(rounds):
        strata.setdefault(int(count), []).append(place)
    order = sorted(strata, key=lambda count: lot(uid, "round", count))
    members = {c: sorted(strata[c], key=lambda place: lot(uid, "rollout", place)) for c in order}
    kept, left = [], min(keep, len(rounds))
    while left:
        for count in order:
            if left and members[count]:
                kept.append(members[count].pop(0))
                left -= 1
    return sorted(kept)


def advantages(rewards):
    """Equation 5 as verl computes it: the sample's deviation, plus 1e-6; a group of one is 0 and 1."""
    n = len(rewards)
    if n < 2:
        return [r / (1 + 1e-6) for r in rewards]
    mean = sum(rewards) / n
    deviation = (sum((r - mean) ** 2 for r in rewards) / (n - 1)) ** 0.5
    return [(r - mean) / (deviation + 1e-6) for r in rewards]
