"""A small model of the Qwen2.5-VL architecture: its own classes, made from scratch, and two ways through
them that are fast where all pictures have one size: the vision tower and greedy decoding in batches."""

import numpy as np
import torch
import torch.nn.functional as F

from text import MEAN, MERGE, PATCH, SEEN, SIDE, STD

SIZES = {
    # About 41 million parameters.
    "full": dict(hidden=512, inner=1536, layers=8, heads=8, kv=4, section=[8, 12, 12],
                 see=dict(depth=6, hidden_size=384, intermediate_size=1024, num_heads=6)),
    # For a CPU: holds the path, learns nothing.
    "mini": dict(hidden=64, inner=128, layers=2, heads=4, kv=2, section=[2, 3, 3],
                 see=dict(depth=2, hidden_size=32, intermediate_size=64, num_heads=2)),
}


def config(size, slots, ids):
    from transformers import Qwen2_5_VLConfig

    s = SIZES[size]
    return Qwen2_5_VLConfig(
        text_config=dict(
            hidden_size=s["hidden"], intermediate_size=s["inner"], num_hidden_layers=s["layers"],
            num_attention_heads=s["heads"], num_key_value_heads=s["kv"], vocab_size=slots,
            max_position_embeddings=4096, tie_word_embeddings=True, pad_token_id=ids["<|endoftext|>"],
            rope_parameters={"rope_type": "default", "rope_theta": 1e4, "mrope_section": s["section"]},
        ),
        vision_config=dict(out_hidden_size=s["hidden"], fullatt_block_indexes=list(range(s["see"]["depth"])), **s["see"]),
        image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )


def make(size, slots, vocabulary, seed, device):
    from transformers import Qwen2_5_VLForConditionalGeneration

    ids = {t: vocabulary.id(t) for t in
           ("<|endoftext|>", "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>", "<|im_end|>", "</tool_call>")}
    torch.manual_seed(seed)
    model = Qwen2_5_VLForConditionalGeneration._from_config(config(size, slots, ids), attn_implementation="sdpa")
    model.ids = ids
    return model.to(device=device, dtype=torch.float32)


def autocast(device):
    # The first trial went to NaN with cuDNN's attention.
    if device == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)
        torch.backends.cuda.matmul.allow_tf32 = True
    return torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda")


def patches(images):
    """(n, SIDE, SIDE, 3) bytes as the processor's patches: (n, patches, 3 * 2 * PATCH * PATCH)."""
    n, grid = images.shape[0], SIDE // PATCH // MERGE
    mean, std = (torch.tensor(v, device=images.device) for v in (MEAN, STD))
    x = ((images.float() / 255 - mean) / std).permute(0, 3, 1, 2)
    x = x.reshape(n, 3, grid, MERGE, PATCH, grid, MERGE, PATCH).permute(0, 2, 5, 3, 6, 1, 4, 7)
    x = x.unsqueeze(6).expand(-1, -1, -1, -1, -1, -1, 2, -1, -1)  # a still picture is two equal frames
    return x.reshape(n, grid * grid * MERGE * MERGE, -1)


