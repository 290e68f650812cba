"""S3: how buckets are set up, what lies in them, and reports that other tools left there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, assert_never

from prefect.blocks.core import Block
from pydantic import HttpUrl, JsonValue, TypeAdapter, ValidationError

from blocks.data.aws_access import AwsAccess, asking, missing
from launch.errors import PermanentFaultError, SystemFaultError
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.stores import BucketRules, ReportValue, StorageProbe, StoredObjects, StoredReport, WormRetention
from launch.readings import Quantity, Reading, Scalar, quantities

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import LifecycleRuleOutputTypeDef, ObjectTypeDef

_CLEAN = ("GuardDutyMalwareScanStatus", "NO_THREATS_FOUND")
_NO_SUCH_SETTING = ("NoSuchCORSConfiguration", "NoSuchLifecycleConfiguration", "ObjectLockConfigurationNotFoundError")
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class ObjectStorage(AwsAccess, Block):
    """The object store of one account and region."""

    _block_type_name = "Object Storage"
    _block_type_slug = "object-storage"
    _description = "Amazon S3: lifecycle, CORS, malware scans, object lock, stored objects and reports."
    _documentation_url = HttpUrl("https://docs.aws.amazon.com/AmazonS3/latest/API/")
    needs: ClassVar[str] = (
        "`s3:ListAllMyBuckets`; `s3:GetBucket*`, `s3:GetLifecycleConfiguration`, `s3:GetObject`, `s3:ListBucket` "
        "on the buckets asked about"
    )

    answers: ClassVar[tuple[type[Probe], ...]] = (BucketRules, WormRetention, StoredObjects, StoredReport)

    def check(self) -> str:
        """Proves that the key may list buckets. Raises `SystemFaultError`."""
        with asking("S3", "list buckets"):
            found = self._s3.list_buckets()["Buckets"]
        return f"S3 shows {len(found)} buckets in {self.region}"

    def answer(self, probe: StorageProbe, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case BucketRules():
                return self._rules(probe, occasion)
            case WormRetention():
                return self._worm(probe, occasion)
            case StoredObjects():
                return self._stored(probe, occasion)
            case StoredReport():
                return self._report(probe, occasion)
            case _:
                assert_never(probe)

    @property
    def _s3(self) -> S3Client:
        client: S3Client = self.client("s3")
        return client

    def _rules(self, probe: BucketRules, occasion: Occasion) -> Reading:
        unscanned = self._unscanned(probe)
        return Reading(
            values={
                **quantities("days", **{f"{probe.named}_retention": self._retention(probe.bucket)}),
                **quantities(**{f"{probe.named}_cors": self._allows(probe.bucket, probe.origin)}),
                **quantities("objects", **{f"{probe.named}_unscanned": unscanned}),
            },
            where=f"bucket {probe.bucket}",
            at=occasion.now,
        )

    def _retention(self, bucket: str) -> int | None:
        """The shortest expiration among rules that cover every object."""
        rules: Sequence[LifecycleRuleOutputTypeDef] = ()
        try:
            with asking("S3", f"lifecycle of {bucket}"):
                rules = self._s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        except PermanentFaultError as error:
            _unless_unset(error)
        days = [
            rule["Expiration"]["Days"]
            for rule in rules
            if rule["Status"] == "Enabled" and "Days" in rule.get("Expiration", {}) and _covers_all(rule)
        ]
        return min(days, default=None)

    def _allows(self, bucket: str, origin: str) -> bool:
        try:
            with asking("S3", f"CORS of {bucket}"):
                rules = self._s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
        except PermanentFaultError as error:
            _unless_unset(error)
            return False
        return any(origin in rule["AllowedOrigins"] and "GET" in rule["AllowedMethods"] for rule in rules)

    def _unscanned(self, probe: BucketRules) -> int | None:
        newest = sorted(self._listing(probe.bucket, ""), key=_changed, reverse=True)[: probe.sample]
        with asking("S3", f"scan tags in {probe.bucket}"):
            tags = [self._s3.get_object_tagging(Bucket=probe.bucket, Key=found["Key"])["TagSet"] for found in newest]
        clean = [any((tag["Key"], tag["Value"]) == _CLEAN for tag in each) for each in tags]
        return clean.count(False) if clean else None

    def _worm(self, probe: WormRetention, occasion: Occasion) -> Reading:
        with asking("S3", f"object lock of {probe.bucket}"):
            lock = self._s3.get_object_lock_configuration(Bucket=probe.bucket)["ObjectLockConfiguration"]
        keep = lock.get("Rule", {}).get("DefaultRetention", {})
        years, days = keep.get("Years") or None, keep.get("Days") or None
        fresh = [
            stream
            for stream in probe.streams
            if any(
                occasion.now - _changed(found) <= probe.within for found in self._listing(probe.bucket, f"{stream}/")
            )
        ]
        kept = quantities("years", audit_retention=years) or quantities("days", audit_retention=days)
        silent = len(probe.streams) - len(fresh)
        return Reading(
            values={**kept, **quantities(lock_mode=keep.get("Mode"), silent_streams=silent)},
            where=f"bucket {probe.bucket}",
            at=occasion.now,
            evidence=f"records within {probe.within}: {', '.join(fresh) or 'none'}"[:256],
        )

    def _stored(self, probe: StoredObjects, occasion: Occasion) -> Reading:
        found = self._listing(probe.bucket, probe.prefix)
        newest = max(map(_changed, found), default=None)
        age = (occasion.now - newest).total_seconds() if newest else None
        return Reading(
            values={
                **quantities("objects", **{f"{probe.named}_count": len(found)}),
                **quantities("bytes", **{f"{probe.named}_size": sum(each["Size"] for each in found)}),
                **quantities("s", **{f"{probe.named}_age": age}),
            },
            where=f"s3://{probe.bucket}/{probe.prefix}",
            at=occasion.now,
        )

    def _report(self, probe: StoredReport, occasion: Occasion) -> Reading:
        where = f"s3://{probe.bucket}/{probe.key}"
        try:
            with asking("S3", f"read {where}"):
                answer = self._s3.get_object(Bucket=probe.bucket, Key=probe.key)
                body = answer["Body"].read()
        except SystemFaultError as error:
            if not missing(error):
                raise
            return Reading(values={}, where=where, at=occasion.now, evidence="there is no such report yet")
        age = occasion.now - answer["LastModified"]
        if age > probe.max_age:
            return Reading(values={}, where=where, at=occasion.now, evidence=f"the report is {age} old")
        document = _document(body, where)
        values = {metric: _pick(document, wanted) for metric, wanted in probe.values.items()}
        return Reading(
            values={name: value for name, value in values.items() if value is not None},
            where=where,
            at=occasion.now,
            evidence=f"the report is {age} old",
        )

    def _listing(self, bucket: str, prefix: str) -> list[ObjectTypeDef]:
        with asking("S3", f"list s3://{bucket}/{prefix}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            return [found for page in pages for found in page.get("Contents", ())]


def _changed(found: ObjectTypeDef) -> datetime:
    return found["LastModified"]


def _unless_unset(error: PermanentFaultError) -> None:
    """A bucket that simply has no such configuration is an answer; every other fault stays one."""
    if not error.answer.startswith(_NO_SUCH_SETTING):
        raise error


def _covers_all(rule: LifecycleRuleOutputTypeDef) -> bool:
    return (
        set(rule.get("Filter", {})) <= {"Prefix"}
        and not rule.get("Filter", {}).get("Prefix")
        and not rule.get("Prefix")
    )


def _document(body: bytes, where: str) -> JsonValue:
    try:
        return _JSON.validate_json(body)
    except ValidationError as error:
        raise PermanentFaultError(
            system="S3",
            question=f"read {where}",
            answer="a report that is no JSON",
            next_step="look at the tool that wrote it",
        ) from error


def _pick(document: JsonValue, wanted: ReportValue) -> Quantity | None:
    found = document
    for key in filter(None, wanted.at.split(".")):
        if not isinstance(found, dict) or key not in found:
            return None
        found = found[key]
    if wanted.count:
        return Quantity(value=len(found), unit=wanted.unit) if isinstance(found, list) else None
    value: Scalar | None = found if isinstance(found, bool | int | float | str) else None
    return None if value is None else Quantity(value=value, unit=wanted.unit)
