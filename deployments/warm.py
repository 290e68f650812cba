"""A process that has Prefect, the flows and the blocks imported, and forks once for each flow run.

A cold flow run spends 2 to 5 seconds of processor time on imports before its first line; five ballots pressed at once
on two cores wait half a minute for it. A forked one begins within a tenth of a second. The work pool's command is
`deployments/warm_start.py`, which asks here and starts a cold process where nobody answers.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
import traceback
import zlib
from collections.abc import Sequence
from pathlib import Path

IMPORTED = (
    "prefect.flow_engine",
    "prefect.deployments",
    "prefect.artifacts",
    "blocks",
    "blocks.ledger_store",
    "flows.attest",
    "flows.ballot",
    "flows.blocks_stage",
    "flows.checkpoint",
    "flows.countdown",
    "flows.eve",
    "flows.hardening",
    "flows.open_launch",
    "flows.recover",
    "flows.review",
    "flows.roll_back",
    "flows.stabilization",
    "flows.wake",
)
_LONGEST_PATH = 100
"""A Unix socket's path must be short."""


def serve(path: Path, *, imported: Sequence[str] = IMPORTED, engine: str = "prefect.engine") -> None:
    """Imports everything, then forks for every connection until this process is ended; a fork runs the engine."""
    for module in imported:
        importlib.import_module(module)
    # Nothing that is imported goes away: keeping it out of collections keeps its pages shared with the forks.
    gc.collect()
    gc.freeze()
    if threading.active_count() > 1:
        names = ", ".join(thread.name for thread in threading.enumerate())
        message = f"cannot fork beside other threads: {names}"
        raise RuntimeError(message)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        line, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _become_the_run(line, engine)
        line.close()


def command(path: Path) -> str:
    """The work pool's command."""
    starter = Path(__file__).with_name("warm_start.py")
    return f"{sys.executable} -I -S {starter} {path}"


def socket_path(directory: Path) -> Path:
    """Where the warm process of a directory listens; Unix sockets allow about a hundred characters."""
    wanted = directory / "warm.sock"
    if len(str(wanted)) <= _LONGEST_PATH:
        return wanted
    return Path(f"/tmp/tminus-{os.getuid()}-{zlib.crc32(str(directory).encode()):08x}.sock")  # noqa: S108  length is the point


def _become_the_run(line: socket.socket, engine: str) -> None:
    """Never returns: takes over environment, directory and output of the asker and runs the engine."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = 1
    try:
        _take_over(line)
        threading.Thread(target=_obey, args=(line,), daemon=True, name="warm-line").start()
        code = _run(engine)
    except BaseException:  # noqa: BLE001  this process has no caller: whatever it was is printed, and is the exit code
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
            line.send(bytes([code & 0xFF]))
        os._exit(code)


def _take_over(line: socket.socket) -> None:
    head, descriptors, _, _ = socket.recv_fds(line, 4, 2)
    size, question = int.from_bytes(head, "big"), b""
    while len(question) < size:
        question += line.recv(size - len(question))
    asked = json.loads(question)
    for descriptor, place in zip(descriptors, (1, 2), strict=True):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["directory"])
    os.setpgid(0, 0)


def _obey(line: socket.socket) -> None:
    """A byte is a signal to pass on; the end of the line is the end of the asker, so of this run."""
    while True:
        order = line.recv(1)
        if not order:
            os._exit(137)
        os.kill(os.getpid(), order[0])


def _run(engine: str) -> int:
    from prefect.context import refresh_global_settings_context
    from prefect.logging.configuration import setup_logging

    refresh_global_settings_context()
    setup_logging()
    sys.argv = [engine]
    # Imported before the fork, it would be run a second time beside itself.
    sys.modules.pop(engine, None)
    try:
        runpy.run_module(engine, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1 if ended.code else 0
    _flush_threads()
    return 0


def _flush_threads() -> None:
    """What an interpreter does at its end and `os._exit` does not: wait for threads, send queued logs and events."""
    import atexit

    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001  the interpreter's own way of joining its threads
    atexit._run_exitfuncs()  # noqa: SLF001  there is no public way to run them before `os._exit`


def main() -> int:
    """`python -m deployments.warm SOCKET`."""
    with contextlib.suppress(KeyboardInterrupt):
        serve(Path(sys.argv[1]))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.exit(main())
