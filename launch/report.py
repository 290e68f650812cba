"""The launch report in Markdown, built from the ledger's records alone: what was decided, by whom, when, on what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from launch import events, gates
from launch.acts import plan_of
from launch.agenda import moment_of
from launch.ledger import Record, event_hash
from launch.moments import clock_label, format_duration, format_offset
from launch.plan import Check, Plan
from launch.plan.execution import ActionRole
from launch.report_guards import guards_section
from launch.report_rollback import rollback_section
from launch.report_text import NOTHING, instant, section, span, table, unknown
from launch.state import LaunchState, fold
from launch.verdicts import Verdict

Kind = TypeVar("Kind", bound=events.Event)


def markdown(records: Sequence[Record]) -> str:
    """The report of one launch. Needs its first record; everything not (yet) recorded is said to be unknown, and why.

    Raises `RefusedError` for records that do not begin with the opening of a launch.
    """
    report = _Report(records)
    lines = [
        *report.head(),
        *report.decisions(),
        *report.gates(),
        *report.checks(),
        *report.effects(),
        *guards_section(records, report.zone),
        *rollback_section(report.plan, report.state, records, report.zone),
        *report.checkpoints(),
        *report.criteria(),
        *report.planned_and_actual(),
        *report.messages(),
        *report.troubles(),
    ]
    return "\n".join(lines).rstrip() + "\n"


class _Report:
    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.plan: Plan = plan_of(records)
        self.state: LaunchState = fold(records)
        self.zone = ZoneInfo(self.plan.launch_time.timezone)

    def head(self) -> list[str]:
        state, opened = self.state, self.state.opened
        if opened is None or state.t0 is None:
            return []
        slipped = "" if state.t0 == state.planned_t0 else f" (planned for {self.at(state.planned_t0)})"
        versions = ", ".join(f"{service} {version}" for service, version in opened.release.services.items())
        rows = [
            ("Outcome", self._outcome()),
            ("Release", f"{opened.release.version}{f' ({versions})' if versions else ''}"),
            ("Environment", opened.environment),
            ("Opened", f"{self.at(state.opened_at)} by {opened.opened_by}"),
            ("T0", f"{self.at(state.t0)}{slipped}"),
            ("Live", self.at(state.live_at) if state.live_at else unknown(self._not_live())),
            ("Plan", f"{opened.plan_path or 'given as text'}, SHA-256 `{opened.plan_hash}`"),
            ("Ledger", f"{len(self.records)} events, event hash `{event_hash(self.records)}`"),
        ]
        return [f"# Launch report: {self.plan.product.name}, {state.launch}", "", *table(("", ""), rows)]

    def decisions(self) -> list[str]:
        rows = []
        for record in self.records:
            told = _told(record.event)
            if told:
                rows.append((self.at(record.at), self._clock(record.at), *told))
        return section("Decisions", table(("When", "Clock", "Who", "What", "Why"), rows))

    def gates(self) -> list[str]:
        body: list[str] = []
        for gate in self.plan.gates:
            current = self.state.gate(gate.id)
            decided = [(record, event) for record, event in self._all(events.GateDecided) if event.gate == gate.id]
            if not current.opening and not decided:
                body += [f"### {gate.name} (`{gate.id}`)", "", "It was not opened.", ""]
                continue
            outcome = ", ".join(f"{event.decision.value} at {self.at(record.at)}" for record, event in decided)
            body += [f"### {gate.name} (`{gate.id}`): {outcome or 'undecided'}", ""]
            body += [f"{event.reason}." for _, event in decided if event.reason] + [""]
            body += table(("When", "Seat", "Person", "Ballot", "Reason"), self._ballots(gate.id))
        return section("Gates", body)

    def checks(self) -> list[str]:
        now = self.records[-1].at
        by_standing = Counter(self._standing(check, now) for check in self.plan.checks)
        rows = [(name, str(count)) for name, count in sorted(by_standing.items())]
        open_ones = [check for check in self.plan.checks if self._standing(check, now) not in {"passed", "not asked"}]
        body = table(("Standing", "Checks"), rows)
        for check in open_ones:
            answers = self.state.check(check.id)
            body += [f"- **{check.id}** ({check.what}): {self._standing(check, now)}"]
            if answers.verdict is not None:
                times = "once" if answers.asked == 1 else f"{answers.asked} times"
                body += [f"  - measured {answers.verdict.value} at {self.at(answers.judged_at)}: {answers.sentence}"]
                body += [f"  - asked {times}"]
            if answers.attested is not None:
                vouched = f"{answers.attested_by} vouched {answers.attested.value}"
                body += [f"  - {vouched} at {self.at(answers.attested_at)}: {answers.evidence or 'no evidence given'}"]
            if answers.waived_until is not None:
                body += [f"  - waived by {answers.waived_by} until {self.at(answers.waived_until)}"]
        asked = [
            (check.id, _verdicts(self.state, check), self._who(check))
            for check in self.plan.checks
            if self._asked(check)
        ]
        return section(
            "Checks",
            [*body, ""],
            ["### Every check that was asked", ""],
            table(("Check", "Verdict", "Measured or vouched"), asked),
        )

    def effects(self) -> list[str]:
        rows = []
        for action in self.plan.actions:
            effect = self.state.effect(action.id)
            if effect.result is None and effect.begun_at is None and action.role is not ActionRole.CHANGES:
                continue
            result = effect.result.value if effect.result else "under way" if effect.begun_at else "not begun"
            took = span(effect.first_begun_at, effect.finished_at)
            planned = format_duration(action.duration) if action.duration else unknown("the plan gives none")
            rows.append(
                (action.id, result, self.at(effect.first_begun_at), took, planned, str(effect.attempt), effect.detail),
            )
        return section("Effects", table(("Action", "Result", "Begun", "Took", "Planned", "Attempts", "Detail"), rows))

    def checkpoints(self) -> list[str]:
        missed = {event.checkpoint: event.missed for _, event in self._all(events.CheckpointEnded)}
        rows = []
        for point in self.plan.checkpoints:
            held = self.state.checkpoints.get(point.id)
            names = ", ".join(missed.get(point.id, ())) or ("nothing" if held else unknown("it was not held"))
            rows.append((point.id, point.title, format_offset(point.offset), self.at(held), names))
        return section("Checkpoints", table(("Checkpoint", "Title", "Planned", "Held", "Missed"), rows))

    def criteria(self) -> list[str]:
        rows = []
        for criterion in self.plan.success_criteria:
            measured = self.state.criteria.get(criterion.id)
            verdict = measured.verdict.value if measured else unknown("it was not measured")
            rows.append((criterion.id, criterion.what, verdict, measured.sentence if measured else ""))
        return section("Success criteria", table(("Criterion", "What", "Verdict", "Measured"), rows))

    def planned_and_actual(self) -> list[str]:
        rows = []
        for kind, name, planned, actual in self._moments():
            late = NOTHING if planned is None or actual is None else _signed(planned, actual)
            rows.append((kind, name, self.at(planned), self.at(actual), late))
        return section("Planned and actual", table(("", "Id", "Planned", "Actual", "Late by"), rows))

    def messages(self) -> list[str]:
        rows = []
        for record in self.records:
            match record.event:
                case events.MessageSent() as sent:
                    rows.append((self.at(record.at), sent.channel, "sent", sent.subject or sent.text, sent.link))
                case events.MessageFailed() as failed:
                    rows.append((self.at(record.at), failed.channel, "failed", failed.why, ""))
        return section("Messages", table(("When", "Channel", "", "Text", "Link"), rows))

    def troubles(self) -> list[str]:
        rows = []
        for record in self.records:
            match record.event:
                case events.AlarmRaised() as alarm:
                    rows.append((self.at(record.at), alarm.what, alarm.detail))
                case events.RunTakenUp() as taken:
                    rows.append((self.at(record.at), "a run was taken up", f"{taken.phase.value} went on in a new run"))
                case events.BallotRefused() as refused:
                    rows.append(
                        (
                            self.at(record.at),
                            "a ballot was refused",
                            f"{refused.person} at {refused.gate}: {refused.reason}",
                        ),
                    )
                case events.ResumedWithoutBallot() as resumed:
                    rows.append((self.at(record.at), "resumed without a ballot", resumed.gate))
        return section("Troubles", table(("When", "What", "Detail"), rows))

    def at(self, moment: datetime | None) -> str:
        return instant(moment, self.zone)

    def _all(self, kind: type[Kind]) -> list[tuple[Record, Kind]]:
        return [(record, record.event) for record in self.records if isinstance(record.event, kind)]

    def _clock(self, moment: datetime) -> str:
        origin = self.state.live_at if self.state.live_at and moment >= self.state.live_at else self.state.t0
        return clock_label(origin, moment) if origin else NOTHING

    def _outcome(self) -> str:
        if self.state.outcome is None:
            return unknown(f"the launch is still open; last event at {self.at(self.state.last_at)}")
        return f"{self.state.outcome.value}{f': {self.state.outcome_reason}' if self.state.outcome_reason else ''}"

    def _not_live(self) -> str:
        return "the launch ended before T0" if self.state.outcome else "T0 has not been reached"

    def _ballots(self, gate: str) -> Iterator[tuple[str, ...]]:
        for record, ballot in self._all(events.BallotCast):
            if ballot.gate == gate:
                yield self.at(record.at), ballot.seat, ballot.person, ballot.decision.value, ballot.reason

    def _asked(self, check: Check) -> bool:
        answers = self.state.check(check.id)
        return answers.verdict is not None or answers.attested is not None

    def _standing(self, check: Check, now: datetime) -> str:
        if not self._asked(check) and self.state.check(check.id).waived_until is None:
            return "not asked"
        standing = gates.standing(check, self.state.check(check.id), now)
        return "waiting" if standing is gates.CheckStanding.MISSING and not self._unclear(check) else standing.value

    def _unclear(self, check: Check) -> bool:
        return self.state.check(check.id).verdict in {Verdict.INCONCLUSIVE, Verdict.ERROR}

    def _who(self, check: Check) -> str:
        answers = self.state.check(check.id)
        return (
            self.at(answers.judged_at)
            if answers.attested is None
            else f"{answers.attested_by}, {self.at(answers.attested_at)}"
        )

    def _moments(self) -> Iterator[tuple[str, str, datetime | None, datetime | None]]:
        state = self.state
        for flow_phase, phase in state.phases.items():
            starts = [one.start for one in self.plan.phases if one.flow_phase is flow_phase and one.start is not None]
            yield "phase", flow_phase.value, moment_of(state, min(starts)) if starts else None, phase.started_at
        for gate in self.plan.gates:
            if state.gate(gate.id).opening:
                planned = moment_of(state, gate.offset) if gate.offset is not None else None
                yield "gate", gate.id, planned, state.gate(gate.id).opened_at
        for action in self.plan.actions:
            begun = state.effect(action.id).first_begun_at
            if begun is not None:
                yield "action", action.id, moment_of(state, action.offset) if action.offset is not None else None, begun
        if state.live_at is not None:
            yield "T0", "live", state.planned_t0, state.live_at


def _told(event: events.AnyEvent) -> tuple[str, str, str] | None:
    """Who decided what and why, for events that are decisions."""
    told: tuple[str, str, str] | None = None
    match event:
        case events.GateDecided():
            told = "gate", f"{event.gate}: {event.decision.value}", event.reason
        case events.PhaseEnded():
            told = "phase", f"{event.phase.value} ended {event.decision.value}", event.reason
        case events.T0Slipped():
            told = event.by, f"T0 slipped to {event.t0:%Y-%m-%d %H:%M} UTC", event.reason
        case events.HoldPlaced():
            told = event.by, "hold", event.reason
        case events.HoldLifted():
            told = event.by, "hold lifted", event.reason
        case events.CheckWaived():
            told = event.person, f"waived {event.check} until {event.until:%Y-%m-%d %H:%M} UTC", event.reason
        case events.RollbackClaimed():
            told = event.by, f"rollback ({event.tier})", event.trigger
        case events.WentLive():
            told = "conductor", "live", ""
        case events.LaunchClosed():
            told = "conductor", f"closed: {event.outcome.value}", event.reason
    return told


def _verdicts(state: LaunchState, check: Check) -> str:
    answers = state.check(check.id)
    given = (answers.verdict, answers.attested)
    return ", ".join(one.value for one in given if one is not None)


def _signed(planned: datetime, actual: datetime) -> str:
    return span(planned, actual) if actual >= planned else f"-{span(actual, planned)}"
