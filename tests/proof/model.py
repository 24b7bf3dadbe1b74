"""A small model of the Qwen2.5-VL architecture: its own classes, made from scratch, and ways through them that
are fast where all pictures have one size and rows are padded at their ends: tower, layers, greedy decoding."""

import functools
import os

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


def save(model, vocabulary, folder):
    """A checkpoint that the model's and its processor's own `from_pretrained` load, with the cut vocabulary."""
    import processor

    processor.processor(processor.tokenizer(vocabulary.kept)).save_pretrained(folder)
    model.save_pretrained(folder)


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


def _block(block, x, cos, sin):
    """One block of the vision tower."""
    n, length, width = x.shape
    q, k, v = block.attn.qkv(_norm(x, block.norm1, x.dtype)).reshape(n, length, 3, width // cos.shape[-1], -1).permute(2, 0, 3, 1, 4)
    seen = F.scaled_dot_product_attention(_turned(q, cos, sin).to(v.dtype), _turned(k, cos, sin).to(v.dtype), v)
    x = x + block.attn.proj(seen.transpose(1, 2).reshape(n, length, -1))
    return x + block.mlp(_norm(x, block.norm2, x.dtype))


def see(model, images):
    """Features of pictures: (n, SEEN, hidden). The same numbers as the model's own vision tower gives."""
    tower = model.model.visual
    x = patches(images).to(tower.patch_embed.proj.weight.dtype)
    x = F.linear(x, tower.patch_embed.proj.weight.flatten(1))
    n, length, width = x.shape
    heads = tower.blocks[0].attn.num_heads
    angles = _angles(width // heads, x.device)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    one = fused(_block) if torch.is_grad_enabled() else _block
    for block in tower.blocks:
        x = one(block, x, cos, sin)
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
    ids = torch.randint(0, 99, (2, 40), device=device)
    ids[:, 3] = model.ids["<|vision_start|>"]
    places = torch.arange(40, device=device).expand(3, 2, 40) // torch.tensor([1, 2, 3], device=device)[:, None, None]
    told = model.model.language_model(inputs_embeds=embedded(model, ids, None), position_ids=places).last_hidden_state
    far = (hidden(model, ids, places, None) - told).abs().max().item()
    assert far < 1e-2 + 1e-2 * told.abs().max().item(), f"hidden states differ by {far}"
    # In training the layers are compiled.
    told = []
    for grad in (True, False):
        with torch.set_grad_enabled(grad), autocast(device):
            told.append((see(model, images).flatten(0, 1), hidden(model, ids, places, None)))
    for ours, other in zip(*told):
        far = (ours - other).abs().max().item()
        assert far < 5e-2 + 5e-2 * other.abs().max().item(), f"compiled layers differ by {far}"


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


def embedded(model, ids, features, where=None):
    """Embeddings with the pictures' features in their places (`where`: these, of all ids in a line)."""
    x = model.model.language_model.embed_tokens(ids)
    if features is None:
        return x
    where = (ids == model.ids["<|image_pad|>"]).flatten().nonzero()[:, 0] if where is None else where
    return x.flatten(0, 1).index_copy(0, where, features.reshape(-1, x.shape[-1]).to(x.dtype)).view_as(x)


def _turns(model, places):
    """Cosines and sines of places (3, n, length): (n, 1, length, head) each."""
    told = model.config.text_config
    wide = told.hidden_size // told.num_attention_heads
    step = 1.0 / told.rope_parameters["rope_theta"] ** (torch.arange(0, wide, 2, device=places.device).float() / wide)
    parts = (places[..., None].float() * step).split(told.rope_parameters["mrope_section"], -1)
    angle = torch.cat([part[i % 3] for i, part in enumerate(parts)], -1)
    angle = torch.cat([angle, angle], -1)[:, None]
    return angle.cos(), angle.sin()


def _norm(x, by, kind):
    return F.rms_norm(x.float(), x.shape[-1:], by.weight.float(), by.variance_epsilon).to(kind)


def _layer(layer, x, cos, sin, attend):
    """One layer of the language model; `attend(q, k, v)` gives (n, heads, length, head)."""
    own, (n, length, width), kind = layer.self_attn, x.shape, cos.dtype
    split = lambda y: y.view(n, length, -1, cos.shape[-1]).transpose(1, 2)
    y = _norm(x, layer.input_layernorm, kind)
    q, k, v = split(own.q_proj(y)), split(own.k_proj(y)), split(own.v_proj(y))
    y = attend(_turned(q, cos, sin), _turned(k, cos, sin), v)
    x = x + own.o_proj(y.transpose(1, 2).reshape(n, length, width))
    y = _norm(x, layer.post_attention_layernorm, kind)
    return x + layer.mlp.down_proj(F.silu(layer.mlp.gate_proj(y)) * layer.mlp.up_proj(y))


def _layers(model, x, places, one):
    """The language model's layers; `one(layer's number, layer, x, cos, sin)` is a layer."""
    cos, sin = _turns(model, places)
    kind = torch.get_autocast_dtype(x.device.type) if torch.is_autocast_enabled(x.device.type) else x.dtype
    cos, sin = cos.to(kind), sin.to(kind)
    for number, layer in enumerate(model.model.language_model.layers):
        x = one(number, layer, x, cos, sin)
    return _norm(x, model.model.language_model.norm, kind)


def _causal(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)


def _causal_layer(layer, x, cos, sin):
    return _layer(layer, x, cos, sin, _causal)


@functools.cache
def fused(one):
    """A layer's function compiled into few kernels, once for all layers and lengths; as it is where there is no GPU."""
    if not (torch.cuda.is_available() or os.environ.get("COMPILE")):
        return one
    torch._dynamo.config.suppress_errors = True  # what cannot be compiled runs as it is
    return torch.compile(one, dynamic=True)


def hidden(model, ids, places, features, where=None):
    """The last hidden states of rows that are padded at their ends: (n, length, hidden). The same numbers as the
    model's own layers give, by fewer kernels."""
    one = fused(_causal_layer) if torch.is_grad_enabled() else _causal_layer
    return _layers(model, embedded(model, ids, features, where), places, lambda number, *own: one(*own))


class _Kept:
    """Keys and values of a batch, with room for what is said; each row has its own end."""

    def __init__(self, model, n, room, device, kind):
        told = model.config.text_config
        shape = (n, told.num_key_value_heads, room, told.hidden_size // told.num_attention_heads)
        self.keys, self.values = ([torch.zeros(shape, device=device, dtype=kind) for _ in range(told.num_hidden_layers)]
                                  for _ in range(2))
        self.rows, self.places = torch.arange(n, device=device), torch.arange(room, device=device)

    def first(self, at, many):
        """A layer over the prompts of rows `at` to `at + many`, which are kept."""
        def attend(number, q, k, v):
            self.keys[number][at:at + many, :, :k.shape[2]], self.values[number][at:at + many, :, :v.shape[2]] = k, v
            return _causal(q, k, v)
        return lambda number, *own: _layer(*own, functools.partial(attend, number))

    def next(self, ends, most):
        """A layer over one more token a row, at its row's end; none ends behind `most`."""
        bias = torch.where(self.places[None, :most] <= ends[:, None], 0.0, float("-inf"))[:, None, None]

        def attend(number, q, k, v):
            keys, values = self.keys[number], self.values[number]
            keys[self.rows, :, ends], values[self.rows, :, ends] = k[:, :, 0], v[:, :, 0]
            keys, values = keys[:, :, :most], values[:, :, :most]
            # Heads that share keys and values stand as places of one.
            n, heads, _, wide = q.shape
            q = q.view(n, keys.shape[1], heads // keys.shape[1], wide)
            score = (q @ keys.transpose(2, 3)).float() * wide ** -0.5 + bias
            return (score.softmax(-1).to(values.dtype) @ values).view(n, heads, 1, wide)
        return lambda number, *own: _layer(*own, functools.partial(attend, number))

    def keep(self, live):
        """Only these rows go on."""
        for parts in (self.keys, self.values):
            for number in range(len(parts)):
                parts[number] = parts[number][live]
        self.rows = self.rows[:len(live)]


@torch.no_grad()
def answer(model, prompts, pictures, device, most=320, part=128):
    """Greedy turns for prompts (arrays of ids) with their pictures (lists of byte arrays), until the turn's or a
    call's end: the ids without the end, and the end (None where `most` came first)."""
    stops = torch.tensor([model.ids["<|im_end|>"], model.ids["</tool_call>"]], device=device)
    n, lengths = len(prompts), [len(p) for p in prompts]
    ends, kind = torch.tensor(lengths, device=device), model.lm_head.weight.dtype
    kept = _Kept(model, n, max(lengths) + most, device, kind)
    place, last = torch.zeros(n, dtype=torch.long, device=device), []
    for at in range(0, n, part):
        own = prompts[at:at + part]
        ids = torch.full((len(own), max(map(len, own))), model.ids["<|endoftext|>"])
        places = torch.zeros((3, *ids.shape), dtype=torch.long)
        for row, prompt in enumerate(own):
            ids[row, :len(prompt)] = torch.from_numpy(prompt.astype(np.int64))
            places[:, row, :len(prompt)] = torch.from_numpy(positions(prompt, model.ids["<|image_pad|>"]))
        place[at:at + part] = places.amax((0, 2)).to(device) + 1
        flat = [picture for some in pictures[at:at + part] for picture in some]
        features = see(model, torch.from_numpy(np.stack(flat)).to(device)) if flat else None
        out = _layers(model, embedded(model, ids.to(device), features), places.to(device), kept.first(at, len(own)))
        last.append(out[torch.arange(len(own), device=device), ends[at:at + part] - 1])
    said, over = _say(model, kept, torch.cat(last), place, ends, most, stops).cpu().numpy(), set(stops.tolist())
    cut = lambda row: next((i for i, t in enumerate(row) if t in over), len(row))
    return [(row[:cut(row)], row[cut(row)] if cut(row) < len(row) else None) for row in said]


def _say(model, kept, last, place, ends, most, stops):
    """Tokens of each row, filled up behind its end. Rows that have ended are left out once they are many."""
    rows, top = torch.arange(len(last), device=last.device), int(ends.max())
    said, ended = stops[0].repeat(len(last), most), torch.zeros_like(rows, dtype=torch.bool)
    for at in range(most):
        token = torch.where(ended, stops[0], model.lm_head(last).argmax(-1))
        said[rows, at] = token
        ended |= torch.isin(token, stops)
        if at % 16 == 15:
            live = (~ended).nonzero()[:, 0]
            if not len(live):
                break
            if len(live) < 0.8 * len(rows):
                kept.keep(live)
                rows, token, place, ends, ended = (part[live] for part in (rows, token, place, ends, ended))
        x = model.model.language_model.embed_tokens(token)[:, None]
        last = _layers(model, x, place[None, :, None].expand(3, len(rows), 1), kept.next(ends, top + at + 1))[:, 0]
        place, ends = place + 1, ends + 1
    return said
