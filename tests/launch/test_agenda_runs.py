"""Whole launches of random plans in random worlds, whole and killed anywhere: what always holds, whatever happens."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch import acts
from launch.agenda import moment_of
from launch.errors import RefusedError
from launch.events import (
    CheckJudged,
    Decision,
    EffectBegun,
    EffectFinished,
    EffectResult,
    GateDecided,
    GateOpened,
    GuardState,
    Outcome,
)
from launch.plan import Action, Plan
from launch.rollback import production_changed
from launch.state import LaunchState
from launch.verdicts import Verdict
from tests.fakes import plans
from tests.fakes.agenda_player import LAUNCH, Player, crashed_at
from tests.fakes.agenda_world import Act, Manner, Vote, World
from tests.fakes.examples import times
from tests.fakes.plans import T0

MINUTE = timedelta(minutes=1)
SOON = timedelta(seconds=20)

manners = st.builds(
    Manner,
    takes=st.sampled_from([timedelta(0), timedelta(0), timedelta(seconds=25), 4 * MINUTE]),
    fails=st.sampled_from([0, 0, 0, 0, 0, 1, 3]),
    held=st.integers(0, 9).map(lambda draw: draw == 0),
)
verdicts = st.sampled_from([Verdict.PASS] * 6 + [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR])


@dataclass(frozen=True)
class Story:
    """A plan and what happens to it. `world()` is a fresh world each time it is told."""

    plan: Plan
    manners: dict[str, Manner]
    verdicts: dict[str, list[Verdict]]
    votes: dict[str, list[Vote]]
    fires: datetime | None
    acts: tuple[tuple[datetime, Act], ...]

    def world(self) -> World:
        return World(
            manners={name: replace(manner) for name, manner in self.manners.items()},
            verdicts=dict(self.verdicts),
            votes=dict(self.votes),
            guards=self._guard,
            acts=list(self.acts),
        )

    def player(self) -> Player:
        return Player(self.plan, self.world())

    def _guard(self, _guard: str, now: datetime) -> GuardState:
        return GuardState.FIRING if self.fires is not None and now >= self.fires else GuardState.CLEAR


def act(do: Callable[..., object], **fields: Any) -> Act:
    """What a person does; where the rules refuse it, nothing happens."""

    def acting(player: Player) -> None:
        try:
            do(player.ledger, LAUNCH, person="ana", at=player.now, wall=player.now, **fields)
        except RefusedError:
            return

    return acting


@st.composite
def actions(draw: st.DrawFn) -> list[plans.Item]:
    """Up to six actions of three phases; each waits for some of those that are planned before it."""
    found: list[plans.Item] = []
    minutes = sorted(draw(st.lists(st.integers(1, 58), max_size=4)), reverse=True)
    offsets = [("hardening", "T-3d")] * draw(st.integers(0, 1))
    offsets += [("countdown", f"T-{minute}m") for minute in minutes]
    offsets += [("watch", "T+5m")] * draw(st.integers(0, 1))
    for place, (phase, offset) in enumerate(offsets):
        before = [str(one["id"]) for one in found]
        after = draw(st.lists(st.sampled_from(before), unique=True, max_size=2)) if before else []
        role = draw(st.sampled_from(["changes", "changes", "prepares"])) if phase == "countdown" else "prepares"
        undo = {"how": "restore", "on_no_go": draw(st.booleans())}
        attempts = draw(st.integers(1, 2))
        found.append(
            plans.action(f"a{place}", offset, phase=phase, role=role, after=after, undo=undo, attempts=attempts),
        )
    return found


@st.composite
def checks(draw: st.DrawFn, acted: list[plans.Item]) -> list[plans.Item]:
    """Up to three checks, of each mode, some of them on an action."""
    found: list[plans.Item] = []
    for place in range(draw(st.integers(0, 3))):
        phase, offset = draw(st.sampled_from([("hardening", "T-2d"), ("countdown", "T-45m"), ("countdown", "T-3m")]))
        near = [str(one["id"]) for one in acted if one["phase"] == phase]
        on = draw(st.sampled_from([None, *near]))
        mode = draw(st.sampled_from(["automated", "automated", "attested", "both"]))
        found.append(plans.check(f"c{place}", offset, phase=phase, mode=mode, action=on, blocking=draw(st.booleans())))
    return found


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A launch that may fail, be held, slip, be refused or be taken back."""
    acted = draw(actions())
    asked = draw(checks(acted))
    gates = [
        plans.gate(f"g{minute}", f"T-{minute}m", window="10m")
        for minute in sorted(draw(st.sets(st.sampled_from([40, 20]))), reverse=True)
    ]
    automatic = {"id": "t", "tier": "immediate", "condition": "errors", "guards": ["errors"], "automatic": True}
    plan = plans.plan(
        actions=acted,
        checks=asked,
        gates=gates,
        guards=[plans.guard("errors", watched=[{"start": "T0", "end": "T+1h", "every": "5m"}])],
        triggers=[automatic],
        checkpoints=[{"id": "hour", "offset": "T+1h", "title": "One hour"}],
    )
    names = [str(one["id"]) for one in acted]
    acting: list[tuple[datetime, Act]] = []
    if draw(st.integers(0, 2)) == 0:
        placed = T0 - draw(st.integers(1, 70)) * MINUTE
        acting.append((placed, act(acts.hold, reason="wait")))
        acting.append((placed + draw(st.integers(1, 40)) * MINUTE, act(acts.lift)))
    if draw(st.integers(0, 2)) == 0:
        moved = T0 + draw(st.integers(1, 180)) * MINUTE
        acting.append((T0 - draw(st.integers(1, 90)) * MINUTE, act(acts.slip, t0=moved, reason="fog")))
    return Story(
        plan=plan,
        manners={name: draw(manners) for one in names for name in (one, f"undo-{one}")},
        verdicts={str(one["id"]): [draw(verdicts)] for one in asked},
        votes={str(gate["id"]): draw(ballots()) for gate in gates},
        fires=draw(st.sampled_from([None, None, T0 + 33 * MINUTE])),
        acts=tuple(sorted(acting, key=lambda one: one[0])),
    )


