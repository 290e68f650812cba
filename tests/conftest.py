"""Real components that several test modules share."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.prefect_server import RehearsalServer
from deployments.postgres import PostgresServer

# Prefect sets its logging up when it is imported, which test modules do; what a test says about a run, it asserts.
os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    # Not below pytest's own directory: it is closed to user nobody, who runs the server when the tests run as root.
    directory = Path(tempfile.mkdtemp(prefix="tminus-postgres-"))
    # What a test writes need not survive a power cut.
    server = PostgresServer(directory, settings=("fsync=off", "synchronous_commit=off", "full_page_writes=off"))
    server.start()
    yield server
    server.stop()
    shutil.rmtree(directory)


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> str:
    """URL of an empty database of this test's own."""
    name = f"test_{uuid.uuid4().hex}"
    postgres_server.create_database(name)
    return postgres_server.url(name)


@pytest.fixture(scope="session")
def small_plan() -> Path:
    """A valid plan of one page that has every kind of item once."""
    return Path(__file__).parent / "data" / "small.yaml"


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RehearsalServer]:
    """A Prefect API in a process of its own. Its empty database is kept with pytest's cache of this checkout."""
    server = RehearsalServer(Path(__file__).parents[1] / ".tminus" / "cache")
    try:
        server.ready()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def prefect_api(prefect_server: RehearsalServer) -> Iterator[str]:
    """Flows called in tests report to this API; its URL."""
    with prefect_server.used():
        yield prefect_server.url
