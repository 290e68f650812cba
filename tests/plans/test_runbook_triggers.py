"""Every rollback trigger of the five runbooks, set off: its tier, who is asked, for how long, and what becomes of it.

As input: `tests/data/triggers/`, one small plan for each runbook with its triggers, authority, windows and procedures. The
expectations here are the runbooks' own, with the readings that were chosen where they contradict themselves.
"""

from datetime import timedelta

import pytest

from launch import acts
from launch.events import GateOpened, GuardState, Outcome, TriggerPromoted
from launch.plan import Plan
from launch.triggers import decides_alone
from launch.verdicts import Verdict
from tests.fakes.agenda_player import LAUNCH, Player
from tests.fakes.agenda_world import Act, Vote, World
from tests.fakes.plans import T0
from tests.fakes.runbooks import COMMANDER, MINUTE, RUNBOOKS, Told, named, plan_of

FIRES = 10 * MINUTE


CASES = [(runbook, told) for runbook, triggers in RUNBOOKS.items() for told in triggers]
ASKED = [(runbook, told) for runbook, told in CASES if told.who]


def reports(plan: Plan, trigger: str) -> Act:
    """Somebody who may not decide it alone sees it."""
    tier = next(one.tier.value for one in plan.rollback.triggers if one.id == trigger)
    person = next((one.id for one in plan.people if not decides_alone(plan, one.id, tier)), plan.people[0].id)

    def act(player: Player) -> None:
        acts.report_trigger(
            player.ledger,
            LAUNCH,
            trigger=trigger,
            person=person,
            reason="seen",
            at=player.now,
            wall=player.now,
        )

    return act


def seats(plan: Plan, told: Told, decision: str) -> dict[str, list[Vote]]:
    """Everybody who is to be asked says so two minutes later; whoever else sits anywhere says nothing."""
    holder = {role: person.id for person in plan.people for role in person.roles}
    votes: dict[str, list[Vote]] = {gate.id: [] for gate in plan.gates}
    for gate in plan.gates:
        if {seat.role for seat in gate.seats} == set(told.who) and decision:
            votes[gate.id] = [Vote(holder[role], role, decision, "seen", after=2 * MINUTE) for role in told.who]
    return votes


def set_off(runbook: str, told: Told, decision: str = "", *, clears: timedelta = timedelta(days=1)) -> Player:
    """The launch in which this trigger comes true ten minutes after going live, played to its end or for three hours."""
    plan = plan_of(runbook)

    def guards(name: str, now: object) -> GuardState:
        on = name == told.guard and T0 + FIRES <= now < T0 + clears  # type: ignore[operator]
        return GuardState.FIRING if on else GuardState.CLEAR

    world = World(
        guards=guards,
        votes=seats(plan, told, decision),
        acts=[(T0 + FIRES, reports(plan, told.trigger))] if told.guard is None and not told.never else [],
    )
    return Player(plan, world).play(T0 + 180 * MINUTE)


def claimed(player: Player) -> tuple[str, str, str, timedelta] | None:
    back = player.state.rollback
    return (back.trigger, back.tier, back.procedure, back.claimed_at - T0) if back is not None else None


def expected(runbook: str, told: Told, after: timedelta) -> tuple[str, str, str, timedelta]:
    first = plan_of(runbook).rollback.procedures[0].id
    return told.trigger, told.tier, told.procedure or first, FIRES + told.evaluation + after


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_no_trigger_of_a_runbook_is_forgotten(runbook: str) -> None:
    printed = {
        "teei-csr": "p0 error-rate latency feature",
        "statusboard-v2": "perf functional occ postlaunch glitch",
        "production-launch": "major-incident",
        "erpgo": "crash corruption breach degradation functionality error-rate",
        "media-gateway": "imm-errors imm-outage imm-corruption imm-breach imm-p1 urg-errors urg-latency urg-complaints "
        "urg-functionality urg-resources cond-errors cond-latency cond-intermittent cond-feature cond-regression",
    }[runbook]
    ids = [f"trg-{one}" for one in printed.split()]
    assert [one.id for one in plan_of(runbook).rollback.triggers] == ids
    assert list(dict.fromkeys(told.trigger for told in RUNBOOKS[runbook])) == ids


