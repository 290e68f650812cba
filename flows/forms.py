"""The forms of ballots and attestations, and the words above them: what is decided on, so far as the ledger knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from prefect import get_client
from prefect.input import RunInput
from prefect.runtime import flow_run
from pydantic import Field, create_model

from launch import gates
from launch.moments import clock_label
from launch.plan import Check, Gate, Mode, Plan
from launch.plan.gates import Criterion
from launch.state import LaunchState

NOT_YET = "not yet"
_SHOWN_UNMET = 12
_MANY = 200


class BallotForm(RunInput):
    """What a person in a seat fills in. Nothing typed here is secret: Prefect stores it and shows it for ever."""

    person: str = Field(min_length=1, description="Your id in the plan.")
    decision: Literal["GO", "NO-GO", "ABSTAIN"] = Field(description="Your ballot. A NO-GO needs a reason.")
    reason: str = Field(default="", description="Why. It is kept in the ledger and shown to the other seats.")


class AttestForm(RunInput):
    """What a person fills in who vouches for checks; one more field for each check."""

    person: str = Field(min_length=1, description="Your id in the plan.")
    evidence: str = Field(default="", description="Where the proof is: a link or a sentence. Needed for every `fail`.")


def ballot_form(person_hint: Sequence[str], text: str) -> type[BallotForm]:
    """The form with the words above it, and the people of this seat in the field's description."""
    who = f"Your id in the plan; this seat: {', '.join(person_hint)}." if person_hint else "Your id in the plan."
    model = create_model("BallotForm", __base__=BallotForm, person=(str, Field(min_length=1, description=who)))
    return model.with_initial_data(description=text)


def attest_form(checks: Sequence[Check], people: Sequence[str], text: str) -> type[AttestForm]:
    """One dropdown for each check. A description is safe to add; initial data would drop the constraints."""
    who = f"Your id in the plan; one of {', '.join(people)}."
    fields = {
        field_of(check.id): (
            Literal["not yet", "pass", "fail"],
            Field(default=NOT_YET, title=check.id, description=check.what),
        )
        for check in checks
    }
    person = {"person": (str, Field(min_length=1, description=who))}
    model: type[AttestForm] = create_model("AttestForm", __base__=AttestForm, **person, **fields)  # type: ignore[call-overload]  # fields by name
    return model.with_initial_data(description=text)


def form_key(prefix: str, attempt: int) -> str:
    """Key of the n-th form of the flow run around this call.

    Prefect suspends first and stores the form's fields after that. Killed in between, the run waits on a form that
    takes no answer; started again it finds the key used and unanswered, and takes the next.
    """
    run = UUID(str(flow_run.get_id()))
    with get_client(sync_client=True) as client:
        fired = client.read_flow_run(run).empirical_policy.pause_keys or set()
        stored = client.filter_flow_run_input(run, key_prefix=f"suspended-{prefix}-", limit=_MANY, exclude_keys=set())
    answered = {one.key for one in stored}
    keys = (f"{prefix}-{attempt}-{again}" for again in range(1, _MANY))
    return next(key for key in keys if key not in fired or f"suspended-{key}-response" in answered)


def fields_key(key: str) -> str:
    """Where Prefect stores the fields of a form that was suspended with this key."""
    return f"suspended-{key}-schema"


def field_of(check: str) -> str:
    """Name of a check's field in the form."""
    return f"check_{check.replace('-', '_')}"


def gate_words(plan: Plan, state: LaunchState, gate: Gate, *, now: datetime, seat: str = "", note: str = "") -> str:
    """What a ballot decides on: the gate, T0, criteria and what is unmet, ballots so far, and the hash of all this."""
    current = state.gate(gate.id)
    lines = [f"## {gate.name}: your ballot as {_title(plan, seat)}" if seat else f"## {gate.name}", ""]
    if note:
        lines += [f"**Your ballot did not count:** {note}", ""]
    lines += [f"- {one}" for one in _moments(state, current.deadline, now)]
    if gate.quorum:
        lines.append(f"- Rule: {gate.quorum}")
    open_points = gates.unmet(plan, state, gate, now)
    # The UI shows some ten lines above the fields before one must scroll: first what speaks against GO.
    lines += ["", f"### Open points: {len(open_points) or 'none'}", ""]
    lines += [f"- {_cell(point)}" for point in open_points[:_SHOWN_UNMET]]
    if len(open_points) > _SHOWN_UNMET:
        lines.append(f"- and {len(open_points) - _SHOWN_UNMET} more; see the checklist artifact")
    lines += ["", "### Ballots so far", ""]
    lines += [_ballot_line(plan, state, gate)]
    lines += ["", "### Criteria", "", "| criterion | state |", "| --- | --- |"]
    lines += [f"| {_cell(one.what)} | {_standing(plan, state, gate, one, now)} |" for one in gate.criteria]
    lines += ["", f"Evidence `{current.evidence_hash}`, opening {current.opening} of this gate."]
    return "\n".join(lines)


def attest_words(state: LaunchState, checks: Sequence[Check], now: datetime, note: str = "") -> str:
    """What to do with the form, and what was measured of checks that need both; each field says what its check is."""
    lines = ["## Checks to vouch for", ""]
    if note:
        lines += [f"**Not taken:** {note}", ""]
    lines += [f"- {one}" for one in _moments(state, None, now)]
    lines += ["", f"`pass` or `fail` for each; leave `{NOT_YET}` where you cannot say, and the form comes again."]
    measured = [check for check in checks if check.mode is Mode.BOTH]
    if measured:
        lines += ["", "### Measured so far", ""]
    lines += [f"- {check.id}: {_cell(state.check(check.id).sentence) or 'nothing'}" for check in measured]
    return "\n".join(lines)


def holders(plan: Plan, roles: Sequence[str]) -> list[str]:
    """Ids of the people who hold one of these roles."""
    return [person.id for person in plan.people if set(person.roles) & set(roles)]


def _moments(state: LaunchState, deadline: datetime | None, now: datetime) -> list[str]:
    t0 = state.t0
    if t0 is None:
        return []
    release = f", release {state.opened.release.version} to {state.opened.environment}" if state.opened else ""
    lines = [f"Launch `{state.launch}`{release}", f"T0 {t0:%a %d %b %Y %H:%M} UTC"]
    if deadline is not None:
        lines.append(f"Decide by {deadline:%a %d %b %H:%M:%S} UTC ({clock_label(t0, deadline)})")
    # What stands above a form is written once, and people may come to it days later.
    return [*lines, f"As of {clock_label(t0, now)}; `tminus status` has the newest"]


def _standing(plan: Plan, state: LaunchState, gate: Gate, criterion: Criterion, now: datetime) -> str:
    points = gates.unmet_of(plan, state, gate, criterion, now)
    if points is None:
        return "for people to judge"
    return f"{len(points)} open" if points else "met"


def _ballot_line(plan: Plan, state: LaunchState, gate: Gate) -> str:
    current = state.gate(gate.id)
    cast = [
        f"- {person} as {_title(plan, ballot.seat)}: **{ballot.decision.value}**{_because(ballot.reason)}"
        for person, ballot in current.ballots.items()
    ]
    missing = [_title(plan, seat) for seat in gates.missing_seats(gate, current)]
    return "\n".join([*cast, f"- not yet: {', '.join(missing)}" if missing else "- every seat has voted"])


def _because(reason: str) -> str:
    return f", {_cell(reason)}" if reason else ""


def _title(plan: Plan, role: str) -> str:
    return next((one.title for one in plan.roles if one.id == role), role)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
