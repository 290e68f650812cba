"""A system that answers every request as its script says, over real sockets: also late, wrongly, or not at all."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One HTTP request, without its body."""

    method: str
    path: str
    headers: Mapping[str, str]


Script = Callable[[Asked], Reply | None]
"""None takes the request and says nothing."""


class ScriptedServer:
    """Plays one script after the other; `seen` are the requests of the one that plays."""

    def __init__(self) -> None:
        self.seen: list[Asked] = []
        self.script: Script = lambda _: None
        self.over = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @contextmanager
    def playing(self, script: Script) -> Iterator[None]:
        """Requests are answered by this script; those it leaves without an answer are dropped at its end."""
        self.script, self.seen, self.over = script, [], threading.Event()
        try:
            yield
        finally:
            self.over.set()


def _handler(scripted: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            with suppress(OSError):  # whoever asked has given up
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked = Asked(self.command, self.path, dict(self.headers.items()))
                scripted.seen.append(asked)
                over, reply = scripted.over, scripted.script(asked)
                if reply is None:
                    over.wait()
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = handle_any  # noqa: N815  the library's names

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    return Handler


@contextmanager
def scripted() -> Iterator[ScriptedServer]:
    """A server on a port of its own."""
    serving = ScriptedServer()
    thread = threading.Thread(target=serving.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield serving
    finally:
        serving.over.set()
        serving.server.shutdown()
        serving.server.server_close()
        thread.join(5)
