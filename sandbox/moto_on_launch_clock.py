"""Runs one moto server whose time stamps follow the launch clock; started as a process of its own by the AWS part.

`python -m sandbox.moto_on_launch_clock CONTROL_FILE` prints the port it listens on (one line) and serves until killed.
The control file is one `Control` document. Beside the clock it supplies what moto leaves out: snapshots and
invalidations take time to finish, a snapshot can fail, and the whole account can be out of order.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_STALLED = threading.Event()


@dataclass(frozen=True)
class Control:
    """What the part tells this process: launch time in seconds since 1970, and the knobs of the account."""

    now: float
    fault: str = "ok"  # ok, 500, 429, hang or refuse
    snapshot_seconds: float = 60.0
    snapshot_outcome: str = "available"
    snapshot_kept_days: float = 0.0  # 0 keeps the tags as they were asked for
    invalidation_seconds: float = 30.0
    recovery_point_seconds: float = 240.0
    clone_seconds: float = 900.0
    clone_outcome: str = "available"

    def write(self, path: Path) -> None:
        """Replaces the file in one step: a reader never sees half of it."""
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)))
        fresh.replace(path)


_FAULTS = {
    "500": ("503 Service Unavailable", "ServiceUnavailable", "Service is unable to handle request."),
    "429": ("429 Too Many Requests", "SlowDown", "Please reduce your request rate."),
}


class LaunchClock(ModuleType):
    """Stands in for the modules that moto reads time from: a stamp is the launch's moment, not the machine's."""

    def __init__(self, control: Path) -> None:
        super().__init__("time")
        self._control = control

    def read(self) -> Control:
        return Control(**json.loads(self._control.read_text()))

    def time(self) -> float:
        return self.read().now

    def utcnow(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC).replace(tzinfo=None)

    def age(self, made: datetime) -> float:
        return (self.utcnow() - made).total_seconds()

    def unix_time(self, moment: datetime | None = None) -> float:
        return self.time() if moment is None else moment.replace(tzinfo=UTC).timestamp()


def replace(owner: object, name: str, value: object) -> None:
    """Moto has no seam for its clock and its durations, so the names themselves are set."""
    setattr(owner, name, value)


def failing(app: WSGIApplication, clock: LaunchClock) -> WSGIApplication:
    """The application, or the answer of an AWS that is out of order while the control file says so."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        fault = clock.read().fault
        if fault == "hang":
            _STALLED.wait()
        if fault == "refuse":
            line: socket.socket = environ["werkzeug.socket"]
            line.shutdown(socket.SHUT_RDWR)
        if fault in _FAULTS:
            status, code, message = _FAULTS[fault]
            body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
            start_response(status, [("Content-Type", "text/xml")])
            return [body.encode()]
        return app(environ, start_response)

    return answer


def _supply_what_moto_leaves_out(clock: LaunchClock) -> None:
    """Gives snapshots, clones and invalidations a duration and an outcome, secrets and recovery points launch time."""
    import moto.secretsmanager.models as secrets_backend
    from moto.cloudfront.models import Invalidation
    from moto.s3.models import S3Backend

    replace(secrets_backend, "time", clock)

    def invalidation_status(invalidation: Invalidation) -> str:
        young = clock.age(invalidation.create_time) < clock.read().invalidation_seconds
        return "InProgress" if young else "Completed"

    def set_object_lock(  # noqa: PLR0917  moto's signature
        backend: S3Backend,
        bucket_name: str,
        lock_enabled: bool,  # noqa: FBT001
        mode: str | None = None,
        days: int | None = None,
        years: int | None = None,
    ) -> None:
        """Moto refuses this for a bucket that holds objects; S3 does not."""
        bucket = backend.get_bucket(bucket_name)
        bucket.object_lock_enabled = lock_enabled
        bucket.default_lock_mode, bucket.default_lock_days, bucket.default_lock_years = mode, days, years

    replace(S3Backend, "put_object_lock_configuration", set_object_lock)
    replace(Invalidation, "status", property(invalidation_status, _ignore))
    _supply_snapshots(clock)
    _supply_instances(clock)


def _supply_snapshots(clock: LaunchClock) -> None:
    from moto.rds.models import DBSnapshot

    def status(snapshot: DBSnapshot) -> str:
        control = clock.read()
        return "creating" if clock.age(snapshot.created) < control.snapshot_seconds else control.snapshot_outcome

    def tags(snapshot: DBSnapshot) -> list[dict[str, str]]:
        kept: list[dict[str, str]] = snapshot.__dict__.get("kept_tags", [])
        days = clock.read().snapshot_kept_days
        if not days:
            return kept
        until = (snapshot.created.replace(tzinfo=UTC) + timedelta(days=days)).isoformat()
        return [{**tag, "Value": until} if tag["Key"] == "delete-after" else tag for tag in kept]

    def keep_tags(snapshot: DBSnapshot, given: list[dict[str, str]]) -> None:
        snapshot.__dict__["kept_tags"] = given

    replace(DBSnapshot, "status", property(status, _ignore))
    replace(DBSnapshot, "tags", property(tags, keep_tags))


def _supply_instances(clock: LaunchClock) -> None:
    from moto.rds.models import DBInstance, RDSBackend

    def restorable_until(_instance: DBInstance) -> datetime:
        control = clock.read()
        return datetime.fromtimestamp(control.now - control.recovery_point_seconds, UTC)

    def status(instance: DBInstance) -> str:
        control = clock.read()
        if not instance.__dict__.get("cloned"):
            return str(instance.__dict__.get("kept_status", "available"))
        young = clock.age(instance.instance_create_time) < control.clone_seconds
        return "creating" if young else control.clone_outcome

    def keep_status(instance: DBInstance, given: str) -> None:
        instance.__dict__["kept_status"] = given

    restore = RDSBackend.restore_db_instance_to_point_in_time

    def clone(backend: RDSBackend, source: str, target: str, overrides: dict[str, object]) -> DBInstance:
        made = restore(backend, source, target, overrides)
        made.__dict__["cloned"] = True
        return made

    replace(DBInstance, "status", property(status, keep_status))
    replace(DBInstance, "latest_restorable_time", property(restorable_until))
    replace(RDSBackend, "restore_db_instance_to_point_in_time", clone)


def _ignore(_thing: object, _value: str) -> None:
    """Moto sets the final status at creation."""


def main(control: Path, say: Callable[[str], None]) -> None:
    """Serves until killed."""
    import moto.core.utils as stamps

    clock = LaunchClock(control)
    # Before any backend is imported: each of them binds these names at import.
    replace(stamps, "utcnow", clock.utcnow)
    replace(stamps, "unix_time", clock.unix_time)
    _supply_what_moto_leaves_out(clock)
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        """One log line per request would be most of what this process does."""

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Says nothing."""

    app = failing(DomainDispatcherApplication(create_backend_app), clock)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    say(f"{server.server_port}\n")
    server.serve_forever()


def _say(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), _say)
