"""The warm process: runs begin without the cost of imports, obey signals, and die with whoever asked for them.

Prefect's engine is what a fork runs; here it is asked for a flow run that does not exist, on no server, so that its
answer (exit code 1 and its own sentence) shows that it ran, in the environment of the asker.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deployments import warm

pytestmark = pytest.mark.integration
STARTER = Path(warm.__file__).with_name("warm_start.py")
ENGINE = "import os, signal\nprint(os.getpid(), os.environ['ASKED'], os.getcwd(), flush=True)\nsignal.pause()\n"


@contextlib.contextmanager
def serving(directory: Path, engine: str) -> Iterator[Path]:
    """A warm process whose forks run this engine; where it listens."""
    path = directory / "warm.sock"
    call = f"warm.serve(Path({str(path)!r}), imported=('prefect.flow_engine',), engine={engine!r})"
    script = f"import sys; sys.path.append({str(directory)!r})\nfrom pathlib import Path\nfrom deployments import warm\n{call}"
    with subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2]) as server:
        deadline = time.monotonic() + 60
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        yield path
        server.terminate()


@pytest.fixture(scope="module")
def warm_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with serving(tmp_path_factory.mktemp("w"), "prefect.engine") as path:
        yield path


@pytest.fixture(scope="module")
def waiting_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Its engine tells who it is and waits for a signal."""
    directory = tmp_path_factory.mktemp("w")
    (directory / "waiting_engine.py").write_text(ENGINE)
    with serving(directory, "waiting_engine") as path:
        yield path


def start(socket_path: Path, directory: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(STARTER), str(socket_path)],
        env={**os.environ, **environment},
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def gone(pid: int) -> bool:
    """Whether a process ends within ten seconds."""
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not psutil.pid_exists(pid)


@pytest.mark.parametrize("asked", ["warm", "cold"])
def test_the_engine_runs_and_its_output_and_exit_code_come_back(warm_process: Path, tmp_path: Path, asked: str) -> None:
    path = warm_process if asked == "warm" else tmp_path / "nobody.sock"
    with start(path, tmp_path, PREFECT__FLOW_RUN_ID="not-an-id", PREFECT_LOGGING_LEVEL="INFO") as run:
        told, _ = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "Invalid flow run id" in told


def test_a_run_has_the_environment_and_the_directory_of_the_asker(waiting_process: Path, tmp_path: Path) -> None:
    with start(waiting_process, tmp_path, ASKED="yes") as run:
        assert run.stdout is not None
        _, asked, directory = run.stdout.readline().split()
        run.kill()
    assert (asked, directory) == ("yes", str(tmp_path))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_ends_the_asker_ends_its_run(waiting_process: Path, tmp_path: Path, number: signal.Signals) -> None:
    with start(waiting_process, tmp_path, ASKED="yes") as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline().split()[0])
        assert pid != run.pid
        run.send_signal(number)
        assert gone(pid)


def test_a_socket_path_is_never_too_long_for_the_system(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 120)
    assert len(str(warm.socket_path(deep))) <= 100
    assert warm.socket_path(deep) == warm.socket_path(deep)
    assert warm.socket_path(tmp_path / "b") == tmp_path / "b" / "warm.sock"
