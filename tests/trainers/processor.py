"""A Qwen2.5-VL tokenizer, processor and tiny random model, built offline into a folder."""

import base64
import os
import sys
from importlib.util import find_spec

SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
]
PLAIN = [
    "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>",
    "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
]
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Qwen2.5-VL's chat template, as its rendering is known: system, then each turn; images as pads.
TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant."
    "<|im_end|>\n{% endif %}{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}"
    "{% for content in message['content'] %}{% if content['type'] == 'image' or 'image' in content "
    "or 'image_url' in content %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_chars():
    """GPT-2's printable character for each byte."""
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    chars, extra = {b: chr(b) for b in keep}, 0
    for byte in range(256):
        if byte not in chars:
            chars[byte] = chr(256 + extra)
            extra += 1
    return chars


def halves(token, ranks):
    """The two tokens a token is joined from: only lower ranks may have been applied."""
    limit, parts = ranks[token], [bytes([b]) for b in token]
    while len(parts) > 2:
        best, at = limit, None
        for i in range(len(parts) - 1):
            rank = ranks.get(parts[i] + parts[i + 1], limit)
            if rank < best:
                best, at = rank, i
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts


def ranks_file():
    """The vocabulary: QWEN_TIKTOKEN where it is set, else what `dashscope` ships."""
    if "QWEN_TIKTOKEN" in os.environ:
        return os.environ["QWEN_TIKTOKEN"]
    package = os.path.dirname(find_spec("dashscope").origin)
    return next(
        os.path.join(folder, "qwen.tiktoken")
        for folder, _, files in os.walk(package)
        if "qwen.tiktoken" in files
    )


def ranks():
    """Each token's bytes with its number."""
    with open(ranks_file(), "rb") as file:
        return {base64.b64decode(t): int(r) for t, r in (line.split() for line in file if line.strip())}


def whole(kept):
    """`kept` with every token that one of them is joined from: they can be told apart as all tokens can."""
    known = ranks()
    bytes_of = {rank: token for token, rank in known.items()}
    out, rest = set(kept), list(kept)
    while rest:
        token = bytes_of.get(rest.pop(), b"")
        new = {known[part] for part in halves(token, known)} - out if len(token) > 1 else set()
        out |= new
        rest += new
    return out


def tokenizer(kept=None):
    """The whole vocabulary, or `kept` of its numbers (all that `whole` says), numbered anew in that order."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import AddedToken, PreTrainedTokenizerFast

    known = ranks()
    chars = byte_chars()
    show = lambda token: "".join(chars[b] for b in token)
    number = {rank: rank for rank in known.values()} if kept is None else {full: n for n, full in enumerate(kept)}
    vocab = {show(token): number[rank] for token, rank in known.items() if rank in number}
    if kept is not None:
        vocab |= {t: number[len(known) + n] for n, t in enumerate(SPECIAL + PLAIN) if len(known) + n in number}
    merges = []
    for token, rank in sorted(known.items(), key=lambda item: item[1]):
        if len(token) > 1 and rank in number:
            left, right = halves(token, known)
            merges.append((show(left), show(right)))
    raw = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    raw.normalizer = normalizers.NFC()
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    raw.decoder = decoders.ByteLevel()
    there = lambda tokens: [token for token in tokens if kept is None or token in vocab]
    raw.add_special_tokens(there(SPECIAL))
    raw.add_tokens([AddedToken(token, normalized=False, special=False) for token in there(PLAIN)])
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=there(SPECIAL[3:]),
        chat_template=TEMPLATE,
        model_max_length=131072,
        clean_up_tokenization_spaces=False,
    )


def processor(words):
    """The processor of pictures and of `words`."""
    from transformers import Qwen2_5_VLProcessor, Qwen2VLImageProcessor
    from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

    images = dict(min_pixels=56 * 56, max_pixels=12845056, patch_size=14, merge_size=2, temporal_patch_size=2)
    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(**images),
        tokenizer=words,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=TEMPLATE,
    )


def build(folder):
    """Everything that `from_pretrained(folder)` needs."""
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    words = tokenizer()
    processor(words).save_pretrained(folder)
    words.save_pretrained(folder)
    ids = {token: words.convert_tokens_to_ids(token) for token in SPECIAL}
    assert ids["<|endoftext|>"] == 151643 and ids["<|image_pad|>"] == 151655, ids
    config = Qwen2_5_VLConfig(
        text_config=dict(
            hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, vocab_size=151936, max_position_embeddings=32768,
            rope_parameters={"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
        ),
        vision_config=dict(
            depth=2, hidden_size=32, intermediate_size=64, num_heads=2, out_hidden_size=64,
            fullatt_block_indexes=[1],
        ),
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    torch.manual_seed(0)
    Qwen2_5_VLForConditionalGeneration(config).save_pretrained(folder)


if __name__ == "__main__":
    target = sys.argv[1]
    if not os.path.exists(os.path.join(target, "done")):
        os.makedirs(target, exist_ok=True)
        build(target)
        open(os.path.join(target, "done"), "w").close()
    print("processor in", target)
