"""The data side's own servers: they start, are real, and leave nothing behind."""

import json
from datetime import UTC, datetime, timedelta

import boto3
import psutil
import psycopg
import pytest

from sandbox.moto_on_launch_clock import Control
from sandbox.parts.aws import AwsPart
from sandbox.parts.aws_account import DATABASE_PASSWORD
from sandbox.postgres_server import PostgresServer
from sandbox.redis_server import RedisServer
from sandbox.world import World

pytestmark = pytest.mark.integration
T0 = datetime(2025, 11, 24, 7, tzinfo=UTC)


def test_the_control_file_is_replaced_in_one_step(tmp_path):
    path = tmp_path / "control.json"
    Control(now=1.0).write(path)
    Control(now=2.0, fault="500").write(path)
    assert json.loads(path.read_text())["now"] == 2.0
    assert list(tmp_path.iterdir()) == [path]


def test_aws_stamps_follow_the_launch_clock_and_nothing_is_left():
    moment = [T0 - timedelta(days=7)]
    world, part = World(now=lambda: moment[0], t0=T0), AwsPart()
    part.define(world)
    part.start()
    try:
        store = boto3.client("secretsmanager", **part.credentials)
        changed = store.describe_secret(SecretId=DATABASE_PASSWORD)["LastChangedDate"]
        assert changed == T0 - timedelta(days=90)
        moment[0] = T0
        part.tick()
        changed = store.describe_secret(SecretId=DATABASE_PASSWORD)["LastChangedDate"]
        assert changed == T0 - timedelta(days=2)
        process = part._process.pid
    finally:
        part.stop()
    assert not psutil.pid_exists(process)


def test_a_standby_follows_and_both_end():
    primary, standby = PostgresServer(), PostgresServer()
    try:
        primary.create()
        standby.follow(primary)
        primary.start()
        standby.start()
        with psycopg.connect(standby.dsn()) as connection:
            assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
        processes = [primary.pid, standby.pid]
    finally:
        standby.stop()
        primary.stop()
    assert not any(map(psutil.pid_exists, processes))


def test_redis_starts_with_its_limits_and_ends():
    server = RedisServer(maxmemory="2gb", policy="noeviction", password="x")
    try:
        server.start()
        with server.client() as client:
            assert client.config_get("maxmemory") == {"maxmemory": str(2 * 2**30)}
        process = server.pid
    finally:
        server.stop()
    assert not psutil.pid_exists(process)