@st.composite
def ballots(draw: st.DrawFn) -> list[Vote]:
    captain = draw(st.sampled_from(["GO"] * 8 + ["NO-GO", "ABSTAIN"]))
    sre = draw(st.sampled_from(["GO"] * 5 + ["NO-GO"]))
    late = st.sampled_from([timedelta(0), 3 * MINUTE])
    votes = [Vote("ana", "captain", captain, "so", draw(late)), Vote("ben", "sre", sre, "so", draw(late))]
    return votes if draw(st.integers(0, 9)) else votes[:1]


# --- what always holds ------------------------------------------------------------------------------------------------


def histories(player: Player):
    """Each record with the state before it."""
    state = LaunchState()
    for record in player.records:
        yield state, record
        state.apply(record)


def assert_sound(player: Player) -> None:
    """Nothing too early, nothing twice, nothing past a gate or a hold, however the launch went."""
    plan, forward = player.plan, {one.id: one for one in player.plan.actions}
    for state, record in histories(player):
        match record.event:
            case EffectBegun(action=name, attempt=attempt):
                effect = state.effect(name)
                assert not effect.done
                assert not effect.under_way
                assert attempt == effect.attempt + 1
                if name in forward:
                    assert attempt <= forward[name].attempts
                    assert_may_begin(plan, state, forward[name], record.at)
            case EffectFinished(action=name, result=EffectResult.APPLIED | EffectResult.FAILED):
                assert state.effect(name).under_way
            case CheckJudged(check=name):
                asked = next(one for one in plan.checks if one.id == name)
                slipped = state.t0 != state.planned_t0
                assert state.check(name).asked <= plan.recheck.times + slipped
                assert asked.offset is not None
                assert record.at >= moment_of(state, asked.offset)
                assert_gates_passed(plan, state, asked.phase, asked.offset)
                assert asked.action is None or state.effect(asked.action).done
            case GateOpened():
                assert state.hold is None
            case GateDecided(gate=name, decision=Decision.GO):
                assert {one.decision for one in state.gate(name).ballots.values()} >= {Decision.GO}
            case _:
                pass


def assert_may_begin(plan: Plan, state: LaunchState, action: Action, now: datetime) -> None:
    assert state.hold is None
    assert state.rollback is None
    assert action.offset is not None
    assert now >= moment_of(state, action.offset)
    assert all(state.effect(one).done for one in action.after)
    assert_gates_passed(plan, state, action.phase, action.offset)


