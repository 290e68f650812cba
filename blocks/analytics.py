"""PostHog: figures of product analytics since the go-live."""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, PrivateAttr, SecretStr

from blocks.endpoint import Endpoint
from blocks.payloads import Payload
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.observability import ProductEvents
from launch.readings import Reading, quantities

_MATH = {"events": "total", "users": "dau", "customers": "unique_group", "mean": "avg"}


class _Project(Payload):
    name: str


class _Result(Payload):
    aggregated_value: float | None = None


class _Results(Payload):
    results: list[_Result]


class PostHogAnalytics(Block):
    """A PostHog project."""

    _block_type_name = "PostHog Analytics"
    _block_type_slug = "posthog"
    _description = "Product analytics by trends: https://posthog.com/docs/api/queries. The key needs `query:read`."
    _documentation_url = HttpUrl("https://posthog.com/docs/api")
    needs: ClassVar[str] = "`query:read`"

    answers: ClassVar[tuple[type[Probe], ...]] = (ProductEvents,)

    url: str = Field(default="https://eu.posthog.com", description="Address of the instance, without `/api`.")
    project: int = Field(description="Number of the project.")
    token: SecretStr = Field(description="Personal API key.")
    customer_group: int = Field(default=0, ge=0, le=4, description="Index of the group type that is a customer.")
    timeout_seconds: float = Field(default=20.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that the project answers and takes the key. Raises `SystemFaultError`."""
        project = self._api.ask(_Project, "GET", f"/api/projects/{self.project}/", question="its name")
        return f'PostHog answers for the project "{project.name}"'

    def answer(self, probe: ProductEvents, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        where = f'events "{probe.event}" in PostHog'
        if occasion.went_live is None:
            return Reading(values={}, where=where, at=occasion.now, evidence="not live yet")
        wanted: dict[str, JsonValue] = {"kind": "EventsNode", "event": probe.event, "math": _MATH[probe.figure]}
        if probe.figure == "customers":
            wanted["math_group_type_index"] = self.customer_group
        if probe.figure == "mean":
            wanted["math_property"] = probe.of_property
        counted: JsonValue = {"kind": "EventsNode", "event": probe.event, "math": "total"}
        answer = self._api.ask(
            _Results,
            "POST",
            f"/api/projects/{self.project}/query/",
            question=where,
            json={
                "refresh": "force_blocking",
                "query": {
                    "kind": "TrendsQuery",
                    "series": [wanted, counted],
                    "dateRange": {
                        "date_from": occasion.went_live.isoformat(),
                        "date_to": occasion.now.isoformat(),
                        "explicitDate": True,
                    },
                    "trendsFilter": {"display": "BoldNumber"},
                },
            },
        )
        value, events = _two(answer)
        # The mean of no events is told as 0, which would look excellent.
        known = None if probe.figure == "mean" and not events else value
        return Reading(
            values=quantities(probe.unit, **{probe.name: known}),
            where=where,
            at=occasion.now,
            evidence=f"{events if events is not None else 'unknown'} events since the go-live",
        )

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"}
            self._endpoint = Endpoint(
                "PostHog", self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs
            )
        return self._endpoint


def _two(answer: _Results) -> tuple[float | None, float | None]:
    """The figure and the number of events; None for what the answer does not carry."""
    if len(answer.results) != 2:
        return None, None
    return answer.results[0].aggregated_value, answer.results[1].aggregated_value
