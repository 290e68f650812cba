"""A real Prometheus of the machine's, with samples of any age in it: nothing is scraped and nothing is waited for."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

Series = Mapping[str, Sequence[tuple[datetime, float]]]
"""Samples by selector, for instance `errors{track="canary"}`."""
_READY = "Server is ready to receive web requests."


@contextmanager
def prometheus(folder: Path, series: Series) -> Iterator[str]:
    """The address of a server that has these samples. Without the binary a test is skipped, on CI it fails."""
    binary, tool = shutil.which("prometheus"), shutil.which("promtool")
    if binary is None or tool is None:
        if os.environ.get("CI"):
            pytest.fail("there is no prometheus here; scripts/system-packages installs it")
        pytest.skip("there is no prometheus here")
    (folder / "samples.txt").write_text(_open_metrics(series))
    (folder / "prometheus.yml").write_text("global: {}\n")
    blocks = ("tsdb", "create-blocks-from", "openmetrics", "samples.txt", "data")
    subprocess.run([tool, *blocks], cwd=folder, check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    options = ("--config.file=prometheus.yml", "--storage.tsdb.path=data", "--storage.tsdb.retention.time=100y")
    with subprocess.Popen(
        [binary, *options, f"--web.listen-address={address}"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        try:
            told: list[str] = []
            for line in server.stderr:
                told.append(line)
                if _READY in line:
                    break
            else:
                raise RuntimeError("Prometheus did not start: " + "".join(told[-3:]))
            yield f"http://{address}"
        finally:
            server.terminate()
            # What it says at its end has to be read, or it waits for a reader.
            server.communicate()


def _open_metrics(series: Series) -> str:
    """https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md; of one name, one after the other."""
    lines = []
    for selector in sorted(series):
        lines += [f"{selector} {value} {at.timestamp():.3f}" for at, value in series[selector]]
    return "\n".join([*lines, "# EOF", ""])
