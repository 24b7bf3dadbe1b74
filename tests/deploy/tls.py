"""TLS before a server that speaks none. Usage: tls.py URL CERTIFICATE KEY; prints the address that it serves at."""

import socket
import ssl
import sys
import threading
from urllib.parse import urlsplit


def pipe(source, sink):
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one side is gone; the other hears it of its own socket


def main(url, certificate, key):
    behind = urlsplit(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"https://localhost:{listener.getsockname()[1]}", flush=True)
    while True:
        plain, _ = listener.accept()
        threading.Thread(target=serve, args=(context, plain, behind), daemon=True).start()


def serve(context, plain, behind):
    try:
        client = context.wrap_socket(plain, server_side=True)
    except OSError:
        return  # the client does not trust the certificate
    server = socket.create_connection((behind.hostname, behind.port))
    threading.Thread(target=pipe, args=(client, server), daemon=True).start()
    pipe(server, client)


if __name__ == "__main__":
    main(*sys.argv[1:])
