"""The same calls as a researcher makes them: asyncio and aiohttp, a task a call.

Called by `cargo bench --bench run single`; arguments: the world's URL, a file with a request's body a
line, and where replies go. Prints seconds, and seconds of CPU. As many calls are in flight as
`coldstart run` has; nothing is journaled, retried, checked or resumed.
"""

import asyncio
import json
import resource
import sys
import time

import aiohttp

url, asked, replies = sys.argv[1:4]


async def call(session, gate, body, out):
    async with gate:
        async with session.post(url + "/v1/chat/completions", json=body) as answer:
            answer.raise_for_status()
            said = await answer.json()
        turn = said["choices"][0]["message"]["content"]
        out.write(json.dumps({"messages": body["messages"], "reply": turn, "usage": said["usage"]}) + "\n")


async def main():
    bodies = [json.loads(line) for line in open(asked)]
    gate = asyncio.Semaphore(512)
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        with open(replies, "w") as out:
            await asyncio.gather(*(call(session, gate, body, out) for body in bodies))


started = time.monotonic()
asyncio.run(main())
used = resource.getrusage(resource.RUSAGE_SELF)
print(f"{time.monotonic() - started:.3f} {used.ru_utime + used.ru_stime:.3f}")
