"""The metric source of the how-to is one, as it stands there."""

import re
import sys
import textwrap
from datetime import timedelta
from pathlib import Path
from types import ModuleType

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from blocks.metrics.store import MetricStore
from launch.ports import Checks, MetricSource
from tests.fakes.observed_world import T0, vendor

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-metric-source.md"
MINUTE = timedelta(minutes=1)


def test_the_example_of_the_page_reads_samples_and_leaves_gaps_out(monkeypatch) -> None:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    module = ModuleType("graphite_of_the_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(textwrap.dedent(found[1]), str(PAGE), "exec"), module.__dict__)

    async def answer(request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer t"
        points = [[9, -3], [0.1, -1], [None, 0]]
        now = int(T0.timestamp())
        return JSONResponse([{"target": "errors", "datapoints": [[value, now + 60 * at] for value, at in points]}])

    with vendor(answer) as url:
        source = module.GraphiteMetrics.model_validate({"url": url, "token": "t"})
        assert isinstance(source, MetricSource)
        assert isinstance(source, MetricStore)
        assert isinstance(source, Checks)
        samples = source.series("errors", start=T0 - 2 * MINUTE, end=T0, step_seconds=60)
        assert source.check().startswith("Graphite renders series at ")
    assert [(one.at, one.value) for one in samples] == [(T0 - MINUTE, 0.1)]
