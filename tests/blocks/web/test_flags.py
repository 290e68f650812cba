"""Flag states read from LaunchDarkly's JSON, and set by semantic patches."""

from collections.abc import Iterator

import pytest
from pydantic import JsonValue

from blocks.flags import FeatureFlags
from launch.effects.web import SetFlag
from launch.errors import PermanentFaultError
from launch.ports import Standing
from launch.probes.web_edges import FlagSegment, FlagStates
from tests.fakes.web_world import WebWorld, told

_PILOTS = tuple(f"pilot-{number}" for number in range(1, 6))


@pytest.fixture
def web() -> Iterator[WebWorld]:
    """A world of this test's own: patches stay."""
    with WebWorld().served() as world:
        yield world


def _states(web: WebWorld) -> dict[str, object]:
    flags = {"approvals": "cockpit-approvals", "beta": "gen-reports-beta", "audit": "audit-mode"}
    return dict(told(web.block(FeatureFlags).answer(FlagStates(ask="flag-states", of="f", flags=flags), web.occasion)))


def _set(web: WebWorld, flag: str, state: str) -> SetFlag:
    effect = SetFlag.model_validate({"do": "set-flag", "on": "f", "flag": flag, "state": state})
    web.block(FeatureFlags).apply(effect, web.occasion)
    return effect


def test_the_three_flags_of_the_eve(web: WebWorld) -> None:
    assert _states(web) == {"approvals": "pilot-only", "beta": "off", "audit": "on"}


@pytest.mark.parametrize("state", ["on", "off", "pilot-only"])
@pytest.mark.parametrize("flag", ["cockpit-approvals", "gen-reports-beta", "audit-mode"])
def test_every_state_can_be_set_and_put_back(web: WebWorld, flag: str, state: str) -> None:
    block = web.block(FeatureFlags)
    effect = SetFlag.model_validate({"do": "set-flag", "on": "f", "flag": flag, "state": state})
    before = block.observe(effect, web.occasion)
    block.apply(effect, web.occasion)
    assert block.observe(effect, web.occasion).standing is Standing.HOLDS
    block.restore(effect, before.state, web.occasion)
    assert block.observe_restored(effect, before.state, web.occasion).standing is Standing.HOLDS


def test_a_patch_without_effect_is_seen(web: WebWorld) -> None:
    web.world.set("flags.obeys", False)
    effect = _set(web, "gen-reports-beta", "on")
    assert web.block(FeatureFlags).observe(effect, web.occasion).standing is Standing.ABSENT


@pytest.mark.parametrize(("left_out", "enabled"), [(0, 5), (2, 3), (5, 0)])
def test_only_tenants_in_the_segment_count(web: WebWorld, left_out: int, enabled: int) -> None:
    web.world.set("flags.pilots-left-out", left_out)
    probe = FlagSegment(ask="flag-segment", of="f", flag="cockpit-approvals", tenants=_PILOTS)
    assert told(web.block(FeatureFlags).answer(probe, web.occasion)) == {"tenants_enabled": enabled}


@pytest.mark.parametrize(("state", "enabled"), [("on", 5), ("off", 0)])
def test_a_flag_on_for_all_is_on_for_them_and_one_that_is_off_for_nobody(
    web: WebWorld, state: str, enabled: int
) -> None:
    web.world.set("flags.pilots-left-out", 5)
    _set(web, "cockpit-approvals", state)
    probe = FlagSegment(ask="flag-segment", of="f", flag="cockpit-approvals", tenants=_PILOTS)
    assert told(web.block(FeatureFlags).answer(probe, web.occasion)) == {"tenants_enabled": enabled}


def test_a_flag_with_other_rules_is_mixed_and_counts_for_nobody(web: WebWorld) -> None:
    clause: JsonValue = {"attribute": "email", "op": "endsWith", "values": ["@x"], "negate": False}
    flag = web.parts[4]._flags["gen-reports-beta"]  # type: ignore[attr-defined]
    flag.on, flag.rules = True, [{"clauses": [clause], "variation": 0}]
    assert _states(web)["beta"] == "mixed"
    probe = FlagSegment(ask="flag-segment", of="f", flag="gen-reports-beta", tenants=_PILOTS)
    assert web.block(FeatureFlags).answer(probe, web.occasion).values == {}


def test_an_unknown_flag_and_an_unknown_environment_are_permanent(web: WebWorld) -> None:
    probe = FlagStates(ask="flag-states", of="f", flags={"x": "no-such-flag"})
    with pytest.raises(PermanentFaultError, match="404"):
        web.block(FeatureFlags).answer(probe, web.occasion)
    known = FlagStates(ask="flag-states", of="f", flags={"x": "audit-mode"})
    with pytest.raises(PermanentFaultError, match="no such environment"):
        web.block(FeatureFlags, environment="moon").answer(known, web.occasion)
