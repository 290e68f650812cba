"""`tminus up`: the whole tree starts, serves, refuses a second one, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deployments.up import Settings, refuse_taken_port, tell_up
from launch.errors import RefusedError
from sandbox.ports import free_port

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]


@pytest.fixture
def directory() -> Iterator[Path]:
    # Not below pytest's own directory: as root, PostgreSQL runs as a user who may not enter it.
    directory = Path(tempfile.mkdtemp(prefix="tminus-up-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def tminus(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "console.main", *arguments],
        cwd=directory,
        env=environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_taken_port_is_told_before_anything_starts(directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RefusedError, match=f"port {port} is taken; stop what uses it, or choose another"):
            refuse_taken_port(port)
        with tminus(directory, "up", "--port", str(port)) as up:
            told, _ = up.communicate(timeout=60)
    assert up.returncode == 1
    assert told.startswith(f"tminus: port {port} is taken")
    assert not (directory / ".tminus").exists()


def test_what_is_up_is_told_all_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(tmp_path)
    half_written: list[bool] = []
    write = Path.write_text

    def watched(path: Path, text: str, encoding: str) -> int:
        half_written.append(settings.up_file.exists())
        return write(path, text, encoding=encoding)

    monkeypatch.setattr(Path, "write_text", watched)
    tell_up(settings, "sqlite://", {"server": 1})
    assert half_written == [False]
    assert json.loads(settings.up_file.read_text())["pids"] == {"server": 1}
    assert settings.up_file.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [settings.up_file]


def test_down_where_nothing_is_up_says_so(directory: Path) -> None:
    with tminus(directory, "down") as down:
        told, _ = down.communicate(timeout=60)
    assert (down.returncode, told) == (0, "nothing was up here\n")


def test_the_tree_starts_serves_refuses_a_second_and_leaves_nothing_behind(directory: Path) -> None:
    port = free_port()
    with tminus(directory, "up", "--port", str(port), "--no-sandbox") as up:
        assert up.stdout is not None
        for line in up.stdout:
            if line.startswith("up in"):
                break
        else:
            pytest.fail("it did not come up")
        written = json.loads((directory / ".tminus" / "up.json").read_text())
        assert written["ui"] == f"http://127.0.0.1:{port}"
        assert (directory / ".tminus" / "up.json").stat().st_mode & 0o077 == 0
        assert deployments(written["api"]) >= {"open-launch", "hardening", "ballot", "recover"}
        with tminus(directory, "up", "--port", str(free_port())) as second:
            told, _ = second.communicate(timeout=60)
        assert (second.returncode, "is up here already" in told) == (1, True)
        below = psutil.Process(up.pid).children(recursive=True)
        assert len(below) >= len(written["pids"])
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0
    assert not [process for process in below if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert not (directory / ".tminus" / "up.json").exists()
    refuse_taken_port(port)


def test_a_tree_whose_head_was_killed_is_taken_down(directory: Path) -> None:
    with tminus(directory, "up", "--port", str(free_port()), "--no-sandbox", "--no-worker") as up:
        assert up.stdout is not None
        assert any(line.startswith("up in") for line in up.stdout)
        below = psutil.Process(up.pid).children(recursive=True)
        up.kill()
        up.wait()
    with tminus(directory, "down") as down:
        down.communicate(timeout=60)
    deadline = time.monotonic() + 20
    while any(process.is_running() for process in below) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [process for process in below if process.is_running()]
    assert not postgres_of(directory)


def deployments(api: str) -> set[str]:
    request = urllib.request.Request(
        f"{api}/deployments/filter",
        data=b"{}",
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return {str(one["name"]) for one in json.load(answer)}


def postgres_of(directory: Path) -> list[int]:
    """Processes that still use a file of this directory's PostgreSQL."""
    wanted = str(directory / ".tminus" / "postgres")
    return [
        process.pid for process in psutil.process_iter(["cmdline"]) if wanted in " ".join(process.info["cmdline"] or [])
    ]


def test_settings_name_where_everything_is() -> None:
    settings = Settings(Path("x"), port=4711)
    assert (settings.api, settings.ui) == ("http://127.0.0.1:4711/api", "http://127.0.0.1:4711")
