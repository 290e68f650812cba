"""The PostgreSQL that `tminus up` starts: a real one, in a directory of its own."""

import os
import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest

from deployments.postgres import PostgresServer
from launch.errors import PermanentFaultError

pytestmark = pytest.mark.integration


@pytest.fixture
def directory():
    path = Path(tempfile.mkdtemp(prefix="tminus-postgres-"))
    yield path
    PostgresServer(path).stop()
    shutil.rmtree(path)


def test_it_keeps_its_data_over_a_restart_and_starts_only_once(directory: Path) -> None:
    server = PostgresServer(directory)
    server.start()
    port = server.port
    server.start()
    assert server.port == port
    server.create_database("prefect")
    server.create_database("prefect")
    with psycopg.connect(server.url("prefect"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (what text)")
    # Another process finds the running server by its directory.
    assert PostgresServer(directory).running
    server.stop()
    server.stop()
    assert not server.running
    server.start()
    with psycopg.connect(server.url("prefect")) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_only_who_knows_the_password_gets_in(directory: Path) -> None:
    server = PostgresServer(directory)
    server.start()
    assert (directory / "password").stat().st_mode & 0o077 == 0
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host="127.0.0.1", port=server.port, user="tminus", password="guess", dbname="postgres")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has directories that user nobody cannot enter")
def test_root_can_run_it_where_user_nobody_cannot_go(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = PostgresServer(closed / "postgres")
    server.start()
    try:
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.stop()


def test_a_server_that_does_not_start_says_why(directory: Path) -> None:
    server = PostgresServer(directory, settings=("max_connections=none",))
    with pytest.raises(PermanentFaultError, match='invalid value for parameter "max_connections"'):
        server.start()


def test_a_server_that_is_down_has_no_port(directory: Path) -> None:
    with pytest.raises(PermanentFaultError, match="it is not running"):
        _ = PostgresServer(directory).port
