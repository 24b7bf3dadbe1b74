#!/usr/bin/env python3
"""moto's S3 behind a server that keeps connections open, as buckets do: `moto_server` closes each, and a client that
connects anew for every request pays for that more than for what it sends. For `measure.py shards BINARY bucket.py`.

    bucket.py -H HOST -p PORT        (pip install 'moto[server,s3]' waitress)
"""

import argparse

import waitress
from moto.server import DomainDispatcherApplication, create_backend_app

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("-H", "--host", default="127.0.0.1")
    parser.add_argument("-p", "--port", type=int, default=5000)
    args = parser.parse_args()
    app = DomainDispatcherApplication(create_backend_app)
    waitress.serve(app, host=args.host, port=args.port, threads=16, connection_limit=2000)
