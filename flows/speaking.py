"""The launch's own words: cadence posts, gate calls, alerts. Each has a key in the ledger, and nothing waits for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flows.conductor import Conductor, Doing
from launch.agenda import AskAboutRange, PostUpdate
from launch.errors import LaunchError
from launch.events import AnyEvent, GuardState, MessageFailed, MessageSent, MetricsSeen
from launch.guards import GuardReading
from launch.plan import Channel, ChannelKind, Gate, Guard, GuardPolarity, Template
from launch.state import GateState
from launch.wording import render, words_of
from tasks.telling import Message, tell, tell_once
from tasks.watching import read_newest_at_once

STATUS_METRICS = ("request_rate", "error_rate", "latency_p95")


class Speaker:
    """Says things on the plan's channels and returns what to write down about it."""

    def __init__(self, conductor: Conductor) -> None:
        self.conductor = conductor
        self.plan = conductor.plan

    async def update(self, due: PostUpdate) -> Doing:
        """Posts one tick of a cadence with the newest figures."""
        values = await self._figures()
        template = next(one for one in self.plan.comms.templates if one.id == due.cadence.template)
        seen = MetricsSeen(values=dict(values))
        events = await self.post(due.key, due.cadence.channel, template, self._status(values))
        return Doing([seen, *events])

    async def gate_opened(self, gate: Gate, opening: int, links: Sequence[str]) -> Sequence[AnyEvent]:
        """Calls the seats to the gate, with the links to their forms."""
        seats = ", ".join(seat.role for seat in gate.seats)
        forms = "".join(f"\n{link}" for link in links)
        text = f"{gate.name} is open. Seats: {seats}. Resume your ballot run:{forms or ' (in the Prefect UI)'}"
        return await self._call(f"gate/{gate.id}/{opening}/open", text)

    async def gate_decided(self, gate: Gate, key: str, decided: GateState) -> Sequence[AnyEvent]:
        """Tells the war room what a gate decided."""
        said = decided.decision.value if decided.decision else "undecided"
        return await self._call(key, f"{gate.name}: {said}. {decided.reason}")

    async def guards_changed(self, changes: Sequence[tuple[Guard, GuardReading]]) -> Sequence[AnyEvent]:
        """Alerts the war room to guards that fire or fell silent."""
        events: list[AnyEvent] = []
        for guard, reading in changes:
            if reading.state not in {GuardState.FIRING, GuardState.NO_DATA}:
                continue
            shown = "no data" if reading.value is None else f"{reading.value:g} {guard.unit}".rstrip()
            symptom = f"{guard.metric} is {shown} (limit {guard.comparator.value} {guard.value} {guard.unit})"
            words = {"severity": guard.severity.upper() or "GUARD", "symptom": symptom, "activity": guard.response}
            template = next((one for one in self.plan.comms.templates if one.id == "tpl-alert"), None)
            key = f"guard/{guard.id}/{reading.state.value}/{self.conductor.reader.state.sequence}"
            channel = self.war_room()
            if template is not None and channel is not None:
                events += await self.post(key, channel.id, template, words)
        return events

    async def range_unanswered(self, due: AskAboutRange) -> Sequence[AnyEvent]:
        """Asks the war room what the plan does not say, with the commands that answer it."""
        launch = self.conductor.launch
        shown = "no data" if due.value is None else f"{due.value:g} {due.range.unit}".rstrip()
        text = f"{due.range.metric} is {shown}, and the plan does not say what then: {due.range}."
        if due.hold:
            text += " The exposure is held where it is, also when it gets better."
            text += f"\nGo on: tminus hold --launch {launch} --exposure --lift --by YOU"
        text += f"\nGo back: tminus rollback {launch} --by YOU --reason WHY"
        return await self._call(f"range/{due.guard}/{self.conductor.reader.state.sequence}", text)

    async def post(self, key: str, channel: str, template: Template, more: Mapping[str, object]) -> list[AnyEvent]:
        """Fills a template and says it on a channel, or on its fallback."""
        words = {**self._words(), **more}
        try:
            text, subject = render(template.text, words), render(template.subject, words)
        except LaunchError as error:
            return [MessageFailed(key=key, channel=channel, why=str(error))]
        return await self.say(channel, Message(key=key, subject=subject, text=text))

    async def say(self, channel: str, message: Message) -> list[AnyEvent]:
        """Says it on the channel, else on its fallback; every failure is an event."""
        channels = {one.id: one for one in self.plan.comms.channels}
        events: list[AnyEvent] = []
        current = channels.get(channel)
        while current is not None:
            try:
                link = await self._tell(current, message)
            except LaunchError as error:
                events.append(MessageFailed(key=message.key, channel=current.id, why=str(error)))
                current = channels.get(current.fallback or "")
                continue
            sent = MessageSent(
                key=message.key,
                channel=current.id,
                subject=message.subject,
                text=message.text,
                link=link,
            )
            return [*events, sent]
        return events

    def war_room(self) -> Channel | None:
        """The plan's first chat channel: where gates are called and alerts appear."""
        return next((one for one in self.plan.comms.channels if one.kind is ChannelKind.CHAT and one.system), None)

    async def _call(self, key: str, text: str) -> Sequence[AnyEvent]:
        channel = self.war_room()
        if channel is None or key in self.conductor.reader.state.messages:
            return ()
        return await self.say(channel.id, Message(key=key, text=text))

    async def _tell(self, channel: Channel, message: Message) -> str:
        words = tell if self.conductor.stage.patient else tell_once
        return await words(channel, message, self.conductor.systems)

    async def _figures(self) -> Mapping[str, float | None]:
        guards = tuple(self._sources().values())
        return await read_newest_at_once(guards, self.conductor.systems, self.conductor.now())

    def _sources(self) -> Mapping[str, Guard]:
        """Which guard's series a figure is read from: its target's, where there is one, else the first that has it."""
        guards: dict[str, Guard] = {}
        for guard in sorted(self.plan.thresholds, key=lambda one: one.polarity is not GuardPolarity.MUST_HOLD):
            if guard.metric in STATUS_METRICS and guard.query is not None:
                guards.setdefault(guard.metric, guard)
        return guards

    def _status(self, values: Mapping[str, float | None]) -> dict[str, object]:
        firing = [name for name, view in self.conductor.reader.state.guards.items() if view.state is GuardState.FIRING]
        silent = [name for name, view in self.conductor.reader.state.guards.items() if view.state is GuardState.NO_DATA]
        colour = "red" if firing else "yellow" if silent else "all green"
        units = {metric: guard.unit for metric, guard in self._sources().items()}
        shown = {metric: _figure(values.get(metric), units.get(metric, "")) for metric in STATUS_METRICS}
        return {"colour": colour, "issues": [*firing, *silent], **shown}

    def _words(self) -> dict[str, object]:
        return words_of(self.plan, self.conductor.reader.state, self.conductor.now())


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "no data"
    return f"{value:.3g}{unit}" if unit == "%" else f"{value:.3g} {unit}".rstrip()
