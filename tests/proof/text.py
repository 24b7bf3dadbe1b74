"""Text and pictures as a trainer sees them: the real tokenizer with its vocabulary cut to what occurs,
the real image processor's numbers, and rows with a mask on the model's turns."""

import functools
import io
import json
import multiprocessing
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "trainers"))
import processor  # noqa: E402

SIDE, PATCH, MERGE = 224, 14, 2
SEEN = (SIDE // PATCH // MERGE) ** 2  # tokens of a picture
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
_words = None


def words():
    global _words
    if _words is None:
        _words = processor.tokenizer()
    return _words


def render(messages):
    """As the chat template renders: a list of (text, whether the model is trained on it)."""
    parts = []
    for message in messages:
        parts.append((f"<|im_start|>{message['role']}\n", False))
        text = message["content"].replace("<image>", "<|vision_start|>" + "<|image_pad|>" * SEEN + "<|vision_end|>") \
            if message["role"] == "user" else message["content"]
        parts.append((text + "<|im_end|>", message["role"] == "assistant"))
        parts.append(("\n", False))
    return parts


@functools.lru_cache(1 << 17)
def piece(text):
    """Full-vocabulary ids of a part that is rendered alone."""
    return tuple(words()(text, add_special_tokens=False)["input_ids"])


def encode(messages):
    """Full-vocabulary ids and mask."""
    ids, mask = [], []
    for text, trained in render(messages):
        ids += piece(text)
        mask += [trained] * len(piece(text))
    return ids, mask


def conversation(turns):
    """Of (question, answer)s: full ids and each token's turn. A description ("What I see") is turn 1, the answers are
    2 and more; 0 is not trained on."""
    ids, numbers, answers = [], [], 2
    for question, told in turns:
        for own, trained in render([{"role": "user", "content": question}, {"role": "assistant", "content": told}]):
            number = (1 if told.startswith("What I see") else answers) if trained else 0
            ids += piece(own)
            numbers += [number] * len(piece(own))
        answers += not told.startswith("What I see")
    return np.array(ids, np.int32), np.array(numbers, np.int8)


def _encode_all(chunk):
    return [encode(messages) for messages in chunk]


def encode_all(rows, workers):
    """As `encode`, by many processes."""
    step = max(1, len(rows) // (workers * 4))
    chunks = [rows[at:at + step] for at in range(0, len(rows), step)]
    if workers < 2:
        return [pair for chunk in chunks for pair in _encode_all(chunk)]
    words()
    with multiprocessing.get_context("fork").Pool(workers) as team:
        return [pair for part in team.imap(_encode_all, chunks) for pair in part]


class Vocabulary:
    """Which tokens occur, numbered anew; single bytes are always among them, so that anything can be read."""

    def __init__(self, kept):
        self.kept = list(kept)
        self.number = {full: n for n, full in enumerate(self.kept)}

    @classmethod
    def of(cls, sequences):
        chars = processor.byte_chars()
        kept = {words().convert_tokens_to_ids(chars[b]) for b in range(256)}
        kept |= {words().convert_tokens_to_ids(t) for t in processor.SPECIAL + processor.PLAIN[:2]}
        for ids in sequences:
            kept.update(map(int, ids))
        return cls(sorted(processor.whole(kept)))

    @classmethod
    def read(cls, path):
        return cls(json.loads(Path(path).read_text()))

    def write(self, path):
        Path(path).write_text(json.dumps(self.kept))

    def __len__(self):
        return len(self.kept)

    def id(self, token):
        return self.number[words().convert_tokens_to_ids(token)]

    def cut(self, ids):
        """Full ids as ours; a token that did not occur is read byte by byte."""
        out = []
        for full in ids:
            if full in self.number:
                out.append(self.number[full])
            else:
                out += [self.number[words().convert_tokens_to_ids(c)] for c in words().convert_ids_to_tokens(full)]
        return out

    def numbered(self, ids):
        """As `cut`, of an array."""
        if not hasattr(self, "table"):
            self.table = np.full(max(self.kept) + 2, -1, np.int32)
            self.table[self.kept] = np.arange(len(self.kept))
        ids = np.asarray(ids)
        out = self.table[np.minimum(ids, len(self.table) - 1)]
        return np.array(self.cut(ids.tolist()), np.int32) if (out < 0).any() else out

    def encode(self, messages):
        """Our ids and mask, as int32 and bool."""
        ids, mask = encode(messages)
        return self.both(ids, mask)

    def both(self, ids, mask):
        if len(own := self.numbered(ids)) == len(ids) and (own >= 0).all():
            return own, np.asarray(mask, bool)
        out, trained = [], []
        for full, keep in zip(map(int, ids), mask):
            piece = [self.number[full]] if full in self.number else self.cut([full])
            out += piece
            trained += [keep] * len(piece)
        return np.array(out, np.int32), np.array(trained, bool)

    def text(self, ids):
        return words().decode([self.kept[i] for i in ids], skip_special_tokens=False)


def pixels(encoded):
    """A picture as bytes of RGB, SIDE x SIDE."""
    from PIL import Image

    image = Image.open(io.BytesIO(encoded)).convert("RGB")
    if image.size != (SIDE, SIDE):
        image = image.resize((SIDE, SIDE), Image.BICUBIC)
    return np.asarray(image, np.uint8)


COLORS = 64  # of a picture's palette


def indexed(encoded):
    """A picture of the world as places in its palette, and the palette."""
    from PIL import Image

    image = Image.open(io.BytesIO(encoded))
    assert image.mode == "P" and image.size == (SIDE, SIDE), f"no picture of the world: {image.mode} {image.size}"
    palette = np.zeros((COLORS, 3), np.uint8)
    own = np.array(image.getpalette(), np.uint8).reshape(-1, 3)[:COLORS]
    palette[:len(own)] = own
    return np.asarray(image), palette


def all_indexed(encoded, workers):
    if workers < 2:
        found = [indexed(e) for e in encoded]
    else:
        with multiprocessing.get_context("fork").Pool(workers) as team:
            found = list(team.imap(indexed, encoded, chunksize=64))
    return np.stack([index for index, _ in found]), np.stack([palette for _, palette in found])


def export_rows(folder, split="train"):
    """Messages and encoded pictures of a `universal` export."""
    import pyarrow.parquet as parquet

    out = []
    for path in sorted(Path(folder).rglob("*.parquet")):
        if split in path.name:
            for row in parquet.read_table(path, columns=["messages", "images"]).to_pylist():
                out.append((row["messages"], [image["bytes"] for image in row["images"]]))
    return out
