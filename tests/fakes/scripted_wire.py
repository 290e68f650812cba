"""A server of another protocol than HTTP that plays a part: what it reads and says is one function over a socket."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Part = Callable[[socket.socket, threading.Event], None]
"""Serves one connection; the event is set when the part is over, so that silence can end."""


@contextmanager
def wire(part: Part) -> Iterator[int]:
    """The port of a server on which every connection is served so."""
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # whoever asked has given up
                part(self.request, over)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            over.set()
            server.shutdown()
            thread.join(5)


@contextmanager
def datagrams(answer: Callable[[bytes], bytes | None]) -> Iterator[int]:
    """The port of a server that answers each datagram, or not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.1)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    asked, whom = server.recvfrom(4096)
                    said = answer(asked)
                    if said is not None:
                        server.sendto(said, whom)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join(5)
