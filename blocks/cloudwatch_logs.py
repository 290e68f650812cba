"""Amazon CloudWatch Logs: counts of log lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, ClassVar

from prefect.blocks.core import Block
from pydantic import HttpUrl

from blocks.data.aws_access import AwsAccess, asking
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.observability import LogLines
from launch.readings import Reading, quantities

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient

_MOST_LINES = 10_000
"""More are not counted: whoever asks for none, or for fewer than a few hundred, has the answer."""


class CloudWatchLogs(AwsAccess, Block):
    """The log groups of one account and region.

    A question's `stream` is the name of a log group, `matching` a filter pattern (`?ERROR ?CRITICAL`,
    `{ $.level = "ERROR" }`, `%5\\d\\d%`), `excluding` a regular expression of lines that do not count.
    """

    _block_type_name = "CloudWatch Logs"
    _block_type_slug = "cloudwatch-logs"
    _description = "Counts of log lines by filter patterns."
    _documentation_url = HttpUrl(
        "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html"
    )
    needs: ClassVar[str] = "`logs:DescribeLogGroups`, and `logs:FilterLogEvents` on the groups asked about"

    answers: ClassVar[tuple[type[Probe], ...]] = (LogLines,)

    def check(self) -> str:
        """Proves that the key may list log groups. Raises `SystemFaultError`."""
        with closing(self._client()) as logs, asking("CloudWatch Logs", "which log groups there are"):
            found = logs.describe_log_groups(limit=50)["logGroups"]
        return f"CloudWatch Logs shows {len(found)} log groups in {self.region}"

    def answer(self, probe: LogLines, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        spoken = any(True for _ in self._lines(probe, occasion, ""))
        counted, more = 0, False
        unwanted = re.compile(probe.excluding) if probe.excluding else None
        for line in self._lines(probe, occasion, probe.matching) if spoken else ():
            counted += unwanted is None or unwanted.search(line) is None
            more = counted >= _MOST_LINES
            if more:
                break
        return Reading(
            values=quantities("lines", **{probe.name: counted if spoken else None}),
            where=f"log group {probe.stream} in CloudWatch Logs",
            at=occasion.now,
            evidence=f"{'at least ' if more else ''}{counted} lines of the last {probe.window}"
            if spoken
            else f"not one line in the last {probe.window}",
        )

    def _lines(self, probe: LogLines, occasion: Occasion, pattern: str) -> Iterator[str]:
        """Page by page: a page may be empty and not the last one."""
        start = occasion.now - probe.window
        with closing(self._client()) as logs, asking("CloudWatch Logs", f"lines of {probe.stream}"):
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=probe.stream,
                startTime=int(start.timestamp() * 1000) + 1,
                endTime=int(occasion.now.timestamp() * 1000),
                **({"filterPattern": pattern} if pattern else {"limit": 1}),
            )
            for page in pages:
                for event in page["events"]:
                    yield event["message"]

    def _client(self) -> CloudWatchLogsClient:
        client: CloudWatchLogsClient = self.client("logs")
        return client
