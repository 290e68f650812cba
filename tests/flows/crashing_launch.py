"""The world around a launch whose process is killed again and again: sandbox, ledger, clock, and what a server keeps."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import boto3
from pydantic import JsonValue
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from blocks.ledger import SqlLedger, open_ledger
from console.rehearsal_desk import wall_clock
from launch.acts import open_launch
from launch.ballots_file import Ballots
from launch.ledger import Record
from launch.plan import Plan
from launch.plan_file import plan_hash
from launch.release import Release
from launch.state import LaunchState, fold
from sandbox.parts.aws import AwsPart
from sandbox.parts.cluster import ClusterPart
from sandbox.parts.cluster_seed import DEPLOYMENTS, JOBS, section
from sandbox.town import Town
from sandbox.world import World
from tests.flows.countdown_child import Cancelled, KeptRun, Moved, Order, Over, play
from tests.flows.kills import Kill, Trap

LAUNCH = "killed"
KILLED = -signal.SIGKILL
_LEAD = timedelta(minutes=10)
_FORK = multiprocessing.get_context("forkserver")
_FORK.set_forkserver_preload(["tests.flows.countdown_child"])


class CrashingLaunch:
    """One launch. Its world stays as it is while no process works on it, and so does its clock."""

    def __init__(self, plan: Plan, directory: Path, api_url: str, t0: datetime, ballots: Ballots) -> None:
        """`changed` may be filled by block name with fields that differ from the town's."""
        self.changed: dict[str, Mapping[str, JsonValue]] = {}
        self.plan = plan
        self.t0 = t0
        self._api_url = api_url
        self._ballots = ballots
        self.now = t0 + min(one.start for one in self.plan.phases if one.start is not None) - _LEAD
        self.town = Town(World(now=lambda: self.now, t0=t0))
        self.wire = Wire(self.town)
        self._url = f"sqlite:///{directory}/ledger.db"
        self.ledger: SqlLedger = open_ledger(self._url)
        self._runs: dict[str, KeptRun] = {}
        self._child = 0
        services = {one.id: one.version for one in self.plan.rollout.services if one.version}
        open_launch(
            self.ledger, LAUNCH, plan=plan, plan_hash=plan_hash(plan), plan_path="",
            release=Release(version=next(iter(services.values())), services=services), t0=t0, environment="sandbox",
            opened_by="tests", at=self.now, wall=wall_clock(),
        )  # fmt: skip

    def start(self) -> None:
        self.town.start()
        self.town.tick(self.now)

    def stop(self) -> None:
        self.town.stop()
        self.ledger.close()

    def run(self, kill: Kill | None = None) -> int:
        """Starts a process and stays with it to its end, which is returned as `Process.exitcode`."""
        mine, theirs = _FORK.Pipe()
        order = Order(
            launch=LAUNCH, ledger_url=self._url, api_url=self._api_url, now=self.now, fields=self._fields(),
            ballots=self._ballots, runs=tuple(self._runs.values()), kill=kill,
        )  # fmt: skip
        child = _FORK.Process(target=play, args=(order, theirs))
        child.start()
        theirs.close()
        self.wire.arm(kill, child.pid or 0)
        self._follow(mine)
        child.join()
        return child.exitcode or 0

    def _fields(self) -> Mapping[str, Mapping[str, JsonValue]]:
        return {name: {**fields, **self.changed.get(name, {})} for name, fields in self.town.blocks().items()}

    def die(self, *kills: Kill) -> None:
        """One process after the other, each to its own moment."""
        for kill in kills:
            ended = self.run(kill)
            assert ended == KILLED, f"nobody came by {kill}: the process ended {ended} at {self.now - self.t0} from T0"

    def events(self, kind: type) -> list:
        """All events of one kind, in order."""
        return [record.event for record in self.records if isinstance(record.event, kind)]

    def repeated(self, *questions: str) -> dict[tuple[str, str, bytes], int]:
        """Requests that changed something and were made more than once, word for word. `questions` change nothing."""
        return {
            (mount, line, body): times
            for (mount, line, body), times in self.wire.seen.items()
            if times > 1 and not f"{mount} {line}".startswith(questions)
        }

    @property
    def cluster(self) -> ClusterPart:
        """The part of the town that the product runs on."""
        return next(part for part in self.town.parts if isinstance(part, ClusterPart))

    def generation(self, service: str) -> int:
        """How often the deployment of a service was changed, plus one."""
        body = self.cluster._api.read(DEPLOYMENTS, service)
        return int(str(section(body, "metadata")["generation"]))

    def jobs(self) -> list[str]:
        """Names of the jobs that the cluster has run."""
        return self.cluster._api.names(JOBS)

    def snapshots(self) -> list[str]:
        """Snapshots of the database that somebody asked for."""
        found = self._account("rds").describe_db_snapshots(SnapshotType="manual")
        return [one["DBSnapshotIdentifier"] for one in found["DBSnapshots"]]

    def invalidations(self) -> list[str]:
        """Purges of the CloudFront distribution."""
        found = self._account("cloudfront").list_invalidations(DistributionId=self._aws.distribution)
        return [one["Id"] for one in found["InvalidationList"].get("Items", [])]

    @property
    def _aws(self) -> AwsPart:
        return next(part for part in self.town.parts if isinstance(part, AwsPart))

    def _account(self, service: str) -> Any:
        return boto3.client(service, **self._aws.credentials)

    @property
    def records(self) -> Sequence[Record]:
        return self.ledger.records(LAUNCH)

    @property
    def state(self) -> LaunchState:
        return fold(self.records)

    def _follow(self, link: Connection) -> None:
        while True:
            try:
                message = link.recv()
            except (EOFError, ConnectionResetError):
                return
            match message:
                case Moved():
                    self.now = message.now
                    self.town.tick(self.now)
                    try:
                        link.send(None)
                    except BrokenPipeError:
                        return
                case KeptRun():
                    self._runs[message.key] = message
                case Over():
                    self._runs.pop(message.key, None)
                case Cancelled():
                    for key in message.keys:
                        self._runs.pop(key, None)


class Wire:
    """Notes every request that reached the sandbox and may have changed something, and can swallow one answer."""

    def __init__(self, town: Town) -> None:
        self.seen: Counter[tuple[str, str, bytes]] = Counter()
        self._trap = Trap(None)
        self._victim = 0
        guarded = town.server._guarded
        town.server._guarded = lambda part: _Tap(guarded(part), part.name, self)

    def arm(self, kill: Kill | None, victim: int) -> None:
        """From now on the process `victim` dies when the request of `kill` is carried out."""
        self._trap, self._victim = Trap(kill), victim

    def note(self, mount: str, line: str, body: bytes) -> None:
        self.seen[mount, line, body] += 1
        if self._trap.springs("answered", mount, line):
            os.kill(self._victim, signal.SIGKILL)


class _Tap:
    """In front of one part: requests other than GET are noted when they are carried out, before they are answered."""

    def __init__(self, app: ASGIApp, mount: str, wire: Wire) -> None:
        self._app, self._mount, self._wire = app, mount, wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if scope["type"] != "http" or request.method in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        body = bytearray()

        async def heard() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                self._wire.note(self._mount, f"{request.method} {scope['path']}", bytes(body))
            await send(message)

        await self._app(scope, heard, answered)
