"""Feature flags of Flagsmith, over its Admin API v1 (https://docs.flagsmith.com/clients/rest)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, TypeVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, PrivateAttr, SecretStr, ValidationError

from blocks.endpoint import Endpoint
from blocks.flag_keeping import EVERYBODY, FlagKeeper, Given
from blocks.flagsmith_segments import SPLIT, Override, Segment, Setting, given
from blocks.payloads import Payload
from blocks.wire import answer_fault
from launch.errors import PermanentFaultError

_PAGES = 50
_PAGE_SIZE = 100
_SHARE_SEGMENT = "tminus-share"
_INVALID, _MISSING = 400, 404
_SUCCESS_OR_INVALID = frozenset({*range(200, 300), _INVALID})
_SUCCESS_OR_MISSING = frozenset({*range(200, 300), _MISSING})


class _Environment(Payload):
    id: int
    project: int
    name: str
    versioned: bool = Field(default=False, alias="use_v2_feature_versioning")
    approvals: int | None = Field(default=None, alias="minimum_change_request_approvals")


class _Feature(Payload):
    id: int
    name: str


class _State(Payload):
    id: int
    enabled: bool
    identity: int | None = None
    link: int | None = Field(default=None, alias="feature_segment")


class _Link(Payload):
    id: int
    segment: int
    priority: int = 0


class _Page(Payload):
    next: str | None = None


class _Features(_Page):
    results: tuple[_Feature, ...]


class _States(_Page):
    results: tuple[_State, ...]


class _Links(_Page):
    results: tuple[_Link, ...]


class _Segments(_Page):
    results: tuple[Segment, ...]


class _Shared(Payload):
    """One override as it was recorded."""

    segment: int
    enabled: bool
    share: float | None = None


class _Recorded(Payload):
    enabled: bool
    overrides: tuple[_Shared, ...]
    identities: dict[int, bool] = Field(default_factory=dict)


P = TypeVar("P", _Features, _States, _Links, _Segments)


class Flagsmith(FlagKeeper, Block):
    """Flags of one environment of a Flagsmith project."""

    _block_type_name = "Flagsmith"
    _block_type_slug = "flagsmith"
    _description = "Flags of one environment of a Flagsmith project, read and set over its Admin API."
    _documentation_url = HttpUrl("https://docs.flagsmith.com/clients/rest")
    needs: ClassVar[str] = (
        "`VIEW_PROJECT` and `MANAGE_SEGMENTS` on the project; `VIEW_ENVIRONMENT`, `UPDATE_FEATURE_STATE` and "
        "`MANAGE_SEGMENT_OVERRIDES` in one environment"
    )

    url: str = Field(default="https://api.flagsmith.com", description="Address of the API; before `/api/v1`.")
    token: SecretStr = Field(description="Organisation API key (not an environment's key, which only reads flags).")
    environment: str = Field(description="Client-side key of the environment, as its settings show it.")
    pilot_segment: str = Field(default="pilot-tenants", description="Name of the segment that `pilot-only` serves.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)
    _known: _Environment | None = PrivateAttr(default=None)

    @property
    def named(self) -> str:
        return "Flagsmith"

    def check(self) -> str:
        """Proves that the environment can be read and is of a kind that can be changed. Raises `SystemFaultError`."""
        self._known = None
        environment = self._environment
        if environment.versioned:
            raise self._refused(
                f"environment {environment.name}",
                "it uses feature versioning (v2)",
                "launch in an environment without it: its flags are changed by publishing versions",
            )
        if environment.approvals is not None:
            raise self._refused(
                f"environment {environment.name}",
                "it takes changes by change request only",
                "switch change requests off for the launch, or attest the flag",
            )
        return f"Flagsmith shows environment {environment.name} of project {environment.project}"

    def given(self, flag: str) -> Given:
        """What the flag gives. Segments are asked for only where it has overrides."""
        return given(self._setting(flag))

    def give(self, flag: str, percent: float, cohort: str, *, because: str) -> None:  # noqa: ARG002  it keeps none
        setting = self._setting(flag)
        if cohort == EVERYBODY:
            self._give_everybody(flag, setting, percent)
            return
        if percent not in {0, 100}:
            raise self._refused(
                f"the order to set flag {flag} to {percent:g} % of {cohort}",
                "Flagsmith gives a flag to whole segments",
                f"make a segment of {percent:g} % of {cohort} in Flagsmith, and name it as the cohort",
            )
        segment = self._segment_named(cohort)
        self._override(flag, setting, segment.id, on=percent == 100)
        self._put_shares_last(flag)

    def switch_off(self, flag: str, *, because: str) -> None:  # noqa: ARG002
        setting = self._setting(flag)
        self._turn(setting.default, on=False, now=setting.enabled)
        for override in setting.overrides:
            self._turn(override.state, on=False, now=override.enabled)
        for state, on in setting.identities.items():
            self._turn(state, on=False, now=on)

    def put_back(self, flag: str, record: JsonValue, *, because: str) -> None:  # noqa: ARG002
        try:
            wanted = _Recorded.model_validate(record)
        except ValidationError as error:
            raise self.unreadable(flag) from error
        setting = self._setting(flag)
        if not wanted.enabled:
            self._turn(setting.default, on=False, now=setting.enabled)
        kept = {one.segment for one in wanted.overrides}
        for override in setting.overrides:
            if override.segment.id not in kept:
                self._drop(override)
        for one in wanted.overrides:
            if one.share is not None:
                self._split(one.segment, one.share)
            self._override(flag, setting, one.segment, on=one.enabled)
        self._order(setting.feature, [one.segment for one in wanted.overrides])
        for state, on in setting.identities.items():
            self._turn(state, on=wanted.identities.get(state, on), now=on)
        if wanted.enabled:
            self._turn(setting.default, on=True, now=setting.enabled)

    def members(self, segment: str) -> frozenset[str] | None:
        return self._segment_named(segment).members

    def _give_everybody(self, flag: str, setting: Setting, percent: float) -> None:
        """All and none by the default alone: a split of 0 % still lets one of ten thousand in."""
        if percent in {0, 100}:
            self._turn(setting.default, on=percent == 100, now=setting.enabled)
            for override in setting.share:
                self._drop(override)
            return
        mine, *more = setting.share or (None,)
        segment = mine.segment.id if mine is not None else self._share_segment(setting.feature, flag, percent)
        self._split(segment, percent)
        self._override(flag, setting, segment, on=True)
        for override in more:
            if override is not None:
                self._drop(override)
        self._put_shares_last(flag)
        self._turn(setting.default, on=False, now=setting.enabled)

    def _share_segment(self, feature: int, flag: str, percent: float) -> int:
        """The flag's own segment for shares; kept when no override uses it, so that the same identities come back."""
        name = f"{_SHARE_SEGMENT}-{flag}"
        found = next((one for one in self._segments() if one.name == name and one.feature == feature), None)
        if found is not None:
            return found.id
        body: JsonValue = {
            "project": self._environment.project,
            "name": name,
            "description": "Share of everybody, set by tminus.",
            "feature": feature,
            "rules": _split_rules(percent),
        }
        path = f"projects/{self._environment.project}/segments/"
        return self._ask(Segment, "POST", path, f"a segment for the share of flag {flag}", body).id

    def _split(self, segment: int, percent: float) -> None:
        """Sets the percentage of a segment that is a share of everybody; its id, and so its hash, stays."""
        path, question = f"projects/{self._environment.project}/segments/{segment}/", f"the share of segment {segment}"
        found = self._ask(Segment, "GET", path, question)
        if not found.for_all:
            raise self._refused(question, "it has other conditions now", "put it back by hand in Flagsmith")
        if found.share != percent:
            body: dict[str, JsonValue] = {
                "project": self._environment.project,
                "name": found.name,
                "rules": _split_rules(percent),
            }
            if found.feature is not None:
                body["feature"] = found.feature
            self._ask(Segment, "PUT", path, question, body)

    def _override(self, flag: str, setting: Setting, segment: int, *, on: bool) -> None:
        there = setting.of(segment) or self._new_override(flag, setting.feature, segment, on=on)
        if there is not None:
            self._turn(there.state, on=on, now=there.enabled)

    def _new_override(self, flag: str, feature: int, segment: int, *, on: bool) -> Override | None:
        """None if it was made; the one that somebody else made at the same moment, of which there may not be two."""
        body: JsonValue = {"enabled": on, "feature_segment": {"segment": segment}, "feature_state_value": {}}
        path = f"/api/v1/environments/{self.environment}/features/{feature}/create-segment-override/"
        question = f"an override for segment {segment}"
        response = self._api.send("POST", path, question=question, json=body, ok=_SUCCESS_OR_INVALID)
        if response.status_code != _INVALID:
            return None
        found = self._setting(flag).of(segment)
        if found is None:
            raise answer_fault(response, system=self.named, question=question, needs=self.needs)
        return found

    def _drop(self, override: Override) -> None:
        path = f"/api/v1/features/feature-segments/{override.link}/"
        # One that is not there any more was dropped by somebody else: that is what is wanted.
        self._api.send(
            "DELETE", path, question=f"the override of segment {override.segment.name}", ok=_SUCCESS_OR_MISSING
        )

    def _turn(self, state: int, *, on: bool, now: bool) -> None:
        if on is not now:
            order = f"the order to switch state {state} {'on' if on else 'off'}"
            self._ask(_State, "PATCH", f"features/featurestates/{state}/", order, {"enabled": on})

    def _put_shares_last(self, flag: str) -> None:
        """Before them, a cohort's own setting decides."""
        setting = self._setting(flag)
        ordered = sorted(setting.overrides, key=lambda one: (one.segment.for_all, one.priority))
        self._order(setting.feature, [one.segment.id for one in ordered])

    def _order(self, feature: int, segments: list[int]) -> None:
        links = self._links(feature)
        now = sorted((one for one in links if one.segment in segments), key=lambda one: one.priority)
        if [one.segment for one in now] != segments:
            by_segment = {one.segment: one.id for one in links}
            body: JsonValue = [{"id": by_segment[one], "priority": at} for at, one in enumerate(segments)]
            path = "/api/v1/features/feature-segments/update-priorities/"
            self._api.send("POST", path, question="the order of its overrides", json=body)

    def _setting(self, flag: str) -> Setting:
        environment = self._environment
        params: dict[str, str | int] = {"search": flag, "page_size": _PAGE_SIZE}
        pages = self._pages(_Features, f"projects/{environment.project}/features/", f"flag {flag}", params)
        feature = next((one for page in pages for one in page.results if one.name == flag), None)
        if feature is None:
            raise self._refused(f"flag {flag}", "no such feature", "check its name in the plan and in Flagsmith")
        params = {"environment": environment.id, "feature": feature.id}
        question = f"the state of flag {flag}"
        pages_of_states = self._pages(_States, "features/featurestates/", question, params)
        states = [one for page in pages_of_states for one in page.results]
        default = next((one for one in states if one.link is None and one.identity is None), None)
        if default is None:
            raise self._refused(question, "no default", "check `environment` of the system's block")
        by_link = {one.link: one for one in states if one.link is not None}
        links = [one for one in self._links(feature.id) if one.id in by_link] if by_link else []
        segments = {one.id: one for one in self._segments()} if links else {}
        return Setting(
            feature=feature.id,
            default=default.id,
            enabled=default.enabled,
            overrides=tuple(
                Override(
                    by_link[link.id].id,
                    link.id,
                    link.priority,
                    self._known_segment(segments, link),
                    by_link[link.id].enabled,
                )
                for link in links
            ),
            identities={one.id: one.enabled for one in states if one.identity is not None},
        )

    def _known_segment(self, segments: Mapping[int, Segment], link: _Link) -> Segment:
        """One that the list leaves out (of another kind) is asked for by its id."""
        if link.segment in segments:
            return segments[link.segment]
        path = f"projects/{self._environment.project}/segments/{link.segment}/"
        return self._ask(Segment, "GET", path, f"segment {link.segment}")

    def _links(self, feature: int) -> list[_Link]:
        params = {"environment": self._environment.id, "feature": feature}
        pages = self._pages(_Links, "features/feature-segments/", "its overrides", params)
        return [one for page in pages for one in page.results]

    def _segments(self) -> list[Segment]:
        params: dict[str, str | int] = {"include_feature_specific": "true", "page_size": _PAGE_SIZE}
        pages = self._pages(_Segments, f"projects/{self._environment.project}/segments/", "its segments", params)
        return [one for page in pages for one in page.results]

    def _segment_named(self, name: str) -> Segment:
        for segment in self._segments():
            if segment.name == name:
                return segment
        raise self._refused(
            f"segment {name}",
            "no such segment",
            "create it in Flagsmith, or check its name in the plan and in the block",
        )

    @property
    def _environment(self) -> _Environment:
        if self._known is None:
            path = f"environments/{self.environment}/"
            self._known = self._ask(_Environment, "GET", path, "the environment")
        return self._known

    def _pages(self, shape: type[P], path: str, question: str, params: Mapping[str, str | int]) -> Iterator[P]:
        for number in range(1, _PAGES + 1):
            asked = {**params, "page": number}
            page = self._api.ask(shape, "GET", f"/api/v1/{path}", question=question, params=asked)
            yield page
            if not page.next:
                return

    def _ask(self, shape: type[Q], method: str, path: str, question: str, body: JsonValue = None) -> Q:
        return self._api.ask(shape, method, f"/api/v1/{path}", question=question, json=body)

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            headers = {"Authorization": f"Api-Key {self.token.get_secret_value()}"}
            self._endpoint = Endpoint(
                self.named, self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs
            )
        return self._endpoint

    def _refused(self, question: str, answer: str, next_step: str) -> PermanentFaultError:
        return PermanentFaultError(system=self.named, question=question, answer=answer, next_step=next_step)


Q = TypeVar("Q", _Environment, _State, Segment)


def _split_rules(percent: float) -> JsonValue:
    condition: JsonValue = {"operator": SPLIT, "property": "", "value": f"{percent:g}"}
    within: JsonValue = {"type": "ANY", "rules": [], "conditions": [condition]}
    return [{"type": "ALL", "rules": [within], "conditions": []}]
