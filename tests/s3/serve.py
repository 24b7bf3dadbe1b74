"""moto's S3 server, one request at a time.

moto looks whether an object is there and writes it in two steps; two PUTs with `If-None-Match: *`
that come between them both succeed. S3 does it in one step, and so does this.
Arguments: the port.
"""

import sys
import threading

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple

moto = DomainDispatcherApplication(create_backend_app)
one_at_a_time = threading.Lock()


def app(environ, start_response):
    with one_at_a_time:
        return moto(environ, start_response)


if __name__ == "__main__":
    port = int(sys.argv[1])
    run_simple("127.0.0.1", port, app, threaded=True, request_handler=MotoRequestHandler)
