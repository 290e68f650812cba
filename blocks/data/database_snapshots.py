"""Snapshots, point-in-time clones and free storage of one RDS instance."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl

from blocks.data.aws_access import AwsAccess, asking, missing
from blocks.data.cloning import InstanceKeeper, clone_name, moment_of, not_restorable, seen_clone
from launch.effects.data import CloneDatabase, TakeSnapshot
from launch.errors import SystemFaultError
from launch.ports import Observation, Occasion, Standing
from launch.probes.base import Probe
from launch.probes.stores import FreeStorage, InstanceProbe, LaunchSnapshot, RecoveryPoint
from launch.readings import Reading, quantities

if TYPE_CHECKING:
    from types_boto3_rds import RDSClient
    from types_boto3_rds.type_defs import DBInstanceTypeDef, DBSnapshotTypeDef, TagTypeDef

_DELETE_AFTER = "delete-after"
_WINDOW, _PERIOD_SECONDS = timedelta(hours=2), 300
_GB = 2**30
_ENDED = {"available": Standing.HOLDS, "failed": Standing.FAILED}
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html; `incompatible-…` beside these
_DEAD = {"failed", "restore-error", "storage-full", "inaccessible-encryption-credentials", "deleting", "stopped"}
_LONGEST_NAME = 63


class DatabaseSnapshots(InstanceKeeper, AwsAccess, Block):
    """One database instance of Amazon RDS."""

    _block_type_name = "Database Snapshots"
    _block_type_slug = "database-snapshots"
    _description = "Amazon RDS: snapshots and clones of one instance, and its free storage from CloudWatch."
    _documentation_url = HttpUrl("https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/")
    needs: ClassVar[str] = (
        "`rds:CreateDBSnapshot`, `rds:RestoreDBInstanceToPointInTime`, `rds:AddTagsToResource`, `rds:Describe*`, "
        "`cloudwatch:GetMetricStatistics`"
    )

    answers: ClassVar[tuple[type[Probe], ...]] = (FreeStorage, LaunchSnapshot, RecoveryPoint)

    instance: str = Field(description="Identifier of the database instance.")

    def check(self) -> str:
        """Proves that the instance exists and may be described. Raises `SystemFaultError`."""
        return f"instance {self.instance} has {self._allocated_gb()} GB of storage"

    def answer(self, probe: InstanceProbe, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case FreeStorage():
                return self._free(occasion)
            case LaunchSnapshot():
                return self._snapshot_reading(occasion)
            case RecoveryPoint():
                return self._recovery_point(occasion)
            case _:
                assert_never(probe)

    def snapshot_seen(self, occasion: Occasion) -> Observation:
        found = self._snapshot(occasion)
        if found is None:
            return Observation(standing=Standing.ABSENT, detail=f"there is no snapshot {self._name(occasion)}")
        status = found.get("Status", "unknown")
        return Observation(
            standing=_ENDED.get(status, Standing.UNDER_WAY),
            state={"snapshot": self._name(occasion)},
            detail=f"snapshot {self._name(occasion)} is {status}, {found.get('AllocatedStorage', 0)} GB",
            progress=found.get("PercentProgress", 0) / 100,
        )

    def take_snapshot(self, effect: TakeSnapshot, occasion: Occasion) -> None:
        until = (occasion.now + timedelta(days=effect.keep_days)).isoformat()
        tags = [{"Key": _DELETE_AFTER, "Value": until}, {"Key": "launch", "Value": occasion.launch}]
        try:
            with asking("RDS", f"snapshot {self.instance}"):
                self._rds.create_db_snapshot(
                    DBInstanceIdentifier=self.instance,
                    DBSnapshotIdentifier=self._name(occasion),
                    Tags=tags,  # type: ignore[arg-type]
                )
        except SystemFaultError as error:
            if not error.answer.startswith("DBSnapshotAlreadyExists"):
                raise

    def clone_seen(self, effect: CloneDatabase) -> Observation:
        name = clone_name(self.instance, moment_of(effect, "RDS"), longest=_LONGEST_NAME)
        try:
            found = self._described(name)
        except SystemFaultError as error:
            if missing(error):
                return Observation(standing=Standing.ABSENT, detail=f"there is no clone {name}")
            raise
        status, endpoint = found.get("DBInstanceStatus", "unknown"), found.get("Endpoint", {})
        standing = Standing.HOLDS if status == "available" else Standing.UNDER_WAY
        if status in _DEAD or status.startswith("incompatible-"):
            standing = Standing.FAILED
        return seen_clone(name, status, standing, address=endpoint.get("Address", ""), port=endpoint.get("Port", 0))

    def start_clone(self, effect: CloneDatabase, occasion: Occasion) -> None:
        moment, source = moment_of(effect, "RDS"), self._described()
        if fault := not_restorable("RDS", moment, source.get("LatestRestorableTime")):
            raise fault
        tags: list[TagTypeDef] = [{"Key": "launch", "Value": occasion.launch}]
        try:
            with asking("RDS", f"clone {self.instance} as of {moment.isoformat()}"):
                self._rds.restore_db_instance_to_point_in_time(
                    SourceDBInstanceIdentifier=self.instance,
                    TargetDBInstanceIdentifier=clone_name(self.instance, moment, longest=_LONGEST_NAME),
                    RestoreTime=moment,
                    Tags=tags,
                    **_settings(source),
                )
        except SystemFaultError as error:
            if not error.answer.startswith("DBInstanceAlreadyExists"):
                raise

    @property
    def _rds(self) -> RDSClient:
        client: RDSClient = self.client("rds")
        return client

    def _name(self, occasion: Occasion) -> str:
        """RDS takes letters, digits and single hyphens, at most 255."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.instance}-{occasion.launch}".lower()).strip("-")[:255]

    def _snapshot(self, occasion: Occasion) -> DBSnapshotTypeDef | None:
        try:
            with asking("RDS", f"describe snapshot {self._name(occasion)}"):
                found = self._rds.describe_db_snapshots(DBSnapshotIdentifier=self._name(occasion))["DBSnapshots"]
        except SystemFaultError as error:
            if missing(error):
                return None
            raise
        return found[0] if found else None

    def _snapshot_reading(self, occasion: Occasion) -> Reading:
        where, found = f"RDS snapshot {self._name(occasion)}", self._snapshot(occasion)
        if found is None:
            return Reading(values={}, where=where, at=occasion.now, evidence="there is no such snapshot")
        return Reading(
            values={
                **quantities(snapshot_status=found.get("Status")),
                **quantities("GB", snapshot_size=found.get("AllocatedStorage")),
                **quantities("days", snapshot_retention=_retention_days(found)),
            },
            where=where,
            at=occasion.now,
        )

    def _described(self, name: str = "") -> DBInstanceTypeDef:
        name = name or self.instance
        with asking("RDS", f"describe instance {name}"):
            return self._rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]

    def _allocated_gb(self) -> int:
        return self._described()["AllocatedStorage"]

    def _recovery_point(self, occasion: Occasion) -> Reading:
        newest = self._described().get("LatestRestorableTime")
        age = (occasion.now - newest).total_seconds() if newest is not None else None
        return Reading(
            values=quantities("s", recovery_point_age=age),
            where=f"point-in-time recovery of RDS instance {self.instance}",
            at=occasion.now,
            evidence=f"restorable up to {newest.isoformat()}" if newest is not None else "no automated backups",
        )

    def _free(self, occasion: Occasion) -> Reading:
        cloudwatch: Any = self.client("cloudwatch")
        with asking("CloudWatch", f"free storage of {self.instance}"):
            points = cloudwatch.get_metric_statistics(
                Namespace="AWS/RDS",
                MetricName="FreeStorageSpace",
                Dimensions=[{"Name": "DBInstanceIdentifier", "Value": self.instance}],
                StartTime=occasion.now - _WINDOW,
                EndTime=occasion.now,
                Period=_PERIOD_SECONDS,
                Statistics=["Minimum"],
            )["Datapoints"]
        least = min((float(point["Minimum"]) for point in points), default=None)
        share = None if least is None else 100 * least / (self._allocated_gb() * _GB)
        return Reading(
            values=quantities("%", disk_free=share),
            where=f"storage of RDS instance {self.instance}",
            at=occasion.now,
            evidence=f"{len(points)} points in the last {_WINDOW}",
        )


