"""What the sandbox's AWS account holds, and what happens in it day by day before and after T0."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from pydantic import JsonValue

from sandbox.world import World

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient

EXPORTS, UPLOADS, STATIC = "teei-csr-exports", "teei-csr-uploads", "teei-static"
AUDIT, BACKUPS, EVIDENCE = "teei-audit-log", "teei-backups", "teei-launch-evidence"
COCKPIT = "https://cockpit.teei.io"
DATABASE_PASSWORD = "teei/production/db-password"
SECRETS = tuple(f"teei/production/{name}" for name in ("jwt-signing-key", "redis-password", "queue-password"))
PREVIOUS_ASSETS, RELEASE_ASSETS = "v2.4.9", "v2.5.0"
STORAGE_GB = 100
_AUDITED = ("admin-actions", "exports", "dsar")
_LONG_AGO = timedelta(days=90)
_NIGHTLY_BEFORE_T0 = timedelta(hours=5)


@dataclass(frozen=True)
class Event:
    """Something that happens in the account at a moment of the launch clock."""

    at: datetime
    happen: Callable[[], object]


class Account:
    """Creates the account's contents. `push` carries out a change that a knob asks for, stamped with its moment."""

    instance = "teei-production"

    def __init__(self, world: World, push: Callable[[Event], None]) -> None:
        self._world = world
        self._push = push
        self.distribution = ""

    def define(self) -> None:
        """Adds the knobs of the account's contents."""
        for name, default, what, change in (
            ("aws.exports-retention-days", 90, "lifecycle expiration of the exports bucket", self._set_lifecycle),
            ("aws.uploads-scanned", True, "whether new uploads carry a clean malware-scan tag", self._upload),
            ("aws.audit-retention-years", 7, "object lock retention of the audit bucket", self._lock_audit),
            ("aws.disk-free-percent", 68, "free storage of the database instance", self._measure_storage),
            ("aws.hardcoded-secrets", 0, "findings in the secret scanner's report", self._scan_for_secrets),
            ("aws.rotation-days", 60, "rotation policy of every secret", self._set_rotation),
            ("aws.restore-minutes", 42, "recovery time measured by the restore rehearsal", self._record_restore),
            ("aws.restore-loss-minutes", 3, "data loss measured by the restore rehearsal", self._record_restore),
            ("aws.revert-test", "passed", "outcome of the migrate, revert and validate rehearsal", self._record_revert),
        ):
            self._world.define(name, default, what, setter=partial(self._now, change))
        define = self._world.define
        define("aws.nightly-dumps", True, "whether the nightly dumps are made", setter=self._stop_dumps)
        lost = "whether a file of the release is lost from the static bucket"
        define("aws.static-lost", False, lost, setter=partial(self._now, self._lose_asset))
        for name, what in (
            ("aws.db-password-rotated", "the database password"),
            ("aws.secrets-rotated", "the secrets"),
        ):
            secrets = (DATABASE_PASSWORD,) if "password" in name else SECRETS
            define(name, True, f"whether {what} were rotated two days before T0", partial(self._rotated, secrets))

    def connect(self, access: Mapping[str, str]) -> None:
        """Makes the clients. `access` are keyword arguments of `boto3.client`."""
        quick = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1})
        self._s3: S3Client = boto3.client("s3", config=quick, **access)  # type: ignore[call-overload]
        self._secrets: SecretsManagerClient = boto3.client("secretsmanager", config=quick, **access)  # type: ignore[call-overload]
        self._rds = boto3.client("rds", config=quick, **access)  # type: ignore[call-overload]
        self._cloudfront = boto3.client("cloudfront", config=quick, **access)  # type: ignore[call-overload]
        self._cloudwatch = boto3.client("cloudwatch", config=quick, **access)  # type: ignore[call-overload]

    def events(self) -> list[Event]:
        """Everything from the account's creation to a week after T0, in order."""
        t0, hour, day = self._world.t0, timedelta(hours=1), timedelta(days=1)
        planned = [
            Event(t0 - _LONG_AGO, self._create),
            Event(t0 - 6 * day - hour, self._record_restore),
            Event(t0 - 3 * day - hour, self._record_revert),
            Event(t0 - 2 * day, partial(self._rotate, (DATABASE_PASSWORD, *SECRETS))),
        ]
        nights = (t0 - _NIGHTLY_BEFORE_T0 + night * day for night in range(-7, 9))
        return sorted(
            [*planned, *(Event(night, partial(self._night, night)) for night in nights)], key=lambda event: event.at
        )

    def _now(self, change: Callable[[], object], _value: JsonValue) -> None:
        self._push(Event(self._world.now(), change))

    def _number(self, knob: str) -> int:
        return int(str(self._world.get(knob)))

    def _create(self) -> None:
        for bucket in (EXPORTS, UPLOADS, STATIC, AUDIT, BACKUPS, EVIDENCE):
            self._s3.create_bucket(
                Bucket=bucket,
                ObjectLockEnabledForBucket=bucket == AUDIT,
                CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
            )
        for bucket in (EXPORTS, UPLOADS):
            rule = {"AllowedOrigins": [COCKPIT], "AllowedMethods": ["GET", "PUT"], "MaxAgeSeconds": 3600}
            self._s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})  # type: ignore[list-item]
        self._set_lifecycle()
        self._lock_audit()
        self._upload()
        for name, body, kind in assets(PREVIOUS_ASSETS):
            self._s3.put_object(Bucket=STATIC, Key=f"{PREVIOUS_ASSETS}/{name}", Body=body, ContentType=kind)
        for secret in (DATABASE_PASSWORD, *SECRETS):
            self._secrets.create_secret(Name=secret, SecretString="long ago")
        self._set_rotation()
        self._rds.create_db_instance(
            DBInstanceIdentifier=self.instance,
            DBInstanceClass="db.m6g.large",
            Engine="postgres",
            AllocatedStorage=STORAGE_GB,
            MasterUsername="teei",
            MasterUserPassword="sandbox-only",
        )
        self._measure_storage()
        made = self._cloudfront.create_distribution(DistributionConfig=_distribution())
        self.distribution = made["Distribution"]["Id"]

    def _measure_storage(self) -> None:
        """Free storage, hour by hour over the whole launch: the clock may jump past any single moment."""
        free, hour = self._number("aws.disk-free-percent") * STORAGE_GB * 2**30 // 100, timedelta(hours=1)
        points = [
            {
                "MetricName": "FreeStorageSpace",
                "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": self.instance}],
                "Timestamp": self._world.t0 + number * hour,
                "Value": free,
                "Unit": "Bytes",
            }
            for number in range(-9 * 24, 9 * 24)
        ]
        self._cloudwatch.put_metric_data(Namespace="AWS/RDS", MetricData=points)

    def _set_lifecycle(self) -> None:
        for bucket, days in ((EXPORTS, self._number("aws.exports-retention-days")), (UPLOADS, 365)):
            expire = {"ID": "expire", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": days}}
            self._s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [expire]})  # type: ignore[list-item]

    def _lock_audit(self) -> None:
        keep = {"Mode": "COMPLIANCE", "Years": self._number("aws.audit-retention-years")}
        self._s3.put_object_lock_configuration(
            Bucket=AUDIT,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": keep}},  # type: ignore[typeddict-item]
        )

    def _upload(self) -> None:
        """A tenant's upload; GuardDuty Malware Protection for S3 tags what it has scanned."""
        scanned = "&GuardDutyMalwareScanStatus=NO_THREATS_FOUND" if self._world.get("aws.uploads-scanned") else ""
        self._s3.put_object(
            Bucket=UPLOADS, Key="tenant-1/volunteers.csv", Body=b"id\n1\n", Tagging=f"tenant=1{scanned}"
        )

    def _rotate(self, secrets: tuple[str, ...]) -> None:
        for secret in secrets:
            knob = "aws.db-password-rotated" if secret == DATABASE_PASSWORD else "aws.secrets-rotated"
            if self._world.get(knob):
                self._secrets.put_secret_value(SecretId=secret, SecretString=f"since {self._world.t0.date()}")

    def _rotated(self, secrets: tuple[str, ...], value: JsonValue) -> None:
        """The rotation of the launch week happened, or the secrets are as old as before it."""
        age = timedelta(days=2) if value else timedelta(days=40)
        self._push(Event(self._world.t0 - age, partial(self._recreate, secrets)))

    def _recreate(self, secrets: tuple[str, ...]) -> None:
        for secret in secrets:
            self._secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
            self._secrets.create_secret(Name=secret, SecretString="renewed")
        self._set_rotation()

    def _set_rotation(self) -> None:
        days = self._number("aws.rotation-days")
        for secret in (DATABASE_PASSWORD, *SECRETS):
            self._secrets.rotate_secret(SecretId=secret, RotationRules={"AutomaticallyAfterDays": days})

    def _night(self, night: datetime) -> None:
        """What every night leaves: audit records, a database dump, the secret scanner's report."""
        day = night.date().isoformat()
        for stream in _AUDITED:
            self._s3.put_object(Bucket=AUDIT, Key=f"{stream}/{day}.jsonl", Body=b'{"event": "nightly"}\n')
        if self._world.get("aws.nightly-dumps"):
            self._dump()
        self._scan_for_secrets()

    def _stop_dumps(self, value: JsonValue) -> None:
        """The nightly dumps ended three days ago, or go on."""
        age = timedelta(0) if value else timedelta(days=3)
        self._push(Event(self._world.now() - age, self._dump))

    def _dump(self) -> None:
        self._s3.put_object(Bucket=BACKUPS, Key="nightly/latest.dump", Body=b"PGDMP" + bytes(4096))

    def _lose_asset(self) -> None:
        """Takes the release's style sheet away, or puts it back where the release was published."""
        name, body, kind = assets(RELEASE_ASSETS)[-1]
        key = f"{RELEASE_ASSETS}/{name}"
        if self._world.get("aws.static-lost"):
            self._s3.delete_object(Bucket=STATIC, Key=key)
        elif self._s3.list_objects_v2(Bucket=STATIC, Prefix=f"{RELEASE_ASSETS}/")["KeyCount"]:
            self._s3.put_object(Bucket=STATIC, Key=key, Body=body, ContentType=kind)

    def _evidence(self, key: str, document: JsonValue) -> None:
        self._s3.put_object(
            Bucket=EVIDENCE, Key=key, Body=json.dumps(document).encode(), ContentType="application/json"
        )

    def _scan_for_secrets(self) -> None:
        """A gitleaks report is a list with one object per finding."""
        found: list[JsonValue] = [
            {"RuleID": "generic-api-key", "File": "deploy/values.yaml", "StartLine": line, "Secret": "REDACTED"}
            for line in range(self._number("aws.hardcoded-secrets"))
        ]
        self._evidence("security/gitleaks.json", found)

    def _record_restore(self) -> None:
        minutes, loss = self._number("aws.restore-minutes"), self._number("aws.restore-loss-minutes")
        record: JsonValue = {
            "source": self.instance,
            "target": "staging",
            "rto_seconds": minutes * 60,
            "rpo_seconds": loss * 60,
        }
        self._evidence("rehearsals/restore.json", record)

    def _record_revert(self) -> None:
        passed = self._world.get("aws.revert-test") == "passed"
        record: JsonValue = {
            "applied": True,
            "reverted": passed,
            "schema_equal": passed,
            "orphan_rows": 0 if passed else 3,
        }
        self._evidence("rehearsals/revert.json", record)


def assets(version: str) -> tuple[tuple[str, bytes, str], ...]:
    """Name, content and content type of each file of a front-end build."""
    page = f'<!doctype html><title>Cockpit {version}</title><script src="/assets/app.js"></script>\n'
    return (
        ("index.html", page.encode(), "text/html"),
        ("assets/app.js", f'console.log("{version}");\n'.encode(), "text/javascript"),
        ("assets/app.css", b"body { margin: 0 }\n", "text/css"),
    )


def _distribution() -> dict[str, object]:
    origin = {
        "Id": "static",
        "DomainName": f"{STATIC}.s3.eu-west-1.amazonaws.com",
        "OriginPath": f"/{PREVIOUS_ASSETS}",
        "CustomHeaders": {"Quantity": 1, "Items": [{"HeaderName": "X-Origin-Verify", "HeaderValue": "sandbox"}]},
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    return {
        "CallerReference": "teei-cockpit",
        "Comment": "cockpit.teei.io",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {
            "TargetOriginId": "static",
            "ViewerProtocolPolicy": "redirect-to-https",
            "MinTTL": 0,
            "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
        },
    }
