"""Checks that people vouch for: one run with one form, a dropdown for each check, until all are answered."""

from __future__ import annotations

import asyncio

from prefect import flow, suspend_flow_run
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.ballot import release
from flows.blocks_stage import build_stage
from flows.forms import NOT_YET, AttestForm, attest_form, attest_words, field_of, form_key, holders
from flows.stage import Stage, staged
from launch.acts import attest as write_attestation
from launch.acts import plan_of, settle_gate
from launch.errors import RefusedError
from launch.plan import Check
from launch.state import fold
from launch.verdicts import Verdict


# Not async: see the ballot.
@flow(name="attest", persist_result=False)
def attest(launch: str, checks: list[str], roles: list[str]) -> State[None]:
    """Collects what people vouch for: resume this run with your id, pass or fail for each check, and the evidence.

    The form comes again for what was left at `not yet` and for what was refused. Any time before the gate will do.

    Args:
        launch: Id of the launch.
        checks: Ids of the checks to vouch for.
        roles: Roles that may vouch for them.

    """
    stage = staged() or build_stage(launch)
    note = ""
    for attempt in range(1, _ATTEMPTS + 1):
        records = stage.ledger.records(launch)
        plan, state = plan_of(records), fold(records)
        wanted = [one for one in plan.checks if one.id in checks and state.check(one.id).attested is None]
        if not wanted or state.outcome is not None:
            _settle_gates(stage, launch)
            return Completed(message="nothing left to vouch for")
        words = attest_words(state, wanted, stage.clock.now(), note)
        # The fields of the first form stay: an answer given before a crash is read with the form it was given to.
        everything = [one for one in plan.checks if one.id in checks]
        answer = suspend_flow_run(
            wait_for_input=attest_form(everything, holders(plan, roles), words),
            key=form_key("attest", attempt),
        )
        note = _write(stage, launch, answer, wanted)
        _settle_gates(stage, launch)
    return Completed(message=f"still open after {_ATTEMPTS} answers", name="GaveUp")


_ATTEMPTS = 50


def _write(stage: Stage, launch: str, answer: AttestForm, wanted: list[Check]) -> str:
    """Writes what was answered; why the rest was not taken, in one sentence."""
    refused = []
    for check in wanted:
        said = str(getattr(answer, field_of(check.id)))
        if said == NOT_YET:
            continue
        try:
            write_attestation(
                stage.ledger, launch, check=check.id, person=answer.person.strip(), verdict=Verdict(said),
                evidence=answer.evidence, at=stage.clock.now(), wall=stage.wall(),
            )  # fmt: skip
        except RefusedError as error:
            refused.append(str(error))
    return "; ".join(dict.fromkeys(refused))


def _settle_gates(stage: Stage, launch: str) -> None:
    """An attestation may be what an open gate was waiting for."""
    state = fold(stage.ledger.records(launch))
    run = str(flow_run.get_id() or "")
    for gate, current in state.gates.items():
        if current.open and settle_gate(stage.ledger, launch, gate=gate, at=stage.clock.now(), wall=stage.wall()):
            asyncio.run(release(launch, gate, current.opening, run))
