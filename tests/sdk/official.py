"""The official SDKs `openai` and `google-genai` talk to the simulated world with no special case.

    official.py URL     (of a `coldstart sim`)

What the client is tested on are then true wire formats. Exits 1 at the first thing that is not so.
"""

import base64
import struct
import sys
import zlib

import openai
from google import genai
from google.genai import types


def red_png(width=64, height=64):
    """A plain red picture, by hand."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + bytes((220, 20, 20)) * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def check(name, right, found):
    print(("ok   " if right else "WRONG"), name)
    if not right:
        sys.exit(f"{name}: {found!r}")


def with_openai(url):
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    models = [m.id for m in client.models.list()]
    check("openai: models", len(models) > 0, models)
    hello = [{"role": "user", "content": "Say hello."}]
    reply = client.chat.completions.create(model="m", messages=hello)
    choice = reply.choices[0]
    check("openai: chat", choice.message.content and choice.finish_reason == "stop", reply)
    check("openai: usage", reply.usage.prompt_tokens > 0 and reply.usage.completion_tokens > 0, reply)
    check("openai: model", reply.model == "m", reply.model)
    stream = client.chat.completions.create(
        model="m", messages=hello, stream=True, stream_options={"include_usage": True}
    )
    text, usage, finish = "", None, None
    for chunk in stream:
        usage = chunk.usage or usage
        for part in chunk.choices:
            text += part.delta.content or ""
            finish = part.finish_reason or finish
    check("openai: stream", text == choice.message.content and finish == "stop", (text, finish))
    check("openai: stream usage", usage and usage.prompt_tokens > 0, usage)
    data = base64.b64encode(red_png()).decode()
    look = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
    ]
    reply = client.chat.completions.create(model="m", messages=[{"role": "user", "content": look}])
    check("openai: picture", bool(reply.choices[0].message.content), reply)
    drawn = client.images.generate(
        model="gpt-image-1", prompt="two red cubes", size="512x512", n=1
    )
    picture = base64.b64decode(drawn.data[0].b64_json)
    check("openai: images", picture[:8] == b"\x89PNG\r\n\x1a\n", picture[:16])
    try:
        client.post("/nothing", cast_to=object, body={})
        check("openai: 404", False, "no error")
    except openai.NotFoundError as error:
        check("openai: 404", error.status_code == 404, error)


def with_genai(url):
    client = genai.Client(
        api_key="none", http_options=types.HttpOptions(base_url=url, api_version="v1beta")
    )
    config = types.GenerateContentConfig(
        system_instruction="Be brief.",
        thinking_config=types.ThinkingConfig(include_thoughts=True),
        seed=5,
        max_output_tokens=2000,
    )
    parts = [
        types.Part.from_text(text="What is this?"),
        types.Part.from_bytes(data=red_png(), mime_type="image/png"),
    ]
    contents = [types.Content(role="user", parts=parts)]
    reply = client.models.generate_content(
        model="gemini-2.5-pro", contents=contents, config=config
    )
    check("genai: text", bool(reply.text), reply)
    check("genai: finish", reply.candidates[0].finish_reason == types.FinishReason.STOP, reply)
    check("genai: model version", reply.model_version == "gemini-2.5-pro", reply.model_version)
    check("genai: usage", reply.usage_metadata.prompt_token_count > 0, reply.usage_metadata)
    text = ""
    for chunk in client.models.generate_content_stream(
        model="gemini-2.5-pro", contents=contents, config=config
    ):
        text += chunk.text or ""
    check("genai: stream", text == reply.text, text)


if __name__ == "__main__":
    with_openai(sys.argv[1].rstrip("/"))
    with_genai(sys.argv[1].rstrip("/"))
