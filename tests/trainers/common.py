"""What the checks share: an export's rows as plain turns, whatever its form."""

import io
import json
import os
import subprocess
import tempfile

IM_END = "<|im_end|>\n"


def account(folder):
    with open(os.path.join(folder, "export.json")) as file:
        return json.load(file)


def rows(folder, split):
    """(id, [(role, text)], [image bytes]) of each row, in order; roles system, user, model."""
    path = os.path.join(folder, f"{split}.jsonl")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            return [json_row(folder, json.loads(line)) for line in file]
    import pyarrow.parquet as pq

    table = pq.read_table(os.path.join(folder, f"{split}.parquet"))
    return [parquet_row(row) for row in table.to_pylist()]


def json_row(folder, row):
    images = []
    for path in row["images"]:
        with open(os.path.join(folder, path), "rb") as file:
            images.append(file.read())
    if "conversations" in row:
        names = {"human": "user", "observation": "user", "gpt": "model", "function_call": "model"}
        turns = [("system", row["system"])]
        turns += [(names[t["from"]], t["value"]) for t in row["conversations"]]
        return row["id"], turns, images
    turns = []
    for message in row["messages"]:
        if message["role"] == "tool_call":
            turns[-1] = ("model", turns[-1][1] + f"<tool_call>\n{message['content']}\n</tool_call>")
            continue
        names = {"assistant": "model", "tool": "user"}
        turns.append((names.get(message["role"], message["role"]), message["content"]))
    return row["id"], turns, images


def parquet_row(row):
    turns = []
    for message in row["messages"]:
        content = message["content"]
        if isinstance(content, list):
            content = "".join("<image>" if b["type"] == "image" else b["text"] for b in content)
        role = "model" if message["role"] == "assistant" else message["role"]
        turns.append((role, content))
    return row["id"], turns, [image["bytes"] for image in row["images"]]


def model_text(turns):
    """What the loss must stand on: each model turn with its end."""
    return "".join(text + IM_END for role, text in turns if role == "model")


def unmasked(tokenizer, ids, labels):
    """The text that the loss stands on."""
    kept = [int(i) for i, label in zip(ids, labels) if int(label) != -100]
    return tokenizer.decode(kept, skip_special_tokens=False)


def same_pixels(a, b):
    """Whether two encoded or decoded images are one, pixel by pixel."""
    from PIL import Image

    def pixels(image):
        if isinstance(image, dict):
            image = image.get("bytes") or image.get("path")
        if isinstance(image, (bytes, bytearray)):
            image = Image.open(io.BytesIO(image))
        elif isinstance(image, str):
            image = Image.open(image)
        image = image.convert("RGB")
        return image.size, image.tobytes()

    return pixels(a) == pixels(b)


IMAGE_PAD = 151655


def plain_ids(ids, other=None):
    """Ids with each picture as one pad (LLaMAFactory scales a large one down before it counts patches,
    the others bound the patches: a row of patches less), or what of `other` stands at their places."""
    kept = [k for k, id_ in enumerate(ids) if id_ != IMAGE_PAD or ids[k - 1] != IMAGE_PAD]
    return [int((other or ids)[k]) for k in kept]


def scratch():
    """A folder to write into; it goes with the machine's temporary files."""
    return tempfile.mkdtemp(prefix="coldstart-")


def dumped(dump, name, split):
    """What llamafactory_check.py dumped of an export, by id."""
    with open(os.path.join(dump, f"{name}.{split}.json")) as file:
        return {row["id"]: row for row in json.load(file)}


def words_of(script, program, **environment):
    """The words that a start script hands to `program`: it is run with a `program` that prints them."""
    folder = scratch()
    stand_in = os.path.join(folder, program)
    with open(stand_in, "w") as file:
        file.write("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    os.chmod(stand_in, 0o755)
    path = folder + os.pathsep + os.environ["PATH"]
    environment = {**os.environ, "PATH": path, **environment}
    return subprocess.check_output(["sh", script], env=environment, text=True).splitlines()
