"""The calls to `coldstart serve`: they wait as they are told and raise; a failure is never a score.

COLDSTART_SERVE is the service's address (default http://127.0.0.1:8978), COLDSTART_SERVE_TOKEN its
token where it wants one.
"""

import asyncio
import os

import aiohttp


class ServiceError(RuntimeError):
    """The service did not answer: an outage, not something that the model did."""


class Refused(RuntimeError):
    """The generator will not draw this caption (safety, policy)."""


def address():
    return os.environ.get("COLDSTART_SERVE", "http://127.0.0.1:8978").rstrip("/")


async def post(path, body, tries=8, timeout=1800):
    """The answer to one question. Full queues, lost connections and restarts are waited out."""
    headers = {}
    if os.environ.get("COLDSTART_SERVE_TOKEN"):
        headers["Authorization"] = "Bearer " + os.environ["COLDSTART_SERVE_TOKEN"]
    last = ""
    for attempt in range(tries):
        pause = min(60.0, 2.0**attempt)
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout)) as session:
                async with session.post(address() + path, json=body, headers=headers) as reply:
                    if reply.status == 200:
                        return await reply.json()
                    last = f"{reply.status} {(await reply.text())[:500]}"
                    if reply.status == 422:
                        raise Refused(last)
                    if reply.status not in (429, 502, 503):
                        raise ServiceError(f"{path}: {last}")
                    # 502: judges were asked until their own budget was spent; twice more is enough.
                    if reply.status == 502 and attempt >= 2:
                        raise ServiceError(f"{path}: {last}")
                    pause = float(reply.headers.get("Retry-After", pause))
        except (aiohttp.ClientConnectionError, asyncio.TimeoutError) as error:
            last = repr(error)
        await asyncio.sleep(pause)
    raise ServiceError(f"{path}: gave up after {tries} tries; last: {last}")


async def draw(caption, session):
    """The picture of a caption as a PIL image, and its digest. All pictures of a session share a seed."""
    import base64
    import io

    from PIL import Image

    answer = await post("/image", {"caption": caption, "session": session})
    picture = Image.open(io.BytesIO(base64.b64decode(answer["image"]))).convert("RGB")
    return picture, answer["digest"]


async def score(session, truth, rounds, turns, ended, step=None, group=None):
    """What a finished rollout is worth; see README, "Second stage", for the answer's fields."""
    body = {
        "id": session, "prompt": truth["prompt"], "truth": truth, "rounds": rounds, "turns": turns,
        "ended": ended,
    }
    if step is not None and int(step) >= 0:
        body["step"] = int(step)
    if group is not None:
        body["group"] = str(group)
    return await post("/reward", body)
