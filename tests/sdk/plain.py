"""A proxy that hands everything on and leaves out that it is simulated. A RUN does not mix simulated
and real replies, and here a real server stands beside the simulated world.

    plain.py URL      (prints its own)
"""

import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Plain(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        kind = {"content-type": "application/json"}
        request = urllib.request.Request(sys.argv[1] + self.path, data=body, headers=kind)
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            answer = error
        said = answer.read()
        self.send_response(answer.status)
        self.send_header("content-type", answer.headers["content-type"])
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Plain)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
