"""Training: sight first (pictures with plain descriptions, everything learns), then SFT on rows with the loss on
the model's turns and the vision tower frozen, as LLaMAFactory does by default."""

import math
import time

import numpy as np
import torch
import torch.nn.functional as F

from model import autocast, hidden, positions, see
from text import SEEN


def _optimizer(parameters, rate, device):
    return torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.95), weight_decay=0.01, fused=device == "cuda")


def _rate(done):
    """Of the highest rate: warm-up over 3 %, then a cosine to a twentieth."""
    return min(1.0, (done + 1e-3) / 0.03) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def _loss(model, ids, mask, places, features, device):
    with autocast(device):
        out = hidden(model, ids, places, features, use_cache=False).last_hidden_state
        keep = mask[:, 1:]
        logits = model.lm_head(out[:, :-1][keep])
    return F.cross_entropy(logits.float(), ids[:, 1:][keep])


def _padded(rows, pad, picture, device):
    """Ids, mask and places of rows, padded at the end to a multiple of 16: under a causal mask nobody sees it."""
    length = -(-max(len(ids) for ids, _ in rows) // 16) * 16
    ids = np.full((len(rows), length), pad, np.int64)
    mask = np.zeros((len(rows), length), bool)
    places = np.zeros((3, len(rows), length), np.int64)
    for n, (one, trained) in enumerate(rows):
        ids[n, :len(one)], mask[n, :len(one)] = one, trained
        places[:, n, :len(one)] = positions(one, picture)
    send = lambda a: torch.from_numpy(a).to(device, non_blocking=True)
    return send(ids), send(mask), send(places)


def _step(model, optimizer, loss, rate, done):
    for group in optimizer.param_groups:
        group["lr"] = rate * _rate(done)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
    optimizer.step()


def sight(model, images, rows, device, steps, batch=256, seconds=1e9, rate=6e-4, seed=0, say=print):
    """`rows` are (ids, mask), each with one picture of `images` (n, SIDE, SIDE, 3) bytes. The schedule ends with
    `steps` or `seconds`, whichever comes first."""
    model.train()
    rng, began = np.random.default_rng(seed), time.monotonic()
    optimizer = _optimizer(model.parameters(), rate, device)
    for step in range(steps):
        done = max(step / steps, (time.monotonic() - began) / seconds)
        if done >= 1:
            break
        pick = rng.choice(len(rows), min(batch, len(rows)), replace=False)
        ids, mask, places = _padded([rows[i] for i in pick], model.ids["<|endoftext|>"], model.ids["<|image_pad|>"], device)
        with autocast(device):
            features = see(model, torch.from_numpy(images[np.sort(pick)]).to(device))[np.argsort(np.argsort(pick))]
        loss = _loss(model, ids, mask, places, features, device)
        _step(model, optimizer, loss, rate, done)
        if step % 200 == 0 or step + 1 == steps:
            say(f"sight {step}: loss {loss.item():.3f}, {time.monotonic() - began:.0f} s")
    return {"steps": step + 1, "loss": round(loss.item(), 4), "seconds": round(time.monotonic() - began, 1)}


@torch.no_grad()
def look(model, images, device):
    """Features of all pictures, with the tower as it is: bf16 on the device."""
    model.eval()
    parts = []
    with autocast(device):
        for at in range(0, len(images), 256):
            part = torch.from_numpy(np.array(images[at:at + 256])).to(device)
            parts.append(see(model, part).to(torch.bfloat16 if device == "cuda" else torch.float32))
    return torch.cat(parts) if parts else None


def sft(model, rows, images, device, samples, batch=64, rate=4e-4, seed=0, say=print):
    """`rows` are (ids, mask, numbers of its pictures in `images`); `samples` rows are seen in all."""
    features = look(model, images, device)
    model.train()
    for parameter in model.model.visual.parameters():
        parameter.requires_grad_(False)
    optimizer = _optimizer([p for p in model.parameters() if p.requires_grad], rate, device)
    rng, began, tokens, steps = np.random.default_rng(seed), time.monotonic(), 0, max(1, samples // batch)
    queue, losses = [], []
    for step in range(steps):
        if not queue:
            order = rng.permutation(len(rows))
            # Rows of a like length stand together, in batches that are shuffled again.
            for at in range(0, len(order), batch * 16):
                part = sorted(order[at:at + batch * 16], key=lambda i: len(rows[i][0]))
                queue += [part[i:i + batch] for i in range(0, len(part), batch)]
            rng.shuffle(queue)
        pick = queue.pop()
        chosen = [rows[i] for i in pick]
        numbers = torch.tensor([n for row in chosen for n in row[2]], dtype=torch.long, device=device)
        ids, mask, places = _padded([row[:2] for row in chosen], model.ids["<|endoftext|>"], model.ids["<|image_pad|>"], device)
        loss = _loss(model, ids, mask, places, features[numbers] if len(numbers) else None, device)
        _step(model, optimizer, loss, rate, step / steps)
        tokens += sum(len(row[0]) for row in chosen)
        if step % 200 == 0 or step + 1 == steps:
            losses.append(round(loss.item(), 4))
            say(f"sft {step} of {steps}: loss {losses[-1]}, {time.monotonic() - began:.0f} s")
    if not math.isfinite(losses[-1]):
        raise SystemExit("the loss is not a number")
    return {"steps": steps, "loss": losses[-1], "tokens": tokens, "seconds": round(time.monotonic() - began, 1)}


def picture_rows(vocabulary, told):
    """Rows of sight: a picture, and what is on it."""
    rows = []
    for text in told:
        rows.append(vocabulary.encode([{"role": "user", "content": "<image>"}, {"role": "assistant", "content": text}]))
    assert all((ids == vocabulary.id("<|image_pad|>")).sum() == SEEN for ids, _ in rows[:10])
    return rows
