"""The ruling over a step, case by case; and random worlds against an oracle that only knows what was looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch import acts
from launch.errors import RefusedError
from launch.events import (
    AnyEvent,
    CheckJudged,
    Decision,
    EffectBegun,
    EffectFinished,
    EffectResult,
    ExposureHeld,
    ExposureReleased,
    ExposureSeen,
    GateDecided,
    GateOpened,
    GuardChanged,
    GuardState,
    HoldPlaced,
    Outcome,
    StepAdvanced,
    StepSampled,
    WentLive,
)
from launch.exposure import StepRuling, begun_at, rule, seen
from launch.plan import Plan, RolloutStep
from launch.ports import Observation, Standing
from launch.state import LaunchState
from launch.status import status
from launch.verdicts import Verdict
from tests.fakes import plans, rollouts
from tests.fakes.agenda_player import LAUNCH, Player, play
from tests.fakes.agenda_world import Vote, World
from tests.fakes.examples import times
from tests.fakes.plans import T0

MINUTE = timedelta(minutes=1)
DONE = EffectFinished(action="s1", attempt=1, result=EffectResult.APPLIED)
RIGHT = ExposureSeen(step=1, percent=10, holds=True)
WRONG = ExposureSeen(step=1, percent=12, holds=False, detail="12 % are exposed, not 10 %")
CLEAN = StepSampled(step=1, clean=True)
UNCLEAN = StepSampled(step=1, clean=False)
Story = Sequence[tuple[int, AnyEvent]]


def guard(state: GuardState) -> GuardChanged:
    return GuardChanged(guard="errors", state=state)


def opened(minute: int) -> tuple[int, AnyEvent]:
    deadline = T0 + (minute + 15) * MINUTE
    return minute, GateOpened(gate="ask", opening=1, plan_hash="", evidence_hash="", deadline=deadline)


def decided(minute: int, decision: Decision) -> tuple[int, AnyEvent]:
    return minute, GateDecided(gate="ask", opening=1, decision=decision, reason="so")


FINE: Story = [(0, DONE), (0, guard(GuardState.CLEAR)), (0, RIGHT), (1, CLEAN), (2, CLEAN)]


def one_step(*, later: str = "T0", **more: Any) -> Plan:
    """A step of 10 % at T0, held 10 min to 30 min, 2 clean samples; and one of 100 % from `later` on."""
    first = rollouts.step(1, 10, "T0", "10m", maximum_hold="30m", **more)
    return rollouts.rollout(
        "flag-percentage",
        [first, rollouts.step(2, 100, later, "1m")],
        checks=[plans.check("fast", None, phase="watch")],
        gates=[plans.gate("ask", None, phase="watch", criteria=[])],
    )


def ruled(plan: Plan, story: Story, minute: int) -> StepRuling:
    """The ruling `minute` minutes after T0, when these events happened so many minutes after it."""
    player = Player(plan)
    for at, event in sorted(story, key=lambda one: one[0]):
        player.now = T0 + at * MINUTE
        player.write(event)
    return rule(plan, player.state, plan.rollout.steps[0], T0 + minute * MINUTE)


# --- what lets a step go, and what keeps it ---------------------------------------------------------------------------


def test_it_advances_after_its_hold_with_clean_samples_in_a_row_and_not_before() -> None:
    assert ruled(one_step(), FINE, 10).advance
    assert not ruled(one_step(), FINE, 9).advance
    assert ruled(one_step(), FINE, 9).held == ""


KEEPS: list[tuple[str, Story, str]] = [
    ("a guard fires", [*FINE, (3, guard(GuardState.FIRING))], "guard errors is firing"),
    ("a guard is pending", [*FINE, (3, guard(GuardState.PENDING))], "guard errors is pending"),
    ("a guard is silent", [*FINE, (3, guard(GuardState.NO_DATA))], "guard errors is no-data"),
    ("too few samples", FINE[:-1], "fewer than 2 clean samples in a row"),
    ("the newest sample is not clean", [*FINE, (3, UNCLEAN), (4, CLEAN)], "fewer than 2 clean samples in a row"),
    ("it runs otherwise", [*FINE, (3, WRONG)], "what runs is not what the step asks for: 12 % are exposed, not 10 %"),
    ("a person holds the exposure", [*FINE, (3, ExposureHeld(by="ana", reason="x"))], "exposure held by ana: x"),
    ("a person holds the launch", [*FINE, (3, HoldPlaced(by="ana", reason="x"))], "launch held by ana: x"),
]


@pytest.mark.parametrize(("story", "held"), [case[1:] for case in KEEPS], ids=[case[0] for case in KEEPS])
def test_it_stays_and_says_why(story: Story, held: str) -> None:
    ruling = ruled(one_step(), story, 12)
    assert not ruling.advance
    assert not ruling.complete
    assert ruling.held == held


def test_a_guard_that_nobody_evaluated_is_not_clear() -> None:
    assert (
        ruled(one_step(), [one for one in FINE if one[1] != guard(GuardState.CLEAR)], 12).held
        == "guard errors is no-data"
    )


def test_nothing_is_ruled_before_all_its_actions_hold() -> None:
    assert ruled(one_step(), FINE[1:], 12) == StepRuling()


def test_a_check_has_to_pass() -> None:
    failed = CheckJudged(check="fast", verdict=Verdict.FAIL, sentence="")
    passed = CheckJudged(check="fast", verdict=Verdict.PASS, sentence="")
    plan = one_step(checks=["fast"])
    assert ruled(plan, FINE, 12).held == "check fast has not passed"
    assert ruled(plan, [*FINE, (3, failed)], 12).held == "check fast has not passed"
    assert ruled(plan, [*FINE, (3, passed)], 12).advance


def test_drift_ends_the_hold_which_is_counted_anew_with_its_samples() -> None:
    story = [*FINE, (5, WRONG), (8, RIGHT)]
    assert not ruled(one_step(), [*story, (9, CLEAN), (10, CLEAN)], 17).advance
    assert ruled(one_step(), [*story, (9, CLEAN), (10, CLEAN)], 18).advance
    assert not ruled(one_step(), [*story, (9, CLEAN)], 18).advance


def test_it_is_complete_but_not_left_before_the_next_step_may_begin() -> None:
    plan = one_step(later="T+15m")
    assert ruled(plan, FINE, 14).complete
    assert not ruled(plan, FINE, 14).advance
    assert ruled(plan, FINE, 15).advance


# --- people and the longest hold --------------------------------------------------------------------------------------


def test_a_step_that_people_decide_asks_when_all_else_is_done_and_goes_on_their_go_only() -> None:
    plan = one_step(automatic=False, gate="ask")
    assert not ruled(plan, FINE, 9).ask
    assert ruled(plan, FINE, 10).ask
    assert ruled(plan, FINE, 10).held == "waits for gate ask"
    assert not ruled(plan, [*FINE, opened(10)], 11).ask
    assert ruled(plan, [*FINE, opened(10), decided(12, Decision.GO)], 12).advance
    assert ruled(plan, [*FINE, opened(10), decided(12, Decision.HOLD)], 12).ask
    assert not ruled(plan, [*FINE, opened(10), decided(12, Decision.HOLD)], 12).advance
    assert ruled(plan, [*FINE, opened(10), decided(12, Decision.NO_GO)], 12).refused


def test_a_go_rests_on_the_hold_it_was_given_to() -> None:
    story = [*FINE, opened(10), decided(12, Decision.GO), (13, WRONG), (14, RIGHT), (15, CLEAN), (16, CLEAN)]
    ruling = ruled(one_step(automatic=False, gate="ask"), story, 24)
    assert not ruling.advance
    assert ruling.ask


UNWELL: Story = [*FINE, (9, guard(GuardState.NO_DATA)), (9, UNCLEAN)]


def test_at_its_longest_hold_it_stays_and_asks_the_gate_there_is() -> None:
    assert not ruled(one_step(), UNWELL, 30).ask
    assert not ruled(one_step(gate="ask"), UNWELL, 29).ask
    assert ruled(one_step(gate="ask"), UNWELL, 30).ask
    assert ruled(one_step(gate="ask"), UNWELL, 30).roll_back == ""


def test_once_people_were_asked_it_does_not_go_without_them_and_their_go_does_not_make_it_well() -> None:
    well = [(32, guard(GuardState.CLEAR)), (33, CLEAN), (34, CLEAN)]
    plan = one_step(gate="ask")
    assert not ruled(plan, [*UNWELL, opened(30), *well], 35).advance
    assert not ruled(plan, [*UNWELL, opened(30), decided(31, Decision.GO)], 35).advance
    assert ruled(plan, [*UNWELL, opened(30), decided(31, Decision.GO), *well], 35).advance


def test_at_its_longest_hold_it_is_rolled_back_where_the_plan_says_so() -> None:
    plan = one_step(at_maximum="rollback")
    assert ruled(plan, UNWELL, 29).roll_back == ""
    assert ruled(plan, UNWELL, 30).roll_back == "step 1 did not come through within 30m"
    assert ruled(plan, FINE, 30).roll_back == ""


def test_a_pause_by_a_person_is_no_failure() -> None:
    plan = one_step(at_maximum="rollback")
    paused = [*UNWELL, (12, ExposureHeld(by="ana", reason="x"))]
    assert ruled(plan, paused, 90).roll_back == ""
    released = [*paused, (90, ExposureReleased(by="ana"))]
    assert ruled(plan, released, 119).roll_back == ""
    assert ruled(plan, released, 120).roll_back != ""


# --- what is read back ------------------------------------------------------------------------------------------------


def holding(exposure: float | None) -> Observation:
    return Observation(standing=Standing.HOLDS, exposure=exposure)


@pytest.mark.parametrize(
    ("observations", "percent", "holds"),
    [
        ({"s1": holding(10)}, 10, True),
        ({"s1": holding(10.4)}, 10.4, True),
        ({"s1": holding(10.6)}, 10.6, False),
        ({"s1": holding(5)}, 5, False),
        ({"s1": holding(float("nan"))}, None, False),
        ({"s1": holding(None)}, None, True),
        ({"s1": holding(10), "s2": holding(30)}, 30, False),
        ({"s1": Observation(standing=Standing.ABSENT, exposure=10)}, 10, False),
        ({"s1": Observation(standing=Standing.UNDER_WAY)}, None, False),
    ],
)
def test_the_share_read_back_is_right_or_it_is_not(
    observations: Mapping[str, Observation], percent: float | None, *, holds: bool
) -> None:
    plan = one_step()
    found = seen(plan, plan.rollout.steps[0], observations)
    assert found.holds is holds
    assert percent is None or found.percent == percent


def test_where_there_is_a_router_its_weights_decide_and_not_the_share_of_a_cohort() -> None:
    plan = one_step()
    routed = plan.model_copy(update={"rollout": plan.rollout.model_copy(update={"router": "flags"})})
    step = RolloutStep(n=1, percent=10, target="x", actions=("s1",))
    assert seen(routed, step, {"s1": holding(10), "cohort": holding(100)}).holds


# --- played -----------------------------------------------------------------------------------------------------------


def asked_plan(**more: Any) -> Plan:
    first = rollouts.step(1, 10, "T+10m", "10m", automatic=False, gate="ask")
    steps = [first, rollouts.step(2, 100, "T+20m", "5m")]
    return rollouts.rollout(
        "flag-percentage", steps, gates=[plans.gate("ask", None, phase="watch", criteria=[])], **more
    )


def test_a_step_gate_is_asked_voted_on_and_lets_the_step_go() -> None:
    player = play(asked_plan(), World(votes={"ask": [Vote("ana", "captain", after=3 * MINUTE), Vote("ben", "sre")]}))
    assert player.state.outcome is Outcome.LIVE
    assert player.state.gate("ask").opened_at == T0 + 20 * MINUTE
    assert player.state.step(1).advanced_at == T0 + 23 * MINUTE
    assert player.state.step(1).advanced_by == "ask"


def test_a_step_gate_that_says_no_go_takes_the_launch_back() -> None:
    player = play(asked_plan(), World(votes={"ask": [Vote("ana", "captain", "NO-GO", "worse")]}))
    assert player.state.outcome is Outcome.ROLLED_BACK
    assert player.state.rollback is not None
    assert player.state.rollback.trigger == "step-1"
    assert player.begins() == ["s1", "undo-s1"]


def test_a_step_gate_that_nobody_answers_ends_in_hold_and_is_asked_again() -> None:
    gate = plans.gate("ask", None, phase="watch", criteria=[], at_deadline="hold")
    first = rollouts.step(1, 10, "T+10m", "10m", automatic=False, gate="ask")
    plan = rollouts.rollout("flag-percentage", [first, rollouts.step(2, 100, "T+20m", "5m")], gates=[gate])
    player = Player(plan, World(votes={"ask": []})).play(until=T0 + 60 * MINUTE)
    assert player.state.gate("ask").opening == 3
    assert player.state.step(1).advanced_at is None


def test_a_step_past_its_longest_hold_takes_the_launch_back_by_itself() -> None:
    steps = [rollouts.step(1, 10, "T+10m", "10m", maximum_hold="30m", at_maximum="rollback")]
    plan = rollouts.rollout("flag-percentage", steps)
    player = play(plan, World(guards=lambda _guard, _now: GuardState.NO_DATA))
    assert player.state.outcome is Outcome.ROLLED_BACK
    assert player.state.rollback is not None
    assert player.state.rollback.claimed_at == T0 + 40 * MINUTE


def test_a_check_of_a_step_is_asked_while_it_is_held_and_again_until_it_passes() -> None:
    steps = [rollouts.step(1, 100, "T+10m", "10m", checks=["fast"])]
    plan = rollouts.rollout("flag-percentage", steps, checks=[plans.check("fast", None, phase="watch")])
    answers = {"fast": [Verdict.FAIL] * 20 + [Verdict.PASS]}
    player = play(plan, World(verdicts=answers))
    assert player.world.asked == ["fast"] * 21
    assert player.state.step(1).advanced_at == T0 + 30 * MINUTE


def test_the_status_tells_where_the_rollout_is_and_why_it_stays() -> None:
    plan = rollouts.flag_percentage()
    silent = World(guards=lambda _guard, now: GuardState.NO_DATA if now > T0 + 4 * MINUTE else GuardState.CLEAR)
    player = Player(plan, silent).play(until=T0 + 6 * MINUTE)
    line = status(plan, player.state, player.now).step
    assert line is not None
    assert (line.n, line.percent, line.exposure, line.hold_left, line.clean) == (2, 30, 30, 4 * MINUTE, 0)
    assert line.held == ""
    player.play(until=T0 + 11 * MINUTE)
    seen_now = status(plan, player.state, player.now)
    assert seen_now.step is not None
    assert seen_now.step.held == "guard errors is no-data; fewer than 2 clean samples in a row"
    assert f"step 2 (step 2) stays: {seen_now.step.held}" in seen_now.blocks


def test_the_status_shows_a_guards_newest_value_although_it_changed_no_state() -> None:
    player = Player(one_step())
    told = GuardChanged(guard="errors", state=GuardState.CLEAR, value=0.1)
    for minute, event in enumerate([told, RIGHT, StepSampled(step=1, clean=True, values={"errors": 0.4})]):
        player.now = T0 + minute * MINUTE
        player.write(event)
    (line,) = status(player.plan, player.state, player.now).guards
    assert (line.state, line.value) == ("clear", 0.4)
    player.now += MINUTE
    player.write(GuardChanged(guard="errors", state=GuardState.FIRING, value=7.0))
    (line,) = status(player.plan, player.state, player.now).guards
    assert (line.state, line.value) == ("firing", 7.0)


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (plans.plan(), "there is no rollout to hold: the plan's rollout has no step with actions"),
        (rollouts.cut_over(), "a hold needs a reason"),
    ],
)
def test_a_hold_of_the_exposure_is_refused_with_one_sentence(plan: Plan, sentence: str) -> None:
    player = Player(plan)
    with pytest.raises(RefusedError, match=sentence):
        acts.hold_exposure(player.ledger, LAUNCH, person="ana", reason=" ", at=player.now, wall=player.now)
    with pytest.raises(RefusedError, match="the exposure is not held"):
        acts.release_exposure(player.ledger, LAUNCH, person="ana", at=player.now, wall=player.now)


# --- random worlds against an oracle ----------------------------------------------------------------------------------


@dataclass
class Witness:
    """A world drawn minute by minute that remembers what it was asked and what it said."""

    shares: list[float | None]
    guards: list[GuardState]
    reads: list[tuple[datetime, int, bool | None]] = field(default_factory=list)
    samples: dict[datetime, GuardState] = field(default_factory=dict)

    def guard(self, _guard: str, now: datetime) -> GuardState:
        self.samples[now] = self._at(self.guards, now)
        return self.samples[now]

    def exposed(self, step: RolloutStep, now: datetime) -> Mapping[str, Observation] | None:
        drift = self._at(self.shares, now)
        right = None if drift is None else drift == 0
        self.reads.append((now, step.n, right))
        if drift is None or step.percent is None:
            return None
        return {one: Observation(standing=Standing.HOLDS, exposure=step.percent + drift) for one in step.actions}

    def _at(self, values: list[Any], now: datetime) -> Any:
        minute = max(int((now - T0) / MINUTE) + 45, 0)
        return values[min(minute, len(values) - 1)]


spells = st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=12)


@st.composite
def witnesses(draw: st.DrawFn) -> Witness:
    """Mostly well, with spells of drift, of blindness and of guards that are not clear."""
    shares: list[float | None] = []
    guards: list[GuardState] = []
    for minutes, well in draw(spells):
        shares += [0.0 if well else draw(st.sampled_from([0.0, 3.0, -4.0, None]))] * minutes
    for minutes, well in draw(spells):
        guards += [GuardState.CLEAR if well else draw(st.sampled_from(list(GuardState)))] * minutes
    return Witness([*shares, 0.0], [*guards, GuardState.CLEAR])


@times(0.2)
@given(witnesses(), st.sampled_from(["flag-percentage", "blue-green", "mesh-weights"]), st.data())
def test_exposure_never_rises_unless_all_that_was_seen_allows_it(
    witness: Witness, name: str, data: st.DataObject
) -> None:
    plan = rollouts.STRATEGIES[name](every="1m")
    hold = data.draw(st.none() | st.tuples(st.integers(-30, 30), st.integers(1, 40)))
    people = [] if hold is None else held_between(*hold)
    player = Player(plan, World(guards=witness.guard, exposed=witness.exposed, acts=people)).play()
    assert player.state.outcome is Outcome.LIVE
    left: list[int] = []
    paused = False
    for record in player.records:
        paused = isinstance(record.event, ExposureHeld) or (paused and not isinstance(record.event, ExposureReleased))
        if isinstance(record.event, StepAdvanced):
            left.append(record.event.step)
            assert not paused
            assert_allowed(plan.rollout.steps[len(left) - 1], witness, record.at)
        if isinstance(record.event, EffectBegun):
            step = next(one for one in plan.rollout.steps if record.event.action in one.actions)
            assert left == [one.n for one in plan.rollout.steps if one.n < step.n]
            assert not paused
    assert left == [step.n for step in plan.rollout.steps]


def assert_allowed(step: RolloutStep, witness: Witness, now: datetime) -> None:
    """From every look up to now: right for as long as the shortest hold, and the last two samples clear."""
    mine = [(at, right) for at, n, right in witness.reads if n == step.n and at <= now]
    assert step.minimum_hold is not None
    assert mine[-1][1] is True
    assert now - mine[-1][0] < MINUTE
    since = max((at for at, right in mine if right is False), default=datetime.min.replace(tzinfo=T0.tzinfo))
    first = min(at for at, right in mine if right and at > since)
    assert now - first >= step.minimum_hold
    newest = [state for at, state in sorted(witness.samples.items()) if first <= at <= now][-2:]
    assert newest == [GuardState.CLEAR] * 2


def held_between(start: int, minutes: int) -> list[Any]:
    def hold(player: Player) -> None:
        try:
            acts.hold_exposure(player.ledger, LAUNCH, person="ana", reason="wait", at=player.now, wall=player.now)
        except RefusedError:
            return

    def release(player: Player) -> None:
        try:
            acts.release_exposure(player.ledger, LAUNCH, person="ana", at=player.now, wall=player.now)
        except RefusedError:
            return

    return [(T0 + start * MINUTE, hold), (T0 + (start + minutes) * MINUTE, release)]


# --- a product that goes live late -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("live", "done", "expected"),
    [
        (0, 10, 10),
        (10, 10, 10),
        (10, 12, 20),
        (5, 15, 15),
        (5, 4, 15),
    ],
)
def test_a_step_that_was_entered_before_the_product_went_live_is_held_from_then_on(live, done, expected) -> None:
    """StatusBoardV2: its step of T+10m is entered in the countdown, which ends in that moment. It was held unwatched."""
    step = rollouts.step(1, 50, "T+10m", "10m")
    plan = rollouts.rollout("flag-percentage", [step])
    story = sorted([(live, WentLive()), (done, DONE)], key=lambda one: one[0])
    state = LaunchState()
    state.t0 = T0
    for minute, event in story:
        state._take(event, T0 + minute * MINUTE)
    assert begun_at(plan, state, plan.rollout.steps[0]) == T0 + expected * MINUTE
