"""Training: sight first (pictures with descriptions and questions, everything learns), then SFT on rows with the
loss on the model's turns and the vision tower frozen, as LLaMAFactory does by default."""

import math
import time

import numpy as np
import torch
import torch.nn.functional as F

from model import autocast, hidden, positions, see


def _optimizer(parameters, rate, device):
    return torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.95), weight_decay=0.01, fused=device == "cuda")


def _rate(done):
    """Of the highest rate: warm-up over 3 %, then a cosine to a twentieth."""
    return min(1.0, (done + 1e-3) / 0.03) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


class Rows:
    """Rows (ids, turns) padded at their ends, where no one sees it under a causal mask. `turns` numbers the model's
    turns from 1; 0 is not trained on. What a step needs is found here, so that the device is never waited for."""

    def __init__(self, rows, model, device, alike=False):
        self.device, self.lengths = device, np.array([len(ids) for ids, _ in rows])
        self.pad, self.picture = model.ids["<|endoftext|>"], model.ids["<|image_pad|>"]
        longest = -(-self.lengths.max() // 16) * 16
        self.ids = np.full((len(rows), longest), self.pad, np.int32)
        self.turns = np.zeros((len(rows), longest), np.int8)
        # All rows of sight have their one picture in the same place.
        self.places = np.zeros((3, 1 if alike else len(rows), longest), np.int16)
        for n, (ids, turns) in enumerate(rows):
            self.ids[n, :len(ids)], self.turns[n, :len(ids)] = ids, turns
        for n in range(self.places.shape[1]):
            self.places[:, n] = positions(self.ids[n], self.picture)

    def batch(self, pick):
        """Ids, places, where pictures stand, where trained tokens are said (the place before), those tokens' turns."""
        length = -(-self.lengths[pick].max() // 16) * 16
        ids, turns = self.ids[pick, :length], self.turns[pick, :length]
        places = self.places[:, pick if self.places.shape[1] > 1 else np.zeros(len(pick), int), :length]
        said = np.flatnonzero(turns)
        assert not len(said) or not turns[:, 0].any()
        send = lambda a: torch.from_numpy(np.ascontiguousarray(a, np.int64)).to(self.device, non_blocking=True)
        return send(ids), send(places), send(np.flatnonzero(ids == self.picture)), send(said), turns.flatten()[said]


def _logits(model, batch, features, device):
    """What is said at each trained place, and what should be."""
    ids, places, pictures, said, _ = batch
    with autocast(device):
        out = hidden(model, ids, places, features, pictures)
        logits = model.lm_head(out.flatten(0, 1)[said - 1])
    return logits.float(), ids.flatten()[said]


def _step(model, optimizer, loss, rate, done, together=None):
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    parameters = [p for p in model.parameters() if p.grad is not None]
    if together:
        done = together(parameters, done)
    for group in optimizer.param_groups:
        group["lr"] = rate * _rate(done)
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    return done


def averaged(parameters, done):
    """Gradients, and how far training is, as the mean of all processes'."""
    import torch.distributed as dist

    flat = torch.cat([p.grad.flatten() for p in parameters] + [torch.tensor([done], device=parameters[0].device)])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for p, part in zip(parameters, flat[:-1].split([p.numel() for p in parameters])):
        p.grad.copy_(part.view_as(p))
    return float(flat[-1])


def _moved(pictures, colors, pick, rng, far):
    """Pictures (palette indices) of `pick` in their colours, each moved by a few pixels."""
    device, side = pictures.device, pictures.shape[1]
    index = torch.from_numpy(pick).to(device)
    at = lambda: (torch.arange(side)[None] + torch.from_numpy(rng.integers(-far, far + 1, (len(pick), 1)))).clamp(0, side - 1)
    flat = pictures[index[:, None, None], at().to(device)[:, :, None], at().to(device)[:, None, :]]
    return colors[index[:, None, None], flat.long()]


def sight(model, pictures, colors, rows, device, steps, batch=256, seconds=1e9, rate=6e-4, rank=0, of=1, far=5, say=print):
    """`rows` are (ids, turns), each with one of `pictures` ((n, SIDE, SIDE) palette indices; `colors` (n, m, 3)). The
    schedule ends with `steps` or `seconds`, whichever comes first. The last pictures are kept apart: how many of their
    descriptions and of their answers are right word for word. One of `of` processes that learn together."""
    model.train()
    rng, began = np.random.default_rng(rank), time.monotonic()
    apart, rows = min(2048, len(rows) // 8), Rows(rows, model, device, alike=True)
    optimizer = _optimizer(model.parameters(), rate, device)
    step, done = 0, 0.0
    while done < 1:
        pick = rng.integers(0, len(rows.ids) - apart, batch)
        with autocast(device):
            features = see(model, _moved(pictures, colors, pick, rng, far))
        loss = F.cross_entropy(*_logits(model, rows.batch(pick), features, device))
        done = max(step / steps, (time.monotonic() - began) / seconds)
        done, step = _step(model, optimizer, loss, rate, done, averaged if of > 1 else None), step + 1
        if step % 200 == 1 and rank == 0:
            say(f"sight {step}: loss {loss.item():.3f}, {time.monotonic() - began:.0f} s")
    found = {"steps": step, "batch": batch * of, "loss": round(loss.item(), 4), "seconds": round(time.monotonic() - began, 1)}
    return found | (_right(model, pictures, colors, rows, apart, device) if rank == 0 else {})


@torch.no_grad()
def _right(model, pictures, colors, rows, apart, device):
    """Of the pictures kept apart: how many descriptions, and how many answers, are right word for word."""
    model.eval()
    good = [0, 0, 0, 0]
    for at in range(len(rows.ids) - apart, len(rows.ids), 256):
        pick = np.arange(at, min(at + 256, len(rows.ids)))
        with autocast(device):
            features = see(model, _moved(pictures, colors, pick, np.random.default_rng(0), 0))
        batch = rows.batch(pick)
        logits, wanted = _logits(model, batch, features, device)
        right, turns = (logits.argmax(-1) == wanted).cpu().numpy(), batch[4]
        begins = np.flatnonzero(np.diff(turns, prepend=0) != 0)
        for one, turn in zip(np.minimum.reduceat(right, begins), turns[begins]):
            good[2 * (turn > 1)] += int(one)
            good[2 * (turn > 1) + 1] += 1
    return {"described": [good[0], good[1]], "answered": [good[2], good[3]]}


@torch.no_grad()
def look(model, pictures, palettes, device):
    """Features of all pictures, with the tower as it is: bf16 on the device."""
    model.eval()
    parts = []
    with autocast(device):
        for at in range(0, len(pictures), 256):
            part, colors = (torch.from_numpy(np.array(a[at:at + 256])).to(device) for a in (pictures, palettes))
            part = colors[torch.arange(len(part), device=device)[:, None, None], part.long()]
            parts.append(see(model, part).to(torch.bfloat16 if device == "cuda" else torch.float32))
    return torch.cat(parts) if parts else None


def sft(model, rows, pictures, palettes, device, samples, batch=32, rate=4e-4, seed=0, say=print):
    """`rows` are (ids, mask, numbers of its pictures in `pictures`); `samples` rows are seen in all."""
    features = look(model, pictures, palettes, device)
    model.train()
    for parameter in model.model.visual.parameters():
        parameter.requires_grad_(False)
    optimizer = _optimizer([p for p in model.parameters() if p.requires_grad], rate, device)
    rng, began, tokens, steps = np.random.default_rng(seed), time.monotonic(), 0, max(1, samples // batch)
    own, padded = [row[2] for row in rows], Rows([row[:2] for row in rows], model, device)
    queue, losses = [], []
    for step in range(steps):
        if not queue:
            order = rng.permutation(len(rows))
            # Rows of a like length stand together, in batches that are shuffled again.
            for at in range(0, len(order), batch * 16):
                part = sorted(order[at:at + batch * 16], key=lambda i: padded.lengths[i])
                queue += [part[i:i + batch] for i in range(0, len(part), batch)]
            rng.shuffle(queue)
        pick = np.array(queue.pop())
        numbers = torch.tensor([n for i in pick for n in own[i]], dtype=torch.long).to(device, non_blocking=True)
        loss = F.cross_entropy(*_logits(model, padded.batch(pick), features[numbers] if len(numbers) else None, device))
        _step(model, optimizer, loss, rate, step / steps)
        tokens += int(padded.lengths[pick].sum())
        if step % 500 == 0 or step + 1 == steps:
            losses.append(round(loss.item(), 4))
            say(f"sft {step} of {steps}: loss {losses[-1]}, {time.monotonic() - began:.0f} s")
    if not math.isfinite(losses[-1]):
        raise SystemExit("the loss is not a number")
    return {"steps": steps, "loss": losses[-1], "tokens": tokens, "seconds": round(time.monotonic() - began, 1)}
