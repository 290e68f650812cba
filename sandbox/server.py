"""The sandbox's one HTTP server: every part mounted under its name, vendor failures injected in front of it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.world import Part, World

_HANG_SECONDS = 30.0


@dataclass
class _VendorFailure:
    """Middleware of one mount: `ok`, `500`, `429`, `hang` (longer than a block waits) or `refuse` (drops the line)."""

    app: ASGIApp
    world: World
    knob: str
    stopping: threading.Event

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mode = str(self.world.get(self.knob)) if scope["type"] == "http" else "ok"
        match mode:
            case "500":
                await JSONResponse({"error": "internal error"}, status_code=500)(scope, receive, send)
            case "429":
                response = JSONResponse({"error": "rate limited"}, status_code=429, headers={"Retry-After": "1"})
                await response(scope, receive, send)
            case "hang":
                with anyio.move_on_after(_HANG_SECONDS):
                    while not self.stopping.is_set():  # noqa: ASYNC110  set from another thread
                        await anyio.sleep(0.05)
            case "refuse":
                # An answer that is begun and never finished is how ASGI lets the line drop; none at all becomes a 500.
                await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
            case _:
                await self.app(scope, receive, send)


class Server:
    """Serves the parts' routes on one loopback port; `address` is known before the server starts."""

    def __init__(self, world: World, parts: Sequence[Part], *, port: int = 0) -> None:
        # The protocol is named because asyncio switches Nagle off (40 ms an answer) only on sockets that name it.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._world = world
        self._parts = parts
        self._stopping = threading.Event()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        for part in parts:
            name = f"vendor.{part.name}"
            if name not in world.knobs:
                world.define(name, "ok", f"how the endpoints of {part.name} behave: ok, 500, 429, hang or refuse")

    def base_url(self, part: Part) -> str:
        """Where a part's routes are reached."""
        return f"{self.address}/{part.name}"

    def start(self) -> None:
        """Serves from a daemon thread; returns when connections are accepted."""
        mounts = [Mount(f"/{part.name}", app=self._guarded(part)) for part in self._parts]
        config = uvicorn.Config(
            Starlette(routes=mounts), log_level="critical", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        started = threading.Event()
        serve: Callable[[], None] = lambda: self._server.run(sockets=[self._socket]) if self._server else None  # noqa: E731
        self._thread = threading.Thread(target=serve, name="sandbox-http", daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            started.wait(0.01)

    def stop(self) -> None:
        """Ends the server and frees the port."""
        self._stopping.set()
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(5)
        self._socket.close()

    def _guarded(self, part: Part) -> ASGIApp:
        return _VendorFailure(Starlette(routes=list(part.routes())), self._world, f"vendor.{part.name}", self._stopping)


@contextlib.contextmanager
def serve(world: World, parts: Sequence[Part]) -> Iterator[Server]:
    """Serves the routes of parts that are already defined (and started, where they need it)."""
    server = Server(world, parts)
    server.start()
    try:
        yield server
    finally:
        server.stop()