@pytest.mark.parametrize(("runbook", "told"), CASES, ids=named(CASES))
def test_the_decision_to_go_back_is_made_by_whom_and_when_the_runbook_says(runbook: str, told: Told) -> None:
    player = set_off(runbook, told, "NO-GO")
    if told.never:
        assert player.state.rollback is None
        return
    assert claimed(player) == expected(runbook, told, 2 * MINUTE if told.who else timedelta(0))
    left = player.state.rollback.residue if player.state.rollback else ()
    impossible = [one.id for one in plan_of(runbook).actions if one.undo.how == "impossible"]
    assert [line.partition(":")[0] for line in left] == impossible
    assert player.state.outcome is (Outcome.PARTIAL if impossible else Outcome.ROLLED_BACK)


@pytest.mark.parametrize(("runbook", "told"), ASKED, ids=named(ASKED))
def test_the_gate_asks_these_people_for_so_long(runbook: str, told: Told) -> None:
    player = set_off(runbook, told, "GO")
    opened = [record.event.gate for record in player.records if isinstance(record.event, GateOpened)]
    assert len(opened) == 1
    gate = next(one for one in plan_of(runbook).gates if one.id == opened[0])
    assert [(seat.role, seat.count) for seat in gate.seats] == [(role, 1) for role in told.who]
    state = player.state.gate(gate.id)
    assert state.opened_at == T0 + FIRES + told.evaluation
    assert state.deadline is not None
    assert state.deadline - state.opened_at == told.window
    assert player.state.rollback is None


@pytest.mark.parametrize(("runbook", "told"), ASKED, ids=named(ASKED))
def test_silence_at_the_gate_goes_back_or_asks_again(runbook: str, told: Told) -> None:
    player = set_off(runbook, told)
    if runbook == "media-gateway" and told.tier == "conditional":
        # Three people who say nothing hold the launch where it is; undecided for long enough, it is not conditional.
        assert claimed(player) is None
        opened = [record.at for record in player.records if isinstance(record.event, GateOpened)]
        assert len(opened) > 1
    else:
        assert told.window is not None
        assert claimed(player) == expected(runbook, told, told.window)


@pytest.mark.parametrize(
    ("runbook", "told"),
    [case for case in CASES if case[1].evaluation and case[1].guard],
    ids=named([case for case in CASES if case[1].evaluation and case[1].guard]),
)
def test_what_clears_while_it_is_evaluated_is_over(runbook: str, told: Told) -> None:
    player = set_off(runbook, told, "NO-GO", clears=FIRES + told.evaluation - MINUTE)
    assert player.state.rollback is None
    assert told.trigger not in player.state.triggers


# --- Media Gateway's further rules ------------------------------------------------------------------------------------

MEDIA = plan_of("media-gateway")


def test_a_conditional_trigger_that_hits_more_users_is_decided_by_two_and_then_by_one() -> None:
    plan = MEDIA.model_copy(
        update={
            "gates": tuple(
                one.model_copy(update={"window": timedelta(hours=2)}) if one.id == "urgent-decision" else one
                for one in MEDIA.gates
            ),
        },
    )

    def guards(name: str, now: object) -> GuardState:
        return GuardState.FIRING if name == "esc-p3-p2" and now >= T0 + 20 * MINUTE else GuardState.CLEAR  # type: ignore[operator]

    world = World(
        guards=guards,
        votes={gate.id: [] for gate in plan.gates},
        acts=[(T0 + FIRES, reports(plan, "trg-cond-feature"))],
    )
    player = Player(plan, world).play(T0 + 180 * MINUTE)
    promoted = [
        (record.event.tier.value, record.at - T0)
        for record in player.records
        if isinstance(record.event, TriggerPromoted)
    ]
    assert promoted == [("urgent", 20 * MINUTE), ("immediate", 50 * MINUTE)]
    assert claimed(player) == ("trg-cond-feature", "immediate", "quick", 55 * MINUTE)


