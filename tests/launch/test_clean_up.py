"""Actions that take away the way back: only when approved, only while guards are clear, and never after their time."""

from datetime import datetime, timedelta

from launch.events import Decision, GateOpened, GuardState, Outcome
from launch.plan import Plan
from tests.fakes import plans
from tests.fakes.agenda_player import Player, play
from tests.fakes.agenda_world import Vote, World
from tests.fakes.plans import T0

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
DUE = T0 + 3 * DAY


def clean_up(**more: object) -> Plan:
    """Stable is removed at T+3d with approval, while errors are clear."""
    fields = {"approval": "may-clean", "while_clear": ["errors"]} | more
    return plans.plan(
        actions=[plans.action("deploy"), plans.action("remove-stable", "T+3d", phase="review", **fields)],
        gates=[plans.gate("may-clean", None, phase="review", criteria=[], at_deadline="hold")],
        guards=[plans.guard("errors", watched=[])],
    )


def openings(player: Player) -> list[datetime]:
    return [one.at for one in player.records if isinstance(one.event, GateOpened)]


def test_it_asks_when_its_time_has_come_and_goes_on_go() -> None:
    player = play(
        clean_up(), World(votes={"may-clean": [Vote("ana", "captain", after=9 * MINUTE), Vote("ben", "sre")]})
    )
    assert openings(player) == [DUE]
    assert player.begun("remove-stable") == DUE + 9 * MINUTE
    assert player.state.outcome is Outcome.LIVE


def test_no_go_means_never_and_takes_nothing_back() -> None:
    player = play(clean_up(), World(votes={"may-clean": [Vote("ana", "captain", "NO-GO", "not yet")]}))
    assert player.state.gate("may-clean").decision is Decision.NO_GO
    assert player.begins() == ["deploy"]
    assert player.state.outcome is Outcome.LIVE


def test_unanswered_it_is_asked_again_until_its_phase_is_over_and_then_left() -> None:
    plan = clean_up()
    player = play(plan, World(votes={"may-clean": []}))
    assert len(openings(player)) > 100
    assert player.begins() == ["deploy"]
    assert player.state.outcome is Outcome.LIVE


def test_it_does_not_ask_before_its_guards_are_clear() -> None:
    clear_from = DUE + 17 * MINUTE
    world = World(guards=lambda _guard, now: GuardState.CLEAR if now >= clear_from else GuardState.NO_DATA)
    player = play(clean_up(), world)
    assert openings(player) == [clear_from]
    assert player.begun("remove-stable") == clear_from


def test_a_guard_that_fires_after_the_go_still_keeps_it() -> None:
    fires = lambda _guard, now: GuardState.FIRING if DUE < now < DUE + 30 * MINUTE else GuardState.CLEAR  # noqa: E731
    votes = [Vote("ana", "captain", after=9 * MINUTE), Vote("ben", "sre")]
    player = play(clean_up(), World(guards=fires, votes={"may-clean": votes}))
    assert player.begun("remove-stable") == DUE + 30 * MINUTE


def test_never_clear_is_never() -> None:
    player = play(clean_up(approval=None), World(guards=lambda _guard, _now: GuardState.NO_DATA))
    assert player.begins() == ["deploy"]
    assert player.state.outcome is Outcome.LIVE
