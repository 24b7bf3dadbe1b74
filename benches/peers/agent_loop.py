"""The same rollouts as a researcher writes them: asyncio and aiohttp, a task a prompt.

Called by `cargo bench --bench agent`; arguments: the world's URL, the prompts, the system turn, and a
folder for pictures and conversations. Prints seconds. As many conversations are in flight as
`coldstart run` has; nothing is journaled, retried or resumed.
"""

import asyncio
import base64
import json
import pathlib
import re
import sys
import time

import aiohttp

url, pool, system, folder = sys.argv[1:5]
system = pathlib.Path(system).read_text()
folder = pathlib.Path(folder)
folder.mkdir(exist_ok=True)
prompts = [json.loads(line)["prompt"] for line in open(pool)]
CALL = re.compile(r"<tool_call>\s*(\{.*\})", re.S)


async def post(session, path, body):
    async with session.post(url + path, json=body) as answer:
        answer.raise_for_status()
        return await answer.json()


async def play(session, gate, number, prompt):
    async with gate:
        messages = [
            {"role": "system", "content": system},
            {"role": "user", "content": [{"type": "text", "text": f"Prompt: {prompt}"}]},
        ]
        pictures = 0
        while True:
            body = {"model": "genagent-sft", "messages": messages, "temperature": 0.0,
                    "max_tokens": 4096, "stop": ["</tool_call>"]}
            said = await post(session, "/v1/chat/completions", body)
            text = said["choices"][0]["message"]["content"].strip()
            call = CALL.search(text)
            if call and "</tool_call>" not in text:
                text += "\n</tool_call>"
            messages.append({"role": "assistant", "content": text})
            try:
                caption = json.loads(call.group(1))["arguments"]["caption"]
            except (AttributeError, KeyError, ValueError, TypeError):
                break
            if pictures == 3:
                break
            body = {"model": "FLUX.1-dev-8step", "prompt": caption, "size": "512x512",
                    "response_format": "b64_json", "seed": number, "steps": 8}
            drawn = await post(session, "/v1/images/generations", body)
            picture = drawn["data"][0]["b64_json"]
            pictures += 1
            (folder / f"{number}_{pictures}.png").write_bytes(base64.b64decode(picture))
            link = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + picture}}
            messages.append({"role": "user", "content": [
                {"type": "text", "text": "<tool_response>"}, link,
                {"type": "text", "text": "</tool_response>"}]})
        turns = [m["content"] for m in messages if m["role"] == "assistant"]
        (folder / f"{number}.json").write_text(json.dumps(turns))


async def main():
    gate = asyncio.Semaphore(512)
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        await asyncio.gather(*(play(session, gate, n, p) for n, p in enumerate(prompts)))


started = time.monotonic()
asyncio.run(main())
print(f"{time.monotonic() - started:.3f}")
