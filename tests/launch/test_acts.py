"""What people may do to a launch: each act is taken, or refused with the reason, and never half done."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from launch import acts
from launch.errors import RefusedError
from launch.events import (
    AnyEvent,
    BallotCast,
    EffectBegun,
    GateDecided,
    GateExtended,
    GateOpened,
    HoldPlaced,
    LaunchClosed,
    Outcome,
    RollbackClaimed,
    RollbackEnded,
    TriggerFired,
    WentLive,
)
from launch.ledger import AlreadyOpenError, ConflictError, Record
from launch.plan import Plan
from launch.release import Release
from launch.state import LaunchState
from launch.verdicts import Verdict
from tests.fakes import plans
from tests.fakes.agenda_player import LAUNCH, START, Player
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.plans import T0

DEADLINE = START + timedelta(minutes=15)


def launched(*events: AnyEvent, **parts: Any) -> Player:
    """An open launch in which these things happened."""
    fields: dict[str, Any] = {
        "checks": [plans.check("disk"), plans.check("briefed", mode="attested")],
        "gates": [plans.gate("go", criteria=[])],
    }
    player = Player(plans.plan(**(fields | parts)))
    player.write(*events)
    return player


def do(player: Player, act: Callable[..., object], **fields: Any) -> LaunchState:
    """The state after an act."""
    act(player.ledger, LAUNCH, at=player.now, wall=player.now, **fields)
    player.refresh()
    return player.state


def refused(player: Player, act: Callable[..., object], **fields: Any) -> str:
    """The reason of a refusal, which leaves nothing behind."""
    before = len(player.records)
    with pytest.raises(RefusedError) as caught:
        do(player, act, **fields)
    assert len(player.records) == before
    return str(caught.value)


OVER = (LaunchClosed(outcome=Outcome.LIVE),)

# --- opening ----------------------------------------------------------------------------------------------------------


def opening(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "plan": plans.plan(),
        "plan_hash": "hash",
        "plan_path": "plan.yaml",
        "release": Release(version="v1", services={"api": "v1"}),
        "t0": T0,
        "environment": "sandbox",
        "opened_by": "ana",
        "at": START,
        "wall": START,
    }
    return fields | changes


def test_an_opened_launch_holds_the_plan_it_was_opened_with() -> None:
    ledger = MemoryLedger()
    acts.open_launch(ledger, LAUNCH, **opening())
    assert acts.plan_of(ledger.records(LAUNCH)) == plans.plan()
    assert ledger.open_launch("cockpit") == LAUNCH


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"t0": T0.replace(tzinfo=None)}, "T0 2026-12-07T07:00:00 has no zone"),
        ({"t0": START}, "is in the past; it is now"),
        ({"t0": START - timedelta(seconds=1)}, "is in the past; it is now"),
        (
            {"release": Release(version="v1", services={"apo": "v1"})},
            "names service 'apo', which the plan does not have; it has api, web",
        ),
        ({"environment": "moon"}, "the plan has no environment 'moon'; it has sandbox"),
    ],
)
def test_a_launch_that_cannot_be_opened_leaves_nothing_behind(changes: dict[str, Any], reason: str) -> None:
    ledger = MemoryLedger()
    with pytest.raises(RefusedError, match=reason):
        acts.open_launch(ledger, LAUNCH, **opening(**changes))
    assert ledger.launches() == []


def test_a_product_has_one_open_launch_until_it_is_closed() -> None:
    player = launched()
    with pytest.raises(AlreadyOpenError, match=f"cockpit has an open launch already: {LAUNCH}"):
        acts.open_launch(player.ledger, "cockpit-2", **opening())
    player.write(*OVER)
    acts.open_launch(player.ledger, "cockpit-2", **opening())
    assert player.ledger.open_launch("cockpit") == "cockpit-2"


# --- attestations and waivers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"check": "brief"}, "the plan has no check 'brief'; did you mean 'briefed'?"),
        ({"check": "zzz"}, "the plan has no check 'zzz'"),
        ({"check": "disk"}, "check 'disk' is measured, nobody vouches for it"),
        ({"person": "zoe"}, "'zoe' is nobody of the plan; it has ana, ben, cleo, dan"),
        ({"person": "ben"}, "ben may not vouch for 'briefed'; that takes one of captain"),
        ({"verdict": Verdict.FAIL}, "vouching against 'briefed' needs the evidence in words"),
    ],
)
def test_only_those_who_may_vouch_do(fields: dict[str, Any], reason: str) -> None:
    good = {"check": "briefed", "person": "ana", "verdict": Verdict.PASS, "evidence": " "}
    assert refused(launched(), acts.attest, **(good | fields)).startswith(reason)
    assert do(launched(), acts.attest, **good).check("briefed").attested is Verdict.PASS


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"person": "ben"}, "ben may not waive 'disk'; that takes one of captain"),
        ({"reason": "  "}, "a waiver needs a reason"),
        ({"check": "disc"}, "the plan has no check 'disc'; did you mean 'disk'?"),
        ({"lasting": timedelta(0)}, "a waiver must last some time"),
        ({"lasting": -timedelta(hours=1)}, "a waiver must last some time"),
    ],
)
def test_only_a_signer_waives_with_a_reason_and_for_a_time(fields: dict[str, Any], reason: str) -> None:
    good = {"check": "disk", "person": "ana", "reason": "known", "lasting": timedelta(hours=1)}
    assert refused(launched(), acts.waive, **(good | fields)).startswith(reason)
    assert do(launched(), acts.waive, **good).check("disk").waived_until == START + timedelta(hours=1)


# --- holds and slips --------------------------------------------------------------------------------------------------

HELD = HoldPlaced(by="ana", reason="fog")
LATER = T0 + timedelta(hours=1)


@pytest.mark.parametrize(
    ("events", "act", "fields", "reason"),
    [
        ([], acts.hold, {"person": "zoe", "reason": "fog"}, "'zoe' is nobody of the plan"),
        ([], acts.hold, {"person": "ben", "reason": ""}, "a hold needs a reason"),
        ([HELD], acts.hold, {"person": "ben", "reason": "x"}, "the launch is held already, by ana: fog"),
        ([], acts.lift, {"person": "ana"}, "the launch is not held"),
        ([HELD], acts.lift, {"person": "zoe"}, "'zoe' is nobody of the plan"),
        ([], acts.slip, {"person": "ana", "reason": "", "t0": LATER}, "slipping T0 needs a reason"),
        ([], acts.slip, {"person": "zoe", "reason": "x", "t0": LATER}, "'zoe' is nobody of the plan"),
        ([], acts.slip, {"person": "ana", "reason": "x", "t0": START}, "must have a zone and lie in the future"),
        ([], acts.slip, {"person": "ana", "reason": "x", "t0": LATER.replace(tzinfo=None)}, "must have a zone"),
        ([WentLive()], acts.slip, {"person": "ana", "reason": "x", "t0": LATER}, "the product is live"),
    ],
)
def test_holding_and_slipping_have_their_rules(events, act: Callable[..., object], fields, reason: str) -> None:
    assert reason in refused(launched(*events), act, **fields)


def test_a_hold_is_placed_and_lifted_and_t0_slips() -> None:
    player = launched()
    assert do(player, acts.hold, person="ben", reason="fog").hold == HoldPlaced(by="ben", reason="fog")
    assert do(player, acts.lift, person="ana").hold is None
    state = do(player, acts.slip, person="ana", reason="fog", t0=LATER)
    assert (state.t0, state.planned_t0) == (LATER, T0)


@pytest.mark.parametrize(
    ("act", "fields"),
    [
        (acts.hold, {"person": "ana", "reason": "x"}),
        (acts.lift, {"person": "ana"}),
        (acts.slip, {"person": "ana", "reason": "x", "t0": LATER}),
        (acts.attest, {"check": "briefed", "person": "ana", "verdict": Verdict.PASS, "evidence": ""}),
        (acts.waive, {"check": "disk", "person": "ana", "reason": "x", "lasting": timedelta(hours=1)}),
        (acts.claim_rollback, {"trigger": "captain", "tier": "urgent", "by": "ana"}),
    ],
)
def test_nothing_is_done_to_a_launch_that_is_over(act: Callable[..., object], fields: dict[str, Any]) -> None:
    assert refused(launched(HELD, *OVER), act, **fields) == "the launch is over: live"


# --- gates ------------------------------------------------------------------------------------------------------------

OPENED = GateOpened(gate="go", plan_hash="hash", evidence_hash="seen", deadline=DEADLINE)


def ballot(person: str, seat: str, decision: str = "GO", reason: str = "") -> dict[str, Any]:
    return {"gate": "go", "opening": 1, "person": person, "seat": seat, "decision": decision, "reason": reason}


def test_a_ballot_is_bound_to_the_evidence_on_show() -> None:
    cast = do(launched(OPENED), acts.cast_ballot, **ballot("ana", "captain", "go")).gate("go").ballots["ana"]
    assert isinstance(cast, BallotCast)
    assert cast.evidence_hash == "seen"


def test_a_ballot_that_does_not_count_is_on_the_ledger_and_changes_nothing() -> None:
    player = launched(OPENED)
    do(player, acts.cast_ballot, **ballot("ana", "sre", "GO"))
    assert player.records[-1].event.kind == "ballot-refused"
    assert player.state.gate("go").ballots == {}


def test_a_gate_is_settled_once_and_only_when_it_is_decided() -> None:
    player = launched(OPENED)

    def settle(at: datetime = START) -> GateDecided | None:
        return acts.settle_gate(player.ledger, LAUNCH, gate="go", at=at, wall=at)

    assert settle() is None
    do(player, acts.cast_ballot, **ballot("ana", "captain"))
    assert settle() is None
    do(player, acts.cast_ballot, **ballot("ben", "sre"))
    decided = settle()
    assert decided is not None
    assert decided.decision == "GO"
    assert settle() is None


def test_an_undecided_gate_is_extended_and_stays_open() -> None:
    gate = plans.gate("go", at_deadline="extend", extend_by="5m", extensions=1)
    player = launched(OPENED, gates=[gate])
    assert acts.settle_gate(player.ledger, LAUNCH, gate="go", at=DEADLINE, wall=DEADLINE) is None
    assert player.records[-1].event == GateExtended(gate="go", deadline=DEADLINE + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("after", "rule", "counts"),
    [
        (-1, {}, True),
        (0, {}, False),
        (60, {"at_deadline": "hold"}, False),
        (60, {"at_deadline": "extend", "extend_by": "5m", "extensions": 1}, True),
    ],
    ids=["a second early", "at the deadline", "a minute late", "late at a gate that extends itself"],
)
def test_a_ballot_after_the_deadline_counts_only_where_the_gate_extends_itself(
    after: int, rule: dict[str, Any], *, counts: bool
) -> None:
    player = launched(OPENED, gates=[plans.gate("go", **rule)])
    now = DEADLINE + timedelta(seconds=after)
    cast = acts.cast_ballot(player.ledger, LAUNCH, **ballot("ana", "captain"), at=now, wall=now)
    assert isinstance(cast, BallotCast) is counts
    assert counts or "the deadline of gate 'go' passed at" in cast.reason


def test_a_resume_without_a_ballot_is_recorded_and_changes_nothing() -> None:
    state = do(launched(OPENED), acts.note_resume, gate="go", run="r1")
    assert state.gate("go").open
    assert state.gate("go").resumed_without_ballot == 1


# --- rollback ---------------------------------------------------------------------------------------------------------

URGENT = {"id": "slow", "tier": "urgent", "condition": "it is slow"}


@pytest.mark.parametrize(
    ("person", "trigger", "reason"),
    [
        ("ana", "captain", ""),
        ("ana", "slow", ""),
        ("dan", "slow", ""),
        ("dan", "captain", ""),
        ("ben", "captain", "ben may not declare a rollback; that takes one of captain, lead"),
        ("zoe", "slow", "'zoe' is nobody of the plan; it has ana, ben, cleo, dan"),
    ],
)
def test_only_those_with_the_authority_declare_a_rollback(person: str, trigger: str, reason: str) -> None:
    rollback = {
        "triggers": [URGENT],
        "authority": [{"tier": "all", "who": ["captain"]}, {"tier": "urgent", "who": ["lead"]}],
        "procedures": [plans.procedure()],
    }
    plan = Plan.model_validate(plans.plan().model_dump(mode="json") | {"rollback": rollback})
    state = launched().state
    if reason:
        with pytest.raises(RefusedError, match=reason):
            acts.may_roll_back(plan, state, person, trigger)
    else:
        acts.may_roll_back(plan, state, person, trigger)


PAIR = {
    "authority": [
        {"tier": "immediate", "who": ["sre"]},
        {"tier": "urgent", "who": ["captain", "sre"], "count": 2, "gate": "go"},
    ],
}
DOWN = {"id": "down", "tier": "immediate", "condition": "it is down"}
CHANGED = (EffectBegun(action="deploy", attempt=1, key="k"),)


def paired(*events: AnyEvent) -> Player:
    """One tier that an SRE decides alone, one that takes two; something has been changed."""
    actions = [plans.action("deploy")]
    return launched(*(events or CHANGED), actions=actions, triggers=[URGENT, DOWN], rollback=PAIR)


@pytest.mark.parametrize(
    ("person", "trigger", "refused_with"),
    [
        ("ben", "down", ""),
        ("ben", "captain", ""),
        ("ana", "down", "ana may not declare a rollback; that takes one of sre"),
        ("ana", "captain", "ana may not declare a rollback; that takes one of sre"),
        ("ben", "slow", "ben may not declare a rollback; that takes 2 of captain, sre: report the trigger"),
    ],
)
def test_nobody_starts_alone_what_takes_two(person: str, trigger: str, refused_with: str) -> None:
    player = paired()
    if refused_with:
        with pytest.raises(RefusedError, match=refused_with):
            acts.may_roll_back(player.plan, player.state, person, trigger)
    else:
        acts.may_roll_back(player.plan, player.state, person, trigger)


SEEN: dict[str, Any] = {"trigger": "slow", "person": "dan", "reason": "the board is slow"}


def test_anybody_may_report_a_trigger_and_it_says_who_did() -> None:
    state = do(paired(), acts.report_trigger, **SEEN)
    fired = state.triggers["slow"]
    assert (fired.by, fired.because) == ("dan", "dan: the board is slow")


@pytest.mark.parametrize(
    ("events", "changes", "reason"),
    [
        (CHANGED, {"trigger": "slwo"}, "the plan has no trigger 'slwo'; did you mean 'slow'?"),
        (CHANGED, {"person": "zoe"}, "'zoe' is nobody of the plan; it has ana, ben, cleo, dan"),
        (CHANGED, {"reason": " "}, "say what was seen"),
        (CHANGED, {"trigger": "down"}, "no gate decides down; dan may not declare a rollback; that takes one of sre"),
        ((WentLive(),), {}, "the launch has changed nothing yet"),
        ((*CHANGED, TriggerFired(trigger="slow", because="?")), {}, "slow has fired already and is being decided"),
        (
            (*CHANGED, RollbackClaimed(trigger="captain", tier="urgent", by="ben")),
            {},
            "the launch is being taken back already",
        ),
        ((*CHANGED, *OVER), {}, "the launch is over: live"),
    ],
)
def test_a_report_that_leads_nowhere_is_refused(events: tuple[AnyEvent, ...], changes: Any, reason: str) -> None:
    assert refused(paired(*events), acts.report_trigger, **(SEEN | changes)) == reason


def test_a_claim_names_the_procedure_that_runs() -> None:
    quick = plans.procedure(name="quick")
    player = launched(procedures=[plans.procedure(), quick])
    again = refused(player, acts.claim_rollback, **CLAIM, procedure="quik")
    assert again == "the plan has no procedure 'quik'; did you mean 'quick'?"
    state = do(player, acts.claim_rollback, **CLAIM, procedure="quick")
    assert state.rollback is not None
    assert state.rollback.procedure == "quick"
    state = do(player, acts.take_over_rollback, dead="", by="ben", run="r2")
    assert state.rollback is not None
    assert (state.rollback.run, state.rollback.procedure) == ("r2", "quick")


CLAIM = {"trigger": "captain", "tier": "urgent", "by": "ana"}


def claim(player: Player, run: str) -> bool:
    return acts.claim_rollback(player.ledger, LAUNCH, at=START, wall=START, run=run, **CLAIM)


def test_whoever_comes_first_has_the_rollback() -> None:
    player = launched()
    assert claim(player, "r1")
    assert not claim(player, "r2")
    assert claim(player, "r1")
    assert not claim(player, "")
    assert sum(1 for record in player.records if isinstance(record.event, RollbackClaimed)) == 1


def test_a_plan_without_a_procedure_cannot_be_taken_back() -> None:
    player = launched(procedures=[])
    assert refused(player, acts.claim_rollback, **CLAIM) == "the plan has no rollback procedure"


def test_a_dead_runs_rollback_is_taken_over_and_a_finished_one_is_not() -> None:
    player = launched()
    claim(player, "r1")
    do(player, acts.take_over_rollback, dead="r1", by="ana", run="r2")
    assert player.state.rollback is not None
    assert (player.state.rollback.run, player.state.rollback.trigger) == ("r2", "captain")
    player.write(RollbackEnded(outcome=Outcome.ROLLED_BACK))
    before = len(player.records)
    assert not acts.take_over_rollback(player.ledger, LAUNCH, dead="r2", by="ana", at=START, wall=START, run="r3")
    assert len(player.records) == before


def test_of_two_that_find_a_dead_run_one_goes_on_with_its_rollback() -> None:
    player = launched()
    claim(player, "r1")
    taken = [
        acts.take_over_rollback(player.ledger, LAUNCH, dead="r1", by="ana", at=START, wall=START, run=run)
        for run in ("r2", "r3")
    ]
    assert taken == [True, False]


# --- racing writers ---------------------------------------------------------------------------------------------------


class Raced(MemoryLedger):
    """A ledger in which somebody else writes between an act's look and its own writing, so often."""

    def __init__(self, often: int) -> None:
        super().__init__()
        self.often = often

    def append(self, launch: str, event, *, at: datetime, wall: datetime, expected: int | None = None) -> Record:
        if expected is not None and expected > 0 and self.often:
            self.often -= 1
            super().append(launch, HELD, at=at, wall=wall)
        return super().append(launch, event, at=at, wall=wall, expected=expected)


def test_an_act_that_was_overtaken_is_decided_again_on_what_is_so_now() -> None:
    player = Player(plans.plan(), ledger=Raced(often=1))
    with pytest.raises(RefusedError, match="the launch is held already"):
        do(player, acts.hold, person="ben", reason="me too")


def test_an_act_that_is_always_overtaken_says_so() -> None:
    player = Player(plans.plan(), ledger=Raced(often=1_000))
    with pytest.raises(RefusedError, match="written by too many at once; try again"):
        do(player, acts.slip, person="ana", reason="fog", t0=LATER)


def test_the_memory_ledger_refuses_who_comes_late() -> None:
    player = launched()
    with pytest.raises(ConflictError):
        player.ledger.append(LAUNCH, HELD, at=START, wall=START, expected=0)
