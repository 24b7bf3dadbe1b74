"""A `coldstart serve` over the simulated world, for the checks: COLDSTART is the binary, COLDSTART_PROJECT another
project than this one."""

import contextlib
import json
import os
import subprocess
import tempfile
import urllib.error
import urllib.request


@contextlib.contextmanager
def serving(*more):
    """The service's address, as long as the block lasts; a graceful stop at its end."""
    run = os.path.join(tempfile.mkdtemp(prefix="coldstart-"), "service")
    binary = os.environ.get("COLDSTART", "coldstart")
    root = os.environ.get("COLDSTART_PROJECT") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    command = [binary, "serve", "--project", root, "--listen", "127.0.0.1:0", "--out", run, *more]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = child.stdout.readline().strip()
        assert url.startswith("http://"), "the service did not start"
        os.environ["COLDSTART_SERVE"] = url
        yield url, run
        child.terminate()
        assert child.wait(60) == 0, "it stops gracefully"
    finally:
        child.kill()


def post(url, path, body):
    """Status and answer."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def call(caption):
    arguments = json.dumps({"caption": caption}, ensure_ascii=False)
    return f'<tool_call>\n{{"name": "image_generation_tool", "arguments": {arguments}}}\n</tool_call>'


ACCEPT = "<judge>\nIt is right.\n</judge>\n<answer>done</answer>"


def first(caption):
    return f"<think>It wants this.</think> {call(caption)}"


def again(caption):
    return f"<judge>\nNot yet.\n</judge>\n<think>\nOnce more.\n</think>\n{call(caption)}"
