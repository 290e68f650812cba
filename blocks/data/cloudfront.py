"""One CloudFront distribution: the prefix it fetches from, and its invalidations."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import Field

from blocks.data.aws_access import AwsAccess, asking
from launch.errors import PermanentFaultError

if TYPE_CHECKING:
    from types_boto3_cloudfront import CloudFrontClient
    from types_boto3_cloudfront.type_defs import DistributionConfigOutputTypeDef, OriginOutputTypeDef

_EVERYTHING = "/*"
_COMPLETED = "completed"


class CloudFrontDistribution(AwsAccess):
    """One distribution; the key needs cloudfront:Get*, List*, UpdateDistribution and CreateInvalidation."""

    region: str = Field(default="us-east-1", description="CloudFront is global; its API is in us-east-1.")
    distribution: str = Field(description="Distribution id.")
    origin: str = Field(default="", description="Id of the origin to switch; empty where there is only one.")

    def check(self) -> str:
        """Raises `SystemFaultError`."""
        return f"CloudFront {self.distribution} fetches from /{self.prefix()}"

    def prefix(self) -> str:
        """Path of the origin without slashes. Raises `SystemFaultError`."""
        return self._origin(self._config()[0])["OriginPath"].strip("/")

    def deployed(self) -> bool:
        """Whether the last change has reached every edge. Raises `SystemFaultError`."""
        with asking(self._system, "its status"):
            return self._client.get_distribution(Id=self.distribution)["Distribution"]["Status"] == "Deployed"

    def set_prefix(self, prefix: str) -> None:
        """Changes the origin's path and nothing else; a change by somebody else in between is a fault, not overwritten.

        Raises `SystemFaultError`.
        """
        config, etag = self._config()
        self._origin(config)["OriginPath"] = f"/{prefix}" if prefix else ""
        with asking(self._system, f"the switch to /{prefix}"):
            self._client.update_distribution(Id=self.distribution, IfMatch=etag, DistributionConfig=config)

    def invalidate(self, reference: str) -> None:
        """Drops everything cached; the same reference is the same invalidation. Raises `SystemFaultError`."""
        batch = {"Paths": {"Quantity": 1, "Items": [_EVERYTHING]}, "CallerReference": reference}
        if self.invalidated(reference) is None:
            with asking(self._system, "the invalidation of everything"):
                self._client.create_invalidation(DistributionId=self.distribution, InvalidationBatch=batch)  # type: ignore[arg-type]

    def invalidated(self, reference: str) -> bool | None:
        """Whether the invalidation is complete; None when this reference has none. Raises `SystemFaultError`."""
        client = self._client
        with asking(self._system, "its invalidations"):
            # A list does not show references; it has the newest first.
            for page in client.get_paginator("list_invalidations").paginate(DistributionId=self.distribution):
                for summary in page["InvalidationList"].get("Items", ()):
                    found = client.get_invalidation(DistributionId=self.distribution, Id=summary["Id"])["Invalidation"]
                    if found["InvalidationBatch"]["CallerReference"] == reference:
                        return found["Status"].lower() == _COMPLETED
        return None

    def last_invalidation(self) -> datetime | None:
        """When the last complete invalidation was begun. Raises `SystemFaultError`."""
        with asking(self._system, "its invalidations"):
            listing = self._client.list_invalidations(DistributionId=self.distribution)["InvalidationList"]
        done = [found["CreateTime"] for found in listing.get("Items", ()) if found["Status"].lower() == _COMPLETED]
        return max(done, default=None)

    @property
    def _system(self) -> str:
        return f"CloudFront {self.distribution}"

    @property
    def _client(self) -> CloudFrontClient:
        client: CloudFrontClient = self.client("cloudfront")
        return client

    def _config(self) -> tuple[DistributionConfigOutputTypeDef, str]:
        with asking(self._system, "its configuration"):
            answer = self._client.get_distribution_config(Id=self.distribution)
        return answer["DistributionConfig"], answer["ETag"]

    def _origin(self, config: DistributionConfigOutputTypeDef) -> OriginOutputTypeDef:
        origins = config["Origins"]["Items"]
        chosen = [origin for origin in origins if self.origin in ("", origin["Id"])]
        if len(chosen) != 1:
            raise PermanentFaultError(
                system=self._system,
                question="its origin",
                answer=f"{len(chosen)} origins that fit",
                next_step="name one of them in `origin` of the block",
            )
        return chosen[0]
