"""Everything on one machine as one process tree: PostgreSQL, Prefect server, worker, sandbox, watchdog."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from deployments import warm
from deployments.definitions import HEARTBEAT_SECONDS, WORK_POOL
from deployments.postgres import PostgresServer
from deployments.processes import Child, Tree, end
from launch.errors import RefusedError

UP_FILE = "up.json"
_SERVER_SECONDS = 120.0
_SANDBOX_SECONDS = 90.0
_LOOK_SECONDS = 0.3

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """What `tminus up` was asked for. `speed` is how many times as fast idle time passes for launches opened here."""

    directory: Path
    port: int = 4200
    speed: float = 1.0
    sandbox: bool = True
    worker: bool = True

    @property
    def api(self) -> str:
        """The API's address."""
        return f"{self.ui}/api"

    @property
    def ui(self) -> str:
        """The UI's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def up_file(self) -> Path:
        """Where a running tree is described."""
        return self.directory / UP_FILE


def up(settings: Settings, tell: Tell) -> None:
    """Starts everything and stays until Ctrl-C, SIGTERM or the end of a vital process; then everything is stopped.

    Raises `RefusedError` in one sentence: already up, port taken, a part that does not start.
    """
    _refuse_second(settings)
    refuse_taken_port(settings.port)
    settings.directory.mkdir(parents=True, exist_ok=True)
    postgres = PostgresServer((settings.directory / "postgres").resolve())
    with _until_signal() as asked_to_stop:
        tree: Tree | None = None
        try:
            tell("starting PostgreSQL")
            postgres.start()
            postgres.create_database("prefect")
            postgres.create_database("ledger")
            ours = environment(settings, postgres)
            os.environ.update(ours)
            tree = Tree(ours, settings.directory / "logs")
            _start(settings, tree, postgres.url("ledger"), tell, asked_to_stop)
            _stay(tree, tell, asked_to_stop)
        finally:
            if tree is not None:
                tell("stopping")
                tree.stop()
            postgres.stop()
            settings.up_file.unlink(missing_ok=True)


def down(settings: Settings) -> bool:
    """Stops the tree of a directory and waits for its end; False where none is up."""
    written = _written(settings)
    if written is None:
        return False
    head = _process(written)
    if head is not None:
        below = head.children(recursive=True)
        head.terminate()
        psutil.wait_procs([head], timeout=20)
        end([head, *below], seconds=2.0)
    PostgresServer((settings.directory / "postgres").resolve()).stop()
    settings.up_file.unlink(missing_ok=True)
    return head is not None


def refuse_taken_port(port: int) -> None:
    """Raises `RefusedError` when somebody listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            message = f"port {port} is taken; stop what uses it, or choose another with --port"
            raise RefusedError(message) from error


def _refuse_second(settings: Settings) -> None:
    written = _written(settings)
    if written is not None and _process(written) is not None:
        message = f"tminus is up here already: {written['ui']}; stop it with tminus down"
        raise RefusedError(message)


def _start(settings: Settings, tree: Tree, ledger: str, tell: Tell, asked_to_stop: list[int]) -> None:
    began = time.monotonic()
    tell("starting the Prefect server")
    server = tree.start(
        Child("server", _prefect("server", "start", "--host", "127.0.0.1", "--port", str(settings.port)), vital=True),
    )
    socket_path = warm.socket_path(settings.directory.resolve())
    tree.start(Child("warm", (sys.executable, "-m", "deployments.warm", str(socket_path))))
    ready = settings.directory / "sandbox-ready"
    ready.unlink(missing_ok=True)
    sandbox = None
    if settings.sandbox:
        # A module of the console by name: only the console may know the sandbox.
        command = (sys.executable, "-m", "console.sandbox_process", "--ledger", ledger, "--ready", str(ready))
        sandbox = tree.start(Child("sandbox", command, vital=True))
    _wait(tree, server, lambda: _healthy(settings.api), _SERVER_SECONDS, asked_to_stop)
    tell("registering deployments and automations")
    _register(settings, ledger, warm.command(socket_path))
    if sandbox is not None:
        _wait(tree, sandbox, ready.exists, _SANDBOX_SECONDS, asked_to_stop)
    if settings.worker:
        tree.start(worker())
    tree.start(Child("watchdog", (sys.executable, "-m", "deployments.watchdog")))
    tell_up(settings, ledger, tree.pids())
    tell(f"up in {time.monotonic() - began:.0f} s: {settings.ui}")


