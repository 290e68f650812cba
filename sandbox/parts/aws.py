"""The AWS account of the sandbox: one moto server in a process of its own, on the launch clock."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import JsonValue
from starlette.routing import BaseRoute

from sandbox.moto_on_launch_clock import Control
from sandbox.parts.aws_account import Account, Event
from sandbox.world import World

REGION = "eu-west-1"
_READY_SECONDS = 60.0


class AwsPart:
    """S3, CloudFront, RDS, Secrets Manager, EC2 and ELBv2 of one account.

    `endpoint` is known once `ready` is set: the server then listens, and other parts may create their own resources.
    `seeded` is set when the buckets, the database instance, the distribution and the secrets are there too.
    """

    name = "aws"

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.seeded = threading.Event()
        self._folder = tempfile.TemporaryDirectory(prefix="tminus-aws-")
        self._control = Path(self._folder.name) / "control.json"
        self._process: subprocess.Popen[str] | None = None
        self._port = 0
        self._lock = threading.RLock()
        self._due: list[Event] = []

    @property
    def endpoint(self) -> str:
        """Base URL of every AWS service. Waits for the server; raises `TimeoutError` when it does not come up."""
        if not self.ready.wait(_READY_SECONDS):
            raise TimeoutError("the AWS endpoint of the sandbox did not start")
        return f"http://127.0.0.1:{self._port}"

    @property
    def credentials(self) -> Mapping[str, str]:
        """Keyword arguments for `boto3.client` that reach this account."""
        return {
            "endpoint_url": self.endpoint,
            "region_name": REGION,
            "aws_access_key_id": "sandbox",
            "aws_secret_access_key": "sandbox",
        }

    @property
    def distribution(self) -> str:
        """Id of the CloudFront distribution of the cockpit; known once `seeded` is set."""
        return self._account.distribution

    def define(self, world: World) -> None:
        self._world = world
        for name, default, what in (
            ("vendor.aws", "ok", "how every AWS service behaves: ok, 500, 429, hang or refuse"),
            ("aws.snapshot-seconds", 60, "how long an RDS snapshot is `creating`"),
            ("aws.clone-seconds", 900, "how long an RDS clone is `creating`"),
            ("aws.clone-outcome", "available", "status of an RDS clone once it is no longer `creating`"),
            ("aws.recovery-point-seconds", 240, "age of the newest moment RDS can be brought back to"),
            ("aws.snapshot-outcome", "available", "status of an RDS snapshot once it is no longer `creating`"),
            ("aws.snapshot-kept-days", 0, "days after which a policy deletes RDS snapshots; 0 keeps them as asked for"),
            ("aws.invalidation-seconds", 30, "how long a CloudFront invalidation is `InProgress`"),
        ):
            world.define(name, default, what, setter=self._write_control)
        self._account = Account(world, self._pushed)
        self._account.define()

    def start(self) -> None:
        self._write_control()
        command = [sys.executable, "-m", "sandbox.moto_on_launch_clock", str(self._control)]
        root = Path(__file__).resolve().parents[2]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True, cwd=root
        )
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError("the AWS endpoint of the sandbox ended before it listened")
        self._port = int(line)
        self.ready.set()
        with self._lock:
            self._account.connect(self.credentials)
            self._due = self._account.events()
            self._catch_up()
        self.seeded.set()

    def routes(self) -> Sequence[BaseRoute]:
        return ()

    def tick(self) -> None:
        with self._lock:
            if self.seeded.is_set():
                self._catch_up()

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:  # noqa: ARG002  AWS has its own port
        access: dict[str, JsonValue] = {
            "endpoint_url": self.endpoint,
            "region": REGION,
            "access_key_id": "sandbox",
            "secret_access_key": "sandbox",
        }
        return {
            "object-storage/sandbox-storage": access,
            "secret-store/sandbox-secrets": access,
            "database-snapshots/sandbox-snapshots": {**access, "instance": self._account.instance},
        }

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            if self._process.stdout:
                self._process.stdout.close()
        self._folder.cleanup()

    def _catch_up(self) -> None:
        """Lets happen what the clock has passed, each thing stamped with its own moment, then sets the clock."""
        while self._due and self._due[0].at <= self._world.now():
            event = self._due.pop(0)
            self._write_control(at=event.at)
            event.happen()
        self._write_control()

    def _pushed(self, change: Event) -> None:
        """A knob of the account was turned: the change happens now, stamped with the moment it names."""
        with self._lock:
            if self.seeded.is_set():
                self._write_control(at=change.at)
                change.happen()
                self._write_control()

    def _write_control(self, _value: JsonValue = None, *, at: datetime | None = None) -> None:
        world = self._world
        control = Control(
            now=(at or world.now()).timestamp(),
            fault=str(world.get("vendor.aws")) if at is None else "ok",
            snapshot_seconds=float(str(world.get("aws.snapshot-seconds"))),
            snapshot_outcome=str(world.get("aws.snapshot-outcome")),
            snapshot_kept_days=float(str(world.get("aws.snapshot-kept-days"))),
            clone_seconds=float(str(world.get("aws.clone-seconds"))),
            clone_outcome=str(world.get("aws.clone-outcome")),
            recovery_point_seconds=float(str(world.get("aws.recovery-point-seconds"))),
            invalidation_seconds=float(str(world.get("aws.invalidation-seconds"))),
        )
        with self._lock:
            if self._control.parent.exists():
                control.write(self._control)
