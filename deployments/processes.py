"""A process tree that leaves no orphan: children with a log file each, restarted or missed, stopped together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_TERM_SECONDS = 8.0
_LAST_LINES = 5


@dataclass
class Child:
    """One process of the tree. `vital`: without it the tree cannot go on; others are started again when they end."""

    name: str
    command: Sequence[str]
    vital: bool = False
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0

    @property
    def ended(self) -> bool:
        """Whether it was started and has ended since."""
        return self.process is not None and self.process.poll() is not None


@dataclass
class Tree:
    """The children of this process. `stop` ends them, their children and their children's children."""

    environment: Mapping[str, str]
    logs: Path
    children: list[Child] = field(default_factory=list)

    def start(self, child: Child) -> Child:
        """Starts a child in a session of its own, so that Ctrl-C in the terminal reaches only this process."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log(child).open("ab") as log:
            child.process = subprocess.Popen(  # noqa: S603  our own commands, no shell
                child.command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  before any thread
            )
        if child not in self.children:
            self.children.append(child)
        return child

    def log(self, child: Child) -> Path:
        """Where a child's output goes."""
        return self.logs / f"{child.name}.log"

    def last_words(self, child: Child) -> str:
        """The end of a child's output, in one line."""
        lines = self.log(child).read_text(errors="replace").splitlines() if self.log(child).exists() else []
        return " / ".join(line.strip() for line in lines[-_LAST_LINES:] if line.strip())

    def mend(self) -> Child | None:
        """Starts ended children again; returns a vital one that has ended, if there is one."""
        for child in self.children:
            if not child.ended:
                continue
            if child.vital:
                return child
            child.restarts += 1
            self.start(child)
        return None

    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        return {child.name: child.process.pid for child in self.children if child.process is not None}

    def stop(self) -> None:
        """Ends the children and everything below them, last started first; what does not listen is killed."""
        # The number of a process that ended may be another's by now.
        running = [child.process.pid for child in self.children if child.process is not None and not child.ended]
        below = [process for pid in running for process in _family(pid)]
        for child in reversed(self.children):
            if child.process is not None and child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + _TERM_SECONDS
        for child in self.children:
            if child.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.process.wait(max(deadline - time.monotonic(), 0.1))
        end(below, seconds=1.0)


def end(processes: Sequence[psutil.Process], *, seconds: float) -> None:
    """Terminates processes that are still the ones they were, and kills what is left after `seconds`."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, left = psutil.wait_procs(list(processes), timeout=seconds)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=seconds)


def _family(pid: int) -> list[psutil.Process]:
    """A process and all that descends from it."""
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _die_with_parent() -> None:
    """Linux: the kernel ends this child when its parent is gone, also after `kill -9`."""
    import ctypes

    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)
