"""A real Prometheus of the machine's, with samples of any age in it: nothing is scraped and nothing is waited for."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sandbox.ports import free_port
from tests.fakes.programs import program, running

Series = Mapping[str, Sequence[tuple[datetime, float]]]
"""Samples by selector, for instance `errors{track="canary"}`."""
_READY = "Server is ready to receive web requests."


@contextmanager
def prometheus(folder: Path, series: Series) -> Iterator[str]:
    """The address of a server that has these samples."""
    binary, tool = program("prometheus"), program("promtool")
    (folder / "samples.txt").write_text(_open_metrics(series))
    (folder / "prometheus.yml").write_text("global: {}\n")
    blocks = ("tsdb", "create-blocks-from", "openmetrics", "samples.txt", "data")
    subprocess.run([tool, *blocks], cwd=folder, check=True, capture_output=True)
    address = f"127.0.0.1:{free_port()}"
    options = ("--config.file=prometheus.yml", "--storage.tsdb.path=data", "--storage.tsdb.retention.time=100y")
    with running([binary, *options, f"--web.listen-address={address}"], folder, ready=_READY):
        yield f"http://{address}"


def _open_metrics(series: Series) -> str:
    """https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md; of one name, one after the other."""
    lines = []
    for selector in sorted(series):
        lines += [f"{selector} {value} {at.timestamp():.3f}" for at, value in series[selector]]
    return "\n".join([*lines, "# EOF", ""])
