"""Grafana: whether dashboards show data, and periods of watching marked on them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import ClassVar, assert_never
from urllib.parse import urlencode

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, PrivateAttr, RootModel, SecretStr

from blocks.endpoint import Endpoint
from blocks.payloads import Payload
from launch.effects.base import Effect
from launch.effects.observability import MarkPeriod
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.observability import Dashboards, WatchPeriod
from launch.readings import Reading, quantities

_POINTS = 100


class _Org(Payload):
    name: str


class _Found(Payload):
    uid: str
    title: str


class _Search(RootModel[list[_Found]]):
    """Dashboards that a search found."""


class _Panel(Payload):
    title: str = ""
    datasource: JsonValue = None
    targets: list[dict[str, JsonValue]] = Field(default_factory=list)
    panels: list[_Panel] = Field(default_factory=list, description="A collapsed row holds its panels itself.")


class _Model(Payload):
    panels: list[_Panel] = Field(default_factory=list)


class _Dashboard(Payload):
    dashboard: _Model


class _FrameData(Payload):
    values: list[list[JsonValue]] = Field(default_factory=list)


class _Frame(Payload):
    data: _FrameData = _FrameData()


class _Result(Payload):
    frames: list[_Frame] = Field(default_factory=list)


class _Results(Payload):
    results: dict[str, _Result]


class _Annotation(Payload):
    id: int
    time: int
    timeEnd: int  # noqa: N815 - Grafana's spelling
    tags: list[str]


class _Annotations(RootModel[list[_Annotation]]):
    """Annotations that overlap a window."""


class GrafanaDashboards(Block):
    """A Grafana server."""

    _block_type_name = "Grafana Dashboards"
    _block_type_slug = "grafana"
    _description = (
        "Dashboards and annotations: https://grafana.com/docs/grafana/latest/developers/http_api/. The service account "
        "needs the rights dashboards:read, datasources:query, annotations:read, annotations:create, annotations:write."
    )
    _documentation_url = HttpUrl("https://grafana.com/docs/grafana/latest/developers/http_api/")
    needs: ClassVar[str] = "dashboards:read, datasources:query, annotations:read, create and write"

    answers: ClassVar[tuple[type[Probe], ...]] = (Dashboards, WatchPeriod)
    effects: ClassVar[tuple[type[Effect], ...]] = (MarkPeriod,)

    url: str = Field(description="Address of the server, without `/api`.")
    token: SecretStr = Field(description="Token of a service account.")
    timeout_seconds: float = Field(default=15.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that the token is taken, and dashboards and annotations may be read. Raises `SystemFaultError`."""
        name = self._api.ask(_Org, "GET", "/api/org", question="whose token this is").name
        self._api.ask(_Search, "GET", "/api/search", question="one dashboard", params={"limit": 1})
        self._api.ask(_Annotations, "GET", "/api/annotations", question="one annotation", params={"limit": 1})
        return f'Grafana shows "{name}" its dashboards and annotations'

    def answer(self, probe: Dashboards | WatchPeriod, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case Dashboards():
                return self._dashboards(probe, occasion)
            case WatchPeriod():
                return self._watch(probe, occasion)
            case _:
                assert_never(probe)

    def observe(self, effect: MarkPeriod, occasion: Occasion) -> Observation:
        """HOLDS once this launch has marked its period. Raises `SystemFaultError`."""
        mine = self._marked([effect.tag, _launch_tag(occasion)], occasion.t0, occasion.now)
        detail = f'period "{effect.tag}" is marked' if mine else f'no period "{effect.tag}" is marked'
        return Observation(standing=Standing.HOLDS if mine else Standing.ABSENT, detail=detail)

    def apply(self, effect: MarkPeriod, occasion: Occasion) -> None:
        """Marks the period. Raises `SystemFaultError`."""
        tags: list[JsonValue] = [effect.tag, _launch_tag(occasion)]
        self._api.send(
            "POST",
            "/api/annotations",
            question=f'marking the period "{effect.tag}"',
            json={
                "time": _milliseconds(occasion.now),
                "timeEnd": _milliseconds(occasion.now + effect.lasts),
                "tags": tags,
                "text": effect.text,
            },
        )

    def observe_restored(self, effect: MarkPeriod, before: State, occasion: Occasion) -> Observation:
        """HOLDS when no period of this launch runs any more, whatever stood `before`. Raises `SystemFaultError`."""
        running = self._running(effect, occasion)
        detail = f"{len(running)} of this launch's periods still run"
        return Observation(standing=Standing.ABSENT if running else Standing.HOLDS, state=before, detail=detail)

    def restore(self, effect: MarkPeriod, before: State, occasion: Occasion) -> None:  # noqa: ARG002 - the port's verb
        """Ends this launch's periods now; they stay visible as they were. Raises `SystemFaultError`."""
        for note in self._running(effect, occasion):
            self._api.send(
                "PATCH",
                f"/api/annotations/{note.id}",
                question=f'ending the period "{effect.tag}"',
                json={"timeEnd": _milliseconds(occasion.now)},
            )

    def _dashboards(self, probe: Dashboards, occasion: Occasion) -> Reading:
        found = self._api.ask(
            _Search, "GET", "/api/search", question=f'dashboards tagged "{probe.tag}"', params={"tag": probe.tag}
        ).root
        titles = {dashboard.title for dashboard in found}
        missing = [title for title in probe.titles if title not in titles]
        panels = [(one.title, panel) for one in found for panel in self._panels(one)]
        empty = [f"{title}/{panel.title}" for title, panel in panels if not self._shows_data(panel, probe, occasion)]
        told = f"missing: {', '.join(missing) or 'none'}; without data: {', '.join(empty) or 'none'}"
        return Reading(
            values=quantities("", dashboards_missing=len(missing), panels_without_data=len(empty) if panels else None),
            where=f'dashboards tagged "{probe.tag}" in Grafana',
            at=occasion.now,
            evidence=told[:256],
        )

    def _panels(self, dashboard: _Found) -> Iterator[_Panel]:
        """Panels that ask a data source for something."""
        answer = self._api.ask(
            _Dashboard, "GET", f"/api/dashboards/uid/{dashboard.uid}", question=f'dashboard "{dashboard.title}"'
        )
        for panel in answer.dashboard.panels:
            yield from (inner for inner in (panel, *panel.panels) if inner.targets)

    def _shows_data(self, panel: _Panel, probe: Dashboards, occasion: Occasion) -> bool:
        queries: list[JsonValue] = [
            {"datasource": panel.datasource, "intervalMs": 15_000, "maxDataPoints": _POINTS} | target
            for target in panel.targets
        ]
        answer = self._api.ask(
            _Results,
            "POST",
            "/api/ds/query",
            question=f'the data of panel "{panel.title}"',
            json={
                "queries": queries,
                "from": str(_milliseconds(occasion.now - probe.window)),
                "to": str(_milliseconds(occasion.now)),
            },
        )
        # The first column of a frame is time; a panel that only knows moments shows nothing.
        columns = [
            column for one in answer.results.values() for frame in one.frames for column in frame.data.values[1:]
        ]
        return any(value is not None for column in columns for value in column)

    def _watch(self, probe: WatchPeriod, occasion: Occasion) -> Reading:
        now = _milliseconds(occasion.now)
        running = [
            note for note in self._marked([probe.tag], occasion.now, occasion.now) if note.time <= now < note.timeEnd
        ]
        longest = max((note.timeEnd - note.time for note in running), default=None)
        return Reading(
            values=quantities("", sprint_running=bool(running))
            | quantities("h", sprint_duration=None if longest is None else longest / 3_600_000),
            where=f'annotations tagged "{probe.tag}" in Grafana',
            at=occasion.now,
            evidence=f"{len(running)} marked period(s) cover this moment",
        )

    def _running(self, effect: MarkPeriod, occasion: Occasion) -> list[_Annotation]:
        marked = self._marked([effect.tag, _launch_tag(occasion)], occasion.now, occasion.now)
        return [note for note in marked if note.timeEnd > _milliseconds(occasion.now)]

    def _marked(self, tags: list[str], start: datetime, end: datetime) -> list[_Annotation]:
        first = min(start, end)
        query = [("type", "annotation"), ("from", str(_milliseconds(first))), ("to", str(_milliseconds(end)))]
        path = f"/api/annotations?{urlencode([*query, *(('tags', tag) for tag in tags)])}"
        return self._api.ask(_Annotations, "GET", path, question=f'periods tagged "{tags[0]}"').root

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"}
            self._endpoint = Endpoint(
                "Grafana", self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs
            )
        return self._endpoint


def _launch_tag(occasion: Occasion) -> str:
    return f"launch:{occasion.launch}"


def _milliseconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1000)
