"""Order of the tests that share one played launch."""

from __future__ import annotations

from datetime import timedelta

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one moment of the launch stand together, earlier moments first: a launch goes forward only."""
    items.sort(key=_moment)


def _moment(item: pytest.Item) -> timedelta:
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    moment = parameters.get("stage")
    return moment if isinstance(moment, timedelta) else timedelta.min
