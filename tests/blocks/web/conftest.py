"""One served world per module: the parts start in milliseconds, and each test puts back what it turned."""

from collections.abc import Iterator

import pytest

from tests.fakes.web_world import WebWorld


@pytest.fixture(scope="module")
def web() -> Iterator[WebWorld]:
    with WebWorld().served() as world:
        yield world
