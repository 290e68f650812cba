"""Ballots files: what persons say in a rehearsal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import ConfigDict, Field

from launch.document_text import read_document, read_model, refuse
from launch.findings import PlanFinding, unknown
from launch.model import Id, Model
from launch.plan import Mode, Plan
from launch.verdicts import Verdict


class PlannedBallot(Model):
    """A ballot that a rehearsal casts for a person."""

    person: Id
    decision: Literal["GO", "NO-GO", "ABSTAIN", "ABSENT"] = Field(description="ABSENT leaves the seat empty.")
    reason: str = ""


class PlannedAttestation(Model):
    """What a rehearsal lets a person say about a check."""

    person: Id
    verdict: Verdict
    evidence: str = ""


class Ballots(Model):
    """What persons say in a rehearsal: by gate and by check. Whoever is not named says GO, or vouches for it.

    A file has the gates' ids as keys, beside the one key `attestations`.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, tuple[PlannedBallot, ...]]

    attestations: dict[Id, PlannedAttestation] = Field(default_factory=dict)

    @property
    def gates(self) -> Mapping[str, tuple[PlannedBallot, ...]]:
        """Ballots by gate, in the order of the file."""
        return self.__pydantic_extra__


def load_ballots(text: str, plan: Plan, where: str = "ballots") -> Ballots:
    """Reads what persons say in a rehearsal: gate id to ballots, and under `attestations` check id to what is vouched.

    Raises as `load_plan`; gates, checks and persons must be the plan's, and who votes must hold a seat there.
    """
    document = read_document(text, where)
    if document.data is None:
        document.data = {}
    ballots = read_model(document, Ballots, where)
    refuse([*_strange_ballots(ballots, plan), *_strange_attestations(ballots, plan)], document, where)
    return ballots


def _strange_ballots(ballots: Ballots, plan: Plan) -> Iterable[PlanFinding]:
    gates = {gate.id: gate for gate in plan.gates}
    people = {person.id: person for person in plan.people}
    for gate, cast in ballots.gates.items():
        if gate not in gates:
            yield unknown(gate, "gate", gate, gates)
            continue
        seats = {seat.role for seat in gates[gate].seats}
        for at, ballot in enumerate(cast):
            path = f"{gate}[{at}].person"
            if ballot.person not in people:
                yield unknown(path, "person", ballot.person, people)
            elif not seats & set(people[ballot.person].roles):
                problem = f'{ballot.person} has no seat at gate "{gate}"'
                yield PlanFinding(
                    code="P230",
                    path=path,
                    problem=problem,
                    right=f"its seats are {', '.join(sorted(seats))}",
                )


def _strange_attestations(ballots: Ballots, plan: Plan) -> Iterable[PlanFinding]:
    checks = {check.id: check for check in plan.checks}
    people = {person.id: person for person in plan.people}
    for check, attested in ballots.attestations.items():
        path = f"attestations.{check}"
        if check not in checks:
            yield unknown(path, "check", check, checks)
        elif checks[check].mode is Mode.AUTOMATED:
            yield PlanFinding(code="P231", path=path, problem=f'check "{check}" is measured; nobody vouches for it')
        if attested.person not in people:
            yield unknown(f"{path}.person", "person", attested.person, people)
