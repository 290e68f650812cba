"""What Prefect leaves behind within a session of flow tests."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Prefect leaves its clients' connections to the garbage collector, which may come within any test that has some."""
    for item in items:
        if item.get_closest_marker("harness") is not None:
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))


@pytest.fixture(scope="module", autouse=True)
def _collected() -> Iterator[None]:
    """Connections that a module left are collected before the next one's tests, which may take them for their own."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