def _angles(dim, device):
    grid = SIDE // PATCH // MERGE
    at = torch.arange(SIDE // PATCH, device=device).reshape(grid, MERGE)
    high = at[:, None, :, None].expand(grid, grid, MERGE, MERGE).flatten()
    wide = at[None, :, None, :].expand(grid, grid, MERGE, MERGE).flatten()
    step = 1.0 / 10000 ** (torch.arange(0, dim // 2, 2, device=device).float() / (dim // 2))
    turn = torch.cat([high[:, None] * step, wide[:, None] * step], -1)
    return torch.cat([turn, turn], -1)


def _turned(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


def see(model, images):
    """Features of pictures: (n, SEEN, hidden). The same numbers as the model's own vision tower gives."""
    tower = model.model.visual
    x = patches(images).to(tower.patch_embed.proj.weight.dtype)
    x = F.linear(x, tower.patch_embed.proj.weight.flatten(1))
    n, length, width = x.shape
    heads = tower.blocks[0].attn.num_heads
    angles = _angles(width // heads, x.device)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    for block in tower.blocks:
        q, k, v = block.attn.qkv(block.norm1(x)).reshape(n, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(_turned(q, cos, sin).to(v.dtype), _turned(k, cos, sin).to(v.dtype), v)
        x = x + block.attn.proj(seen.transpose(1, 2).reshape(n, length, -1))
        x = x + block.mlp(block.norm2(x))
    return tower.merger(x.reshape(n * length, -1)).reshape(n, SEEN, -1)


@torch.no_grad()
def same_as_its_own(model, device):
    """Fails where patches or features are not the processor's and the model's own."""
    from PIL import Image
    from transformers import Qwen2VLImageProcessor

    raw = np.random.default_rng(0).integers(0, 255, (2, SIDE, SIDE, 3), np.uint8)
    own = Qwen2VLImageProcessor(min_pixels=56 * 56, max_pixels=12845056, patch_size=PATCH, merge_size=MERGE,
                                temporal_patch_size=2)(images=[Image.fromarray(i) for i in raw], return_tensors="pt")
    images = torch.from_numpy(raw).to(device)
    ours = patches(images)
    far = (ours.flatten(0, 1).cpu() - own["pixel_values"]).abs().max().item()
    assert far < 2e-2, f"patches differ by {far}"
    told = model.model.visual(own["pixel_values"].to(device), grid_thw=own["image_grid_thw"].to(device))
    told = getattr(told, "pooler_output", told)
    far = (see(model, images).flatten(0, 1) - told).abs().max().item()
    assert far < 1e-2 + 1e-2 * told.abs().max().item(), f"features differ by {far}"


def positions(ids, pad):
    """(3, length): text counts on; a picture lies in its rows and columns."""
    grid, out, at, i = SIDE // PATCH // MERGE, [], 0, 0
    pads = np.flatnonzero(ids == pad)[::SEEN]
    for start in pads:
        out.append(np.tile(np.arange(at, at + start - i), (3, 1)))
        at += start - i
        rows, columns = np.divmod(np.arange(SEEN), grid)
        out.append(np.stack([np.full(SEEN, at), at + rows, at + columns]))
        at, i = at + grid, start + SEEN
    out.append(np.tile(np.arange(at, at + len(ids) - i), (3, 1)))
    return np.concatenate(out, 1)


def embedded(model, ids, features):
    """Embeddings with the pictures' features in their places."""
    x = model.model.language_model.embed_tokens(ids)
    if features is None:
        return x
    x = x.clone()
    x[ids == model.ids["<|image_pad|>"]] = features.reshape(-1, x.shape[-1]).to(x.dtype)
    return x


def hidden(model, ids, places, features, **more):
    return model.model.language_model(inputs_embeds=embedded(model, ids, features), position_ids=places, **more)


@torch.no_grad()
def answer(model, prompts, pictures, device, most=320):
    """Greedy turns for prompts (arrays of ids) with their pictures (lists of byte arrays), until the turn's or a
    call's end. Ids without the end."""
    stops = torch.tensor([model.ids["<|im_end|>"], model.ids["</tool_call>"]], device=device)
    longest, n = max(map(len, prompts)), len(prompts)
    ids = torch.full((n, longest), model.ids["<|endoftext|>"])
    places = torch.zeros((3, n, longest), dtype=torch.long)
    there = torch.zeros((n, longest), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt):] = torch.from_numpy(prompt.astype(np.int64))
        places[:, row, longest - len(prompt):] = torch.from_numpy(positions(prompt, model.ids["<|image_pad|>"]))
        there[row, longest - len(prompt):] = 1
    flat = [picture for own in pictures for picture in own]
    ids, places, there = ids.to(device), places.to(device), there.to(device)
    with autocast(device if model.lm_head.weight.dtype == torch.float32 else "cpu"):
        features = None
        if flat:
            images = torch.from_numpy(np.stack(flat)).to(device)
            features = torch.cat([see(model, part) for part in images.split(256)])
        out = hidden(model, ids, places, features, attention_mask=there, use_cache=True)
        said, ended = [], torch.zeros(n, dtype=torch.bool, device=device)
        place = places.amax(-1)[:1] + 1
        for _ in range(most):
            token = model.lm_head(out.last_hidden_state[:, -1]).argmax(-1)
            token = torch.where(ended, stops[0], token)
            said.append(token)
            ended |= torch.isin(token, stops)
            if len(said) % 8 == 0 and bool(ended.all()):
                break
            there = F.pad(there, (0, 1), value=1)
            out = hidden(model, token[:, None], place[..., None].expand(3, n, 1), None, attention_mask=there,
                         past_key_values=out.past_key_values, use_cache=True)
            place = place + 1
    said, ends = torch.stack(said, 1).cpu().numpy(), set(stops.tolist())
    cut = lambda row: next((i for i, t in enumerate(row) if t in ends), len(row))
    return [(row[:cut(row)], row[cut(row)] if cut(row) < len(row) else None) for row in said]