def assert_gates_passed(plan: Plan, state: LaunchState, phase: str, offset: timedelta) -> None:
    before = [one for one in plan.gates if one.phase == phase and one.offset is not None and one.offset < offset]
    assert all(state.gate(one.id).decision is Decision.GO for one in before)


@times(10)
@given(stories())
def test_every_launch_ends_and_is_sound_on_the_way(story: Story) -> None:
    player = story.player().play()
    state = player.state
    assert_sound(player)
    if state.outcome is Outcome.LIVE:
        assert state.live_at is not None
        assert state.t0 is not None
        assert state.live_at >= state.t0
        changes = {one.id for one in story.plan.actions if one.role == "changes"}
        assert changes <= player.held()
        assert all(gate.decision is Decision.GO for gate in state.gates.values())
        assert set(state.checkpoints) == {"hour"}
    if state.outcome is Outcome.NO_GO:
        assert not production_changed(story.plan, state)
        assert state.live_at is None
    if state.outcome in {Outcome.ROLLED_BACK, Outcome.PARTIAL}:
        touched = {one.id for one in story.plan.actions if state.effect(one.id).touched}
        undone = {one for one in touched if state.effect(f"undo-{one}").done}
        assert (state.outcome is Outcome.ROLLED_BACK) == (undone == touched)


def assert_same_end(player: Player, whole: Player) -> None:
    assert_sound(player)
    assert player.state.outcome is whole.state.outcome
    assert player.held() == whole.held()
    assert sorted(name for name, _ in player.world.applied) == sorted(name for name, _ in whole.world.applied)
    assert {name: gate.decision for name, gate in player.state.gates.items()} == {
        name: gate.decision for name, gate in whole.state.gates.items()
    }


@times(5)
@given(stories(), st.data())
def test_a_launch_killed_anywhere_comes_to_the_same_end(story: Story, data: st.DataObject) -> None:
    whole = story.player().play()
    point = data.draw(st.integers(1, whole.done))
    assert_same_end(crashed_at(point, story.player, data.draw(st.sampled_from([timedelta(0), SOON]))), whole)


# --- one launch, killed at every point --------------------------------------------------------------------------------


def rich(fires: datetime | None = None, captain: str = "GO") -> Story:
    """Everything once: slow and failing effects, a gate, a check on an action, a hold, a checkpoint."""
    automatic = {"id": "t", "tier": "immediate", "condition": "errors", "guards": ["errors"], "automatic": True}
    no_go = {"how": "restore", "on_no_go": True}
    plan = plans.plan(
        checks=[
            plans.check("disk"),
            plans.check("briefed", mode="attested"),
            plans.check("up", "T-20m", phase="countdown", action="deploy"),
        ],
        actions=[
            plans.action("queue", "T-2d", phase="hardening", role="prepares", undo=no_go),
            plans.action("deploy"),
            plans.action("migrate", "T-25m", after=["deploy"]),
            plans.telling("tell", "T-5m", after=["migrate"]),
        ],
        gates=[plans.gate("go")],
        guards=[plans.guard("errors")],
        triggers=[automatic],
        checkpoints=[{"id": "hour", "offset": "T+1h", "title": "One hour"}],
    )
    slow = Manner(takes=MINUTE)
    return Story(
        plan=plan,
        manners={"deploy": slow, "migrate": Manner(fails=1), "undo-deploy": slow, "undo-queue": slow},
        verdicts={},
        votes={"go": [Vote("ana", "captain", captain, "so", MINUTE), Vote("ben", "sre")]},
        fires=fires,
        acts=((T0 - 28 * MINUTE, act(acts.hold, reason="wait")), (T0 - 22 * MINUTE, act(acts.lift))),
    )


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (rich(), Outcome.LIVE),
        (rich(fires=T0 + 10 * MINUTE), Outcome.ROLLED_BACK),
        (rich(captain="NO-GO"), Outcome.NO_GO),
    ],
    ids=["live", "rolled-back", "no-go"],
)
@pytest.mark.parametrize("pause", [timedelta(0), SOON], ids=["at once", "20 s later"])
def test_killed_after_any_event_and_any_apply_it_goes_on_to_the_same_end(
    story: Story,
    outcome: Outcome,
    pause: timedelta,
) -> None:
    whole = story.player().play()
    assert whole.state.outcome is outcome
    for point in range(1, whole.done + 1):
        assert_same_end(crashed_at(point, story.player, pause), whole)
