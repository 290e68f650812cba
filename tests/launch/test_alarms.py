"""What an alarm keeps (exposure that has begun to rise) and what it says to whoever is paged."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from launch import acts
from launch.alarms import alarm_text, exposure_at_stake
from launch.errors import RefusedError
from launch.events import AnyEvent, EffectBegun, LaunchClosed, Outcome, RollbackClaimed, StepAdvanced
from launch.plan import Plan
from launch.status import status
from tests.fakes import plans, rollouts
from tests.fakes.agenda_player import LAUNCH, Player
from tests.fakes.plans import T0

MINUTE = timedelta(minutes=1)
WHAT, DETAIL = "stabilization/process/1", "stabilization is under way and has no process"
CLAIMED = RollbackClaimed(trigger="captain", tier="urgent", by="ana")


def hold(player: Player, what: str = WHAT) -> None:
    acts.hold_unwatched(player.ledger, LAUNCH, what=what, detail=DETAIL, at=player.now, wall=player.now)
    player.refresh()


def alarm(player: Player, what: str = WHAT) -> None:
    acts.raise_alarm(player.ledger, LAUNCH, what=what, detail=DETAIL, at=player.now, wall=player.now)
    player.refresh()


# --- what is held -----------------------------------------------------------------------------------------------------


def begun(name: str) -> EffectBegun:
    return EffectBegun(action=name, attempt=1, key=f"{name}/1")


@pytest.mark.parametrize(
    ("plan", "events", "at_stake"),
    [
        (rollouts.flag_percentage(), [], False),
        (rollouts.flag_percentage(), [begun("s1")], True),
        (rollouts.cut_over(), [begun("s1")], True),
        (rollouts.cut_over(), [begun("s1"), StepAdvanced(step=1, by="conductor", reason="")], False),
        (rollouts.flag_percentage(), [begun("s1"), CLAIMED], False),
        (rollouts.flag_percentage(), [begun("s1"), LaunchClosed(outcome=Outcome.NO_GO)], False),
        (plans.plan(actions=[plans.action("flag")]), [begun("flag")], False),
    ],
    ids=[
        "before the first change",
        "the first step has begun",
        "the only step has begun",
        "every step has advanced",
        "it is taken back",
        "it is over",
        "no step holds the change",
    ],
)
def test_exposure_is_at_stake_once_it_has_begun_to_rise_and_may_rise_further(
    plan: Plan, events: Sequence[AnyEvent], *, at_stake: bool
) -> None:
    player = Player(plan)
    player.write(*events)
    assert exposure_at_stake(plan, player.state) is at_stake
    if at_stake:
        hold(player)
    else:
        with pytest.raises(RefusedError):
            hold(player)


def test_a_run_that_comes_back_measures_and_raises_no_exposure_until_a_person_releases_it() -> None:
    plan = rollouts.flag_percentage()
    player = Player(plan).play(until=T0 + 4 * MINUTE)
    hold(player)
    alarm(player)
    before = player.begins()
    player.play(until=T0 + 45 * MINUTE)
    assert player.begins() == before
    assert player.state.step(2).advanced_at is None
    assert player.state.step(2).samples >= 40
    assert player.state.step(2).held == f"exposure held by watchdog: alarm {WHAT}: {DETAIL}"
    acts.release_exposure(player.ledger, LAUNCH, person="ana", at=player.now, wall=player.now)
    player.refresh()
    assert player.play().state.outcome is Outcome.LIVE


def test_what_a_person_released_is_not_held_again_for_the_same_alarm_but_for_another() -> None:
    player = Player(rollouts.flag_percentage()).play(until=T0 + 4 * MINUTE)
    hold(player)
    alarm(player)
    acts.release_exposure(player.ledger, LAUNCH, person="ana", at=player.now, wall=player.now)
    with pytest.raises(RefusedError, match="a person's to end"):
        hold(player)
    hold(player, "stabilization/process/2")


def test_a_hold_of_a_person_stays_theirs() -> None:
    player = Player(rollouts.flag_percentage()).play(until=T0 + 4 * MINUTE)
    acts.hold_exposure(player.ledger, LAUNCH, person="ana", reason="a doubt", at=player.now, wall=player.now)
    with pytest.raises(RefusedError, match="held already, by ana: a doubt"):
        hold(player)


def test_an_alarm_is_written_once_and_never_after_the_end() -> None:
    player = Player(plans.plan())
    alarm(player)
    with pytest.raises(RefusedError, match="on the ledger already"):
        alarm(player)
    player.write(LaunchClosed(outcome=Outcome.NO_GO))
    with pytest.raises(RefusedError, match="the launch is over"):
        alarm(player, "another")


# --- what is said -----------------------------------------------------------------------------------------------------

FORM = "http://prefect/deployments/deployment/1"
STAYS = "cockpit-1: it stands still. Nothing advances meanwhile; it goes on by itself when a worker is there."
BACK = f"To take it back: tminus rollback cockpit-1 --by YOU --reason WHY, or {FORM}"


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([], STAYS),
        ([begun("flag")], f"{STAYS} {BACK}"),
        (
            [begun("flag"), CLAIMED],
            "cockpit-1: it stands still. The rollback goes on by itself when a worker is there.",
        ),
    ],
    ids=["nothing was changed", "production was changed", "a rollback is under way"],
)
def test_who_is_paged_is_told_what_can_be_done(events: Sequence[AnyEvent], words: str) -> None:
    player = Player(plans.plan(actions=[plans.action("flag")]))
    player.write(*events)
    assert alarm_text(player.plan, player.state, "it stands still", FORM) == words


def test_who_is_paged_is_told_where_exposure_is_held_and_how_it_is_released() -> None:
    player = Player(rollouts.flag_percentage()).play(until=T0 + 4 * MINUTE)
    hold(player)
    text = alarm_text(player.plan, player.state, DETAIL)
    assert "Exposure is held at 30 % by watchdog until a person releases it" in text
    assert "tminus hold --exposure --lift --launch cockpit-1 --by YOU" in text
    assert text.endswith("tminus rollback cockpit-1 --by YOU --reason WHY")


def test_the_status_shows_the_hold_its_reason_the_alarm_and_each_services_exposure() -> None:
    services = [{"id": "api", "version": "v2"}, {"id": "web", "version": "v3"}]
    late = rollouts.entering("T+20m", "deploy-web", service="web")
    plan = rollouts.flag_percentage(services=services, extra=[late])
    player = Player(plan).play(until=T0 + 4 * MINUTE)
    hold(player)
    alarm(player)
    seen = status(plan, player.state, player.now)
    assert seen.exposure_held == f"watchdog: alarm {WHAT}: {DETAIL}"
    assert f"alarm: {WHAT}: {DETAIL}" in seen.blocks
    assert [(one.id, one.version, one.standing, one.exposure) for one in seen.services] == [
        ("api", "v2", "", 30),
        ("web", "v3", "waiting", None),
    ]


def test_the_status_names_the_hold_between_two_steps_as_well() -> None:
    plan = rollouts.flag_percentage()
    player = Player(plan)
    player.write(begun("s1"))
    hold(player)
    assert f"exposure held by watchdog: alarm {WHAT}: {DETAIL}" in status(plan, player.state, player.now).blocks
