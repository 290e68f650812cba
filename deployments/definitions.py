"""Every deployment of tminus, once: `prefect.yaml` and `tminus up` both say exactly this, and a test proves it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from flows.stage import RunKind

WORK_POOL = "tminus"
GUARDED = "tminus-guarded"
"""Tag of the deployments whose dead runs the automations recover."""
HEARTBEAT_SECONDS = 30
"""How often a flow run's process says that it lives; Prefect accepts nothing below 30."""


@dataclass(frozen=True)
class Definition:
    """One deployment. `limit` is how many runs may be under way at once; more wait in a queue."""

    kind: RunKind
    entrypoint: str
    what: str
    guarded: bool = True
    limit: int | None = None

    @property
    def name(self) -> str:
        """Name of the flow and of its deployment."""
        return self.kind.value

    @property
    def tags(self) -> list[str]:
        """Tags every run of it carries, besides its launch's."""
        return ["tminus", *([GUARDED] if self.guarded else [])]


DEFINITIONS = (
    Definition(
        RunKind.OPEN,
        "flows.open_launch.open_launch",
        "Opens a launch from a plan, a release and T0, and schedules its phases. Start here.",
        guarded=False,
        # The ledger is what keeps two launches of one product apart; this keeps its refusals rare.
        limit=1,
    ),
    Definition(RunKind.HARDENING, "flows.hardening.hardening", "Hardening: the checks of the days before the eve."),
    Definition(RunKind.EVE, "flows.eve.eve", "Eve: the last day before, up to its go/no-go gate."),
    Definition(RunKind.COUNTDOWN, "flows.countdown.countdown", "Countdown: from the war room to going live."),
    Definition(RunKind.STABILIZATION, "flows.stabilization.stabilization", "Stabilization: the watch after go-live."),
    Definition(RunKind.REVIEW, "flows.review.review", "Review: success criteria and reports, up to the launch's end."),
    Definition(
        RunKind.ROLLBACK,
        "flows.roll_back.roll_back",
        "Takes a launch back: for a gate's NO-GO, the captain, and the automation. Safe to start twice.",
    ),
    Definition(RunKind.CHECKPOINT, "flows.checkpoint.checkpoint", "A checkpoint, counted from the actual go-live."),
    Definition(RunKind.BALLOT, "flows.ballot.ballot", "One seat's ballot at a gate: resume it to vote."),
    Definition(RunKind.ATTEST, "flows.attest.attest", "Checks that people vouch for: resume it to vouch."),
    Definition(RunKind.WAKE, "flows.wake.wake", "Wakes a phase that waits at a gate when its deadline has come."),
    Definition(
        RunKind.RECOVER,
        "flows.recover.recover",
        "Called by the automations for a run that died: starts it again, or pages.",
        guarded=False,
    ),
    Definition(
        RunKind.OPEN_DRILL,
        "flows.open_drill.open_drill",
        "Opens a drill: deploys and rolls back where no user is, and times both.",
        guarded=False,
        limit=1,
    ),
    Definition(RunKind.DRILL, "flows.drill.drill", "A drill: its changes, then its rollback, timed step by step."),
)

_HEAD = """\
# Every deployment of tminus. Written by `python -m deployments.definitions` from deployments/definitions.py.
# The flows are imported by module path: tminus must be installed where the worker runs.
"""


def document() -> dict[str, object]:
    """The content of prefect.yaml."""
    return {"name": "tminus", "deployments": [_entry(one) for one in DEFINITIONS]}


def text() -> str:
    """prefect.yaml, as it is committed."""
    return _HEAD + yaml.safe_dump(document(), sort_keys=False, width=120)


def _entry(definition: Definition) -> dict[str, object]:
    entry: dict[str, object] = {
        "name": definition.name,
        "entrypoint": definition.entrypoint,
        "description": definition.what,
        "tags": definition.tags,
        "enforce_parameter_schema": True,
        "work_pool": {"name": WORK_POOL},
    }
    if definition.limit is not None:
        entry["concurrency_limit"] = {"limit": definition.limit, "collision_strategy": "ENQUEUE"}
    return entry


if __name__ == "__main__":
    Path("prefect.yaml").write_text(text(), encoding="utf-8")
