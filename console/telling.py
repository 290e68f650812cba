"""What a captain sees while a rehearsal runs: one line for what matters, counts for what passes, the end in a table."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.table import Table
from rich.text import Text

from console.rehearsal import Rehearsed
from console.rehearsal_summary import summary
from launch import events
from launch.events import Decision, EffectResult, GuardState
from launch.ledger import Record
from launch.moments import clock_label, format_duration
from launch.plan import Plan
from launch.verdicts import Verdict

_STYLES = {"GO": "bold green", "NO-GO": "bold red", "HOLD": "bold yellow"}
_OUTCOMES = {"live": "bold green", "no-go": "bold yellow", "rolled-back": "bold yellow", "partial": "bold red"}


class Teller:
    """Prints as the ledger grows. Passing checks are counted, not listed."""

    def __init__(self, plan: Plan, t0: datetime, *, quiet: bool) -> None:
        self._plan = plan
        self._t0 = t0
        self._quiet = quiet
        self._console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
        self._passed: Counter[str] = Counter()
        self._actions = {action.id: action.what for action in plan.actions}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush(None)

    def tell(self, record: Record) -> None:
        """A record was written."""
        if self._quiet:
            return
        event = record.event
        if isinstance(event, events.CheckJudged) and event.verdict is Verdict.PASS:
            self._passed["checks passed"] += 1
            return
        if isinstance(event, events.CheckAttested) and event.verdict is Verdict.PASS:
            self._passed["attested"] += 1
            return
        if isinstance(event, events.MessageSent):
            self._passed["messages sent"] += 1
            return
        line = self._line(event)
        if line is not None:
            self._flush(record.at)
            self._print(record.at, *line)

    def close(self, rehearsed: Rehearsed, ledger: str) -> None:
        """The end: outcome, gates, checks, rollback, where to look."""
        document = summary(rehearsed)
        outcome = str(document["outcome"])
        table = Table(show_header=False, box=None, pad_edge=False)
        table.add_row("outcome", Text(outcome.upper(), style=_OUTCOMES.get(outcome, "bold")))
        decided = [(str(one["id"]), str(one["decision"])) for one in document["gates"] if isinstance(one, dict)]  # type: ignore[union-attr]
        table.add_row("gates", Text.assemble(*(part for name, said in decided for part in self._gate(name, said))))
        checks = document["checks"]
        table.add_row("checks", ", ".join(f"{count} {name}" for name, count in checks.items()))  # type: ignore[union-attr]
        rollback = document["rollback"]
        if isinstance(rollback, dict):
            told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in rollback.items())
            table.add_row("rollback", told)
        for left in rehearsed.state.rollback.residue if rehearsed.state.rollback else ():
            table.add_row("residue", Text(left, style="red"))
        virtual = format_duration(rehearsed.records[-1].at - rehearsed.records[0].at)
        table.add_row("time", f"{virtual} of launch in {rehearsed.wall_seconds:.0f} s")
        table.add_row("ledger", f"{document['events']} events, hash {str(document['event_hash'])[:16]}")
        table.add_row("report", f"tminus report {rehearsed.launch} --ledger {ledger}")
        self._console.print()
        self._console.print(table)

    def _gate(self, name: str, said: str) -> tuple[Text | str, ...]:
        return (f"{name} ", Text(said, style=_STYLES.get(said, "")), "  ")

    def _flush(self, at: datetime | None) -> None:
        if not self._passed or self._quiet:
            return
        counts = ", ".join(f"{count} {what}" for what, count in self._passed.items())
        self._passed.clear()
        self._print(at, Text("  ✓ " + counts, style="green"))

    def _print(self, at: datetime | None, *parts: str | Text) -> None:
        clock = clock_label(self._t0, at) if at is not None else ""
        self._console.print(Text.assemble(Text(f"{clock:>16}  ", style="cyan"), *parts))

    def _line(self, event: events.Event) -> tuple[str | Text, ...] | None:
        lines = (self._course, self._gate_line, self._exposure, self._back, self._trouble)
        return next((line for line in (one(event) for one in lines) if line is not None), None)

    def _course(self, event: events.Event) -> tuple[str | Text, ...] | None:
        match event:
            case events.LaunchOpened():
                return (Text(f"launch of {self._plan.product.name} {event.release.version} opened", style="bold"),)
            case events.PhaseStarted():
                return (Text(f"── {event.phase.value} ──", style="bold"),)
            case events.PhaseEnded():
                return (f"   {event.phase.value} ended ", self._said(event.decision), f" {event.reason}".rstrip())
            case events.EffectFinished(result=EffectResult.APPLIED):
                return (f"  ▸ {event.action}: {self._actions.get(event.action, 'taken back')}",)
            case events.WentLive():
                return (Text("  ★ LIVE", style="bold green"),)
            case events.CheckpointEnded():
                missed = f": missed {', '.join(event.missed)}" if event.missed else ""
                return (f"  ○ checkpoint {event.checkpoint}{missed}",)
            case _:
                return None

    def _gate_line(self, event: events.Event) -> tuple[str | Text, ...] | None:
        match event:
            case events.GateOpened():
                return (f"  ◇ gate {event.gate} opens {event.because}".rstrip(),)
            case events.BallotCast():
                who = f" {event.person} ({event.seat}) {event.reason}".rstrip()
                return ("    ballot ", self._said(event.decision), who)
            case events.BallotRefused():
                return (Text(f"    ballot of {event.person} refused: {event.reason}", style="yellow"),)
            case events.GateDecided():
                return (f"  ◆ gate {event.gate} ", self._said(event.decision), f": {event.reason}")
            case _:
                return None

    def _exposure(self, event: events.Event) -> tuple[str | Text, ...] | None:
        match event:
            case events.ExposureSeen(holds=True, percent=percent):
                share = "" if percent is None else f", {percent:g} % exposed"
                return (f"  ▲ step {event.step} holds{share}",)
            case events.ExposureSeen():
                return (Text(f"  ! step {event.step}: {event.detail}", style="yellow"),)
            case events.StepHeld():
                return (Text(f"  ‖ step {event.step} stays: {event.reason}", style="yellow"),)
            case events.StepAdvanced():
                return (f"  ▲ step {event.step} advanced by {event.by}: {event.reason}",)
            case events.ExposureHeld():
                return (Text(f"  ‖ exposure held by {event.by}: {event.reason}", style="yellow"),)
            case events.ExposureReleased():
                return (f"  ▲ exposure released by {event.by} {event.reason}".rstrip(),)
            case _:
                return None

    def _back(self, event: events.Event) -> tuple[str | Text, ...] | None:
        match event:
            case events.TriggerFired():
                return (Text(f"  ! trigger {event.trigger}: {event.because}", style="bold red"),)
            case events.RangeUnanswered():
                return (Text(f"  ! guard {event.guard} fires, and {event.range}", style="bold red"),)
            case events.TriggerPromoted():
                return (
                    Text(f"  ! trigger {event.trigger} is now {event.tier.value}: {event.because}", style="bold red"),
                )
            case events.TriggerCleared():
                return (f"    trigger {event.trigger} is over: {event.because}",)
            case events.RollbackClaimed():
                return (Text(f"── rollback ({event.trigger}, {event.tier}) ──", style="bold red"),)
            case events.ServiceRestored():
                return (f"   service restored{': except ' + ', '.join(event.failed) if event.failed else ''}",)
            case events.RollbackEnded():
                return (f"   rollback ended {event.outcome.value}",)
            case _:
                return None

    def _trouble(self, event: events.Event) -> tuple[str | Text, ...] | None:
        match event:
            case events.CheckJudged():
                return (Text(f"  ✗ {event.check} {event.verdict.value}: {event.sentence}", style="red"),)
            case events.CheckAttested():
                return (Text(f"  ✗ {event.check}: {event.person} vouches against it", style="red"),)
            case events.EffectFinished(result=EffectResult.FAILED | EffectResult.UNKNOWN):
                return (Text(f"  ✗ {event.action} {event.result.value}: {event.detail}", style="red"),)
            case events.GuardChanged(state=GuardState.FIRING | GuardState.NO_DATA | GuardState.PENDING):
                shown = "" if event.value is None else f" at {event.value:g}"
                return (Text(f"  ! guard {event.guard} {event.state.value}{shown}", style="yellow"),)
            case events.SnapshotTaken() if event.missing:
                return (Text(f"  ✗ not recorded before the change: {', '.join(event.missing)}", style="yellow"),)
            case events.MessageFailed():
                return (Text(f"  ✗ not said on {event.channel}: {event.why}", style="yellow"),)
            case events.CriterionMeasured(verdict=verdict) if verdict is not Verdict.PASS:
                return (Text(f"  ✗ criterion {event.criterion} {verdict.value}: {event.sentence}", style="yellow"),)
            case _:
                return None

    def _said(self, decision: Decision) -> Text:
        return Text(decision.value, style=_STYLES.get(decision.value, ""))
