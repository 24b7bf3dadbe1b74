"""The trained model as an OpenAI-compatible server that answers whoever waits in one batch."""

import base64
import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from model import answer
from text import pixels


def conversation(messages):
    """A request's messages as text with `<image>`, and its pictures."""
    out, pictures = [], []
    for message in messages:
        content = message["content"]
        if not isinstance(content, str):
            text = ""
            for part in content:
                if part["type"] == "text":
                    text += part["text"]
                else:
                    pictures.append(pixels(base64.b64decode(part["image_url"]["url"].split(",", 1)[1])))
                    text += "<image>"
            content = text
        out.append({"role": message["role"], "content": content})
    return out, pictures


class Server:
    """Serves on a free port while the context is open."""

    def __init__(self, model, vocabulary, device, batch=768, wait=0.15):
        self.model, self.vocabulary, self.device, self.batch, self.wait = model, vocabulary, device, batch, wait
        self.asked, self.batches, self.open = queue.Queue(), [], True

    def __enter__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                waiting = {"said": threading.Event(), "messages": body["messages"], "most": body.get("max_tokens", 320)}
                outer.asked.put(waiting)
                waiting["said"].wait()
                reply = json.dumps({
                    "id": "1", "object": "chat.completion", "created": 0, "model": body["model"],
                    "choices": [{"index": 0, "finish_reason": waiting["finish"],
                                 "message": {"role": "assistant", "content": waiting["text"]}}],
                    "usage": waiting["usage"],
                }).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_):
                pass

        class Many(ThreadingHTTPServer):
            request_queue_size = 2048
            daemon_threads = True

        self.model.eval()
        self.http = Many(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        threading.Thread(target=self._work, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.open = False
        self.http.shutdown()
        self.http.server_close()

    def _work(self):
        while self.open:
            try:
                waiting = [self.asked.get(timeout=0.5)]
            except queue.Empty:
                continue
            until = time.monotonic() + self.wait
            while len(waiting) < self.batch and time.monotonic() < until:
                try:
                    waiting.append(self.asked.get(timeout=max(0.001, until - time.monotonic())))
                    until = max(until, time.monotonic() + 0.03)
                except queue.Empty:
                    break
            self.batches.append(len(waiting))
            self._answer(waiting)

    def _answer(self, waiting):
        prompts, pictures = [], []
        for one in waiting:
            messages, own = conversation(one["messages"])
            ids, _ = self.vocabulary.encode(messages)
            begin, _ = self.vocabulary.encode([{"role": "assistant", "content": ""}])
            # The header of the model's turn, without its end.
            prompts.append(np.concatenate([ids, begin[:-2]]))
            pictures.append(own)
        said = answer(self.model, prompts, pictures, self.device, min(320, max(one["most"] for one in waiting)))
        for one, prompt, (ids, end) in zip(waiting, prompts, said):
            one["text"] = self.vocabulary.text(ids)
            one["finish"] = "length" if end is None else "stop"
            one["usage"] = {"prompt_tokens": len(prompt), "completion_tokens": len(ids),
                            "total_tokens": len(prompt) + len(ids)}
            one["said"].set()
