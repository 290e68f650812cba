"""Amazon CloudWatch as a source of series and of single values, percentiles among them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from prefect.blocks.core import Block
from pydantic import HttpUrl

from blocks.data.aws_access import AwsAccess, asking
from blocks.metrics.store import MetricStore
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Sample

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef, MetricDataResultTypeDef

_STATISTIC = re.compile(
    r"^(?P<namespace>\S+) (?P<metric>[^\s{]+)\s*(?:\{(?P<dimensions>[^}]*)\})?\s+"
    r"(?P<statistic>SampleCount|Sum|Average|Minimum|Maximum|IQM|p\d{1,2}(?:\.\d+)?|(?:tm|tc|ts|wm|pr|TM|TC|TS|WM|PR)\S+)$"
)
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html
_FINE_PERIODS = (1, 5, 10, 30)
_MINUTE = 60
_EPOCH = datetime.fromtimestamp(0, UTC)


class CloudWatchMetrics(MetricStore, AwsAccess, Block):
    """The CloudWatch metrics of one account and region.

    A query is `NAMESPACE METRIC{Dimension=value, ...} STATISTIC`, for instance
    `AWS/ApplicationELB TargetResponseTime{LoadBalancer=app/shop/1a2b} p95`; anything else is handed on as an expression
    of CloudWatch's own (`SELECT MAX(...) FROM ...`, `SEARCH(...)`). A value counts from the end of its period, when it
    was complete. CloudWatch is a minute or two behind: give a query a `step` of `1m` or more.
    """

    _block_type_name = "CloudWatch Metrics"
    _block_type_slug = "cloudwatch"
    _description = "Time series by GetMetricData, with percentiles."
    _documentation_url = HttpUrl(
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"
    )
    needs: ClassVar[str] = "`cloudwatch:GetMetricData`"

    def check(self) -> str:
        """Proves that the key may read metric data. Raises `SystemFaultError`."""
        with closing(self._client()) as cloudwatch, asking(self.system, "whether metrics may be read"):
            # Of the epoch's first minute there is no data: what is asked is only whether a query is answered.
            cloudwatch.get_metric_data(
                MetricDataQueries=[_query("AWS/EC2 CPUUtilization Average", _MINUTE)],
                StartTime=_EPOCH,
                EndTime=_EPOCH + timedelta(seconds=_MINUTE),
            )["MetricDataResults"]
        return f"CloudWatch answers queries in {self.region}"

    @property
    def system(self) -> str:
        return "CloudWatch"

    def lines(self, query: str, *, start: datetime, end: datetime, step: timedelta) -> Sequence[Sequence[Sample]]:
        """As `MetricStore.lines`, in periods of `step`, rounded up to one that CloudWatch has."""
        period = _period(step)
        length = timedelta(seconds=period)
        question = f"the query {query!r}"
        with closing(self._client()) as cloudwatch, asking(self.system, question):
            pages = cloudwatch.get_paginator("get_metric_data").paginate(
                MetricDataQueries=[_query(query, period)],
                StartTime=start - length,
                EndTime=end,
                ScanBy="TimestampAscending",
            )
            results = [result for page in pages for result in page["MetricDataResults"]]
        return [line for line in self._joined(results, question, start=start, end=end, length=length) if line]

    def _joined(
        self,
        results: Sequence[MetricDataResultTypeDef],
        question: str,
        *,
        start: datetime,
        end: datetime,
        length: timedelta,
    ) -> list[list[Sample]]:
        """One line for each label. Its values may come on several pages; only the last says whether all came."""
        lines: dict[tuple[str, str], list[Sample]] = {}
        statuses: dict[tuple[str, str], str] = {}
        for result in results:
            key = result["Id"], result.get("Label", "")
            statuses[key] = result["StatusCode"]
            samples = (
                Sample(at=at + length, value=value)
                for at, value in zip(result["Timestamps"], result["Values"], strict=True)
            )
            lines.setdefault(key, []).extend(sample for sample in samples if start <= sample.at <= end)
        for status in statuses.values():
            self._refuse(status, question)
        return list(lines.values())

    def _refuse(self, status: str, question: str) -> None:
        """Part of the data is no answer: what is missing may be the breach."""
        match status:
            case "Complete":
                return
            case "Forbidden":
                raise PermanentFaultError(
                    system=self.system,
                    question=question,
                    answer="Forbidden",
                    next_step=f"grant the missing right: {self.needs}",
                )
            case _:
                raise TransientFaultError(
                    system=self.system, question=question, answer=status, next_step="ask again; not all data came"
                )

    def _client(self) -> CloudWatchClient:
        client: CloudWatchClient = self.client("cloudwatch")
        return client


def _query(query: str, period: int) -> MetricDataQueryTypeDef:
    named = _STATISTIC.match(query)
    if named is None:
        return {"Id": "asked", "Expression": query, "Period": period}
    pairs = [pair.partition("=") for pair in (named["dimensions"] or "").split(",") if pair.strip()]
    return {
        "Id": "asked",
        "MetricStat": {
            "Metric": {
                "Namespace": named["namespace"],
                "MetricName": named["metric"],
                "Dimensions": [{"Name": name.strip(), "Value": value.strip()} for name, _, value in pairs],
            },
            "Period": period,
            "Stat": named["statistic"],
        },
    }


def _period(step: timedelta) -> int:
    """Seconds: 1, 5, 10, 30 or whole minutes."""
    seconds = step.total_seconds()
    fine = next((one for one in _FINE_PERIODS if one >= seconds), None)
    return fine or _MINUTE * -(-int(seconds) // _MINUTE)