@pytest.mark.parametrize(
    ("person", "trigger", "alone"),
    [
        ("sid", "trg-imm-breach", True),
        ("cora", "trg-imm-breach", False),
        ("sid", "trg-urg-complaints", False),
        ("cora", "trg-urg-complaints", False),
        ("pia", "trg-cond-feature", False),
    ],
)
def test_only_a_senior_engineer_goes_back_without_asking_anybody(person: str, trigger: str, alone) -> None:
    tier = next(one.tier.value for one in MEDIA.rollback.triggers if one.id == trigger)
    assert decides_alone(MEDIA, person, tier) is alone


def chosen(procedure: str, age: timedelta, world: World) -> Player:
    """A person's own call of a procedure, so long after going live."""
    player = Player(MEDIA, world).play(T0 + MINUTE)
    player.now = T0 + age
    acts.claim_rollback(
        player.ledger,
        LAUNCH,
        trigger="captain",
        tier="immediate",
        by="sid",
        procedure=procedure,
        at=player.now,
        wall=player.now,
    )
    player.refresh()
    return player.play()


HOUR = timedelta(hours=1)
ALL_GO = {
    "restore-database": [Vote("cora", COMMANDER), Vote("pia", "product-owner")],
    "late-rollback": [Vote("cora", COMMANDER)],
}


@pytest.mark.parametrize(
    ("age", "votes", "verdicts", "gates", "left"),
    [
        (HOUR, {}, {}, [], ["migrate"]),
        (30 * HOUR, ALL_GO, {}, ["late-rollback"], ["migrate"]),
        (30 * HOUR, {"late-rollback": []}, {}, ["late-rollback"], ["init-canary", "migrate", "split-100"]),
        (80 * HOUR, ALL_GO, {}, ["late-rollback"], ["migrate"]),
        (80 * HOUR, ALL_GO, {"dbrb-backup-verified": [Verdict.FAIL]}, [], ["init-canary", "migrate", "split-100"]),
    ],
)
def test_the_quick_way_back_ages(age, votes, verdicts, gates, left) -> None:
    player = chosen("quick", age, World(votes=dict(votes), verdicts=dict(verdicts)))
    assert [record.event.gate for record in player.records if isinstance(record.event, GateOpened)] == gates
    assert player.state.rollback is not None
    assert sorted(line.partition(":")[0] for line in player.state.rollback.residue) == left
    assert "qrb-kill-flags" in player.held()


@pytest.mark.parametrize(
    ("votes", "verdicts", "left"),
    [
        (ALL_GO, {}, []),
        ({"restore-database": []}, {}, ["init-canary", "migrate"]),
        (ALL_GO, {"dbrb-restored-data": [Verdict.FAIL]}, ["init-canary", "migrate"]),
        (
            ALL_GO,
            {"dbrb-traffic-stopped": [Verdict.FAIL]},
            ["init-canary", "migrate", "step dbrb-pitr left; dbrb-traffic-stopped did not pass"],
        ),
    ],
)
def test_the_database_way_back_needs_its_checks_and_its_point_of_no_return(votes, verdicts, left) -> None:
    player = chosen("database", HOUR, World(votes=dict(votes), verdicts=dict(verdicts)))
    assert player.state.rollback is not None
    assert sorted(line.partition(":")[0] for line in player.state.rollback.residue) == left
    begun = [name for name in player.begins() if name.startswith("dbrb-")]
    assert begun == sorted(begun, key=[one.id for one in MEDIA.actions].index)
    assert ({"dbrb-connection-strings", "dbrb-previous-version"} <= set(begun)) is (not left)
    assert "dbrb-resume" in begun


def test_the_planned_way_back_goes_down_in_steps_with_a_hold_between_them() -> None:
    told = next(one for one in RUNBOOKS["erpgo"] if one.trigger == "trg-degradation")
    player = set_off("erpgo", told, "NO-GO")
    half, none = player.begun("rb-planned-50"), player.begun("rb-planned-0")
    assert half is not None
    assert none is not None
    assert none - half == 5 * MINUTE
    assert "rb-switch-previous" not in player.begins()


def test_the_emergency_way_back_turns_flags_off_and_leaves_the_artifacts() -> None:
    told = RUNBOOKS["statusboard-v2"][0]
    player = set_off("statusboard-v2", told)
    assert player.begins()[-2:] == ["rb-emergency", "rb-validate"]
    assert player.state.rollback is not None
    assert player.state.rollback.skipped["deploy-production"].residue is False