def _register(settings: Settings, ledger: str, command: str) -> None:
    import asyncio

    from prefect import get_client
    from prefect.variables import Variable

    from deployments.automations import register_automations
    from deployments.registration import register_deployments, register_ledger, register_pool
    from flows.open_launch import SPEED, WORLD

    async def register() -> None:
        async with get_client() as client:
            await register_ledger(ledger)
            await register_pool(client, command)
            await register_deployments(client)
            await register_automations(client)
            await Variable.aset(SPEED, settings.speed, overwrite=True)
            if not settings.sandbox:
                await Variable.aunset(f"{WORLD}sandbox")

    asyncio.run(register())


def _stay(tree: Tree, tell: Tell, asked_to_stop: list[int]) -> None:
    while not asked_to_stop:
        ended = tree.mend()
        if ended is not None:
            message = f"the {ended.name} has ended: {tree.last_words(ended) or 'no words'}; see {tree.log(ended)}"
            raise RefusedError(message)
        time.sleep(_LOOK_SECONDS)
    tell("")


def _wait(tree: Tree, child: Child, done: Callable[[], bool], seconds: float, asked_to_stop: list[int]) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if asked_to_stop:
            raise KeyboardInterrupt
        if child.ended or time.monotonic() > deadline:
            state = "has ended" if child.ended else f"is not ready after {seconds:.0f} s"
            message = f"the {child.name} {state}: {tree.last_words(child) or 'no words'}; see {tree.log(child)}"
            raise RefusedError(message)
        time.sleep(_LOOK_SECONDS)


def _healthy(api: str) -> bool:
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=2) as answer:  # noqa: S310  our own loopback address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def worker() -> Child:
    """The worker that starts the flow runs of the work pool; a tree that was started without one may get it later."""
    return Child("worker", _prefect("worker", "start", "--pool", WORK_POOL, "--name", "tminus"))


def environment(settings: Settings, postgres: PostgresServer) -> dict[str, str]:
    """What every process of the tree must know of server, database and pace."""
    return {
        "PREFECT_HOME": str((settings.directory / "prefect").resolve()),
        "PREFECT_API_URL": settings.api,
        "PREFECT_UI_URL": settings.ui,
        # `--port` alone would leave the UI calling port 4200.
        "PREFECT_SERVER_UI_API_URL": settings.api,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": postgres.url("prefect").replace(
            "postgresql://",
            "postgresql+asyncpg://",
            1,
        ),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_WORKER_PREFETCH_SECONDS": "10",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
    }


def _prefect(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "prefect", *arguments)


def tell_up(settings: Settings, ledger: str, pids: Mapping[str, int]) -> None:
    """Writes what is up here, for nobody else's eyes, at once: who reads it meanwhile finds the whole or nothing."""
    written = {
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
        "ui": settings.ui,
        "api": settings.api,
        "ledger": ledger,
        "speed": settings.speed,
        "pids": dict(pids),
    }
    unfinished = settings.up_file.with_suffix(".part")
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(written, indent=2), encoding="utf-8")
    unfinished.replace(settings.up_file)


def _written(settings: Settings) -> dict[str, str | float] | None:
    try:
        found = json.loads(settings.up_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _process(written: dict[str, str | float]) -> psutil.Process | None:
    """The head of the tree, if that process still is the one that wrote the file."""
    with contextlib.suppress(psutil.NoSuchProcess, KeyError):
        process = psutil.Process(int(written["pid"]))
        if abs(process.create_time() - float(written["started"])) < 1:
            return process
    return None


@contextlib.contextmanager
def _until_signal() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM instead of dying from them."""
    asked: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    earlier = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