def _settings(source: DBInstanceTypeDef) -> dict[str, Any]:
    """Those that RDS would not take from the source: without them a clone is in the default security group.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceToPointInTime.html
    """
    settings: dict[str, Any] = {
        "DBInstanceClass": source.get("DBInstanceClass"),
        "DBSubnetGroupName": source.get("DBSubnetGroup", {}).get("DBSubnetGroupName"),
        "VpcSecurityGroupIds": [one["VpcSecurityGroupId"] for one in source.get("VpcSecurityGroups", ())],
        "DBParameterGroupName": _first("DBParameterGroupName", source.get("DBParameterGroups")),
        "OptionGroupName": _first("OptionGroupName", source.get("OptionGroupMemberships")),
        "MultiAZ": source.get("MultiAZ"),
        "DeletionProtection": source.get("DeletionProtection"),
        "PubliclyAccessible": source.get("PubliclyAccessible"),
        "EnableIAMDatabaseAuthentication": source.get("IAMDatabaseAuthenticationEnabled"),
    }
    return {name: value for name, value in settings.items() if value not in (None, [])}


def _first(name: str, groups: Sequence[Mapping[str, Any]] | None) -> str | None:
    """Of the default groups RDS takes the one that fits by itself."""
    return next((group[name] for group in groups or () if not group[name].startswith("default")), None)


def _retention_days(found: DBSnapshotTypeDef) -> float | None:
    """From its creation to its tag, in days with one decimal: the two stamps are seconds apart."""
    until = next((tag["Value"] for tag in found.get("TagList", ()) if tag["Key"] == _DELETE_AFTER), None)
    made = found.get("SnapshotCreateTime")
    if until is None or made is None:
        return None
    try:
        kept = datetime.fromisoformat(until).astimezone(UTC) - made
    except ValueError:
        return None
    return round(kept.total_seconds() / 86_400, 1)
