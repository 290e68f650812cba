"""Guards sampled in a launch: ask, judge, write down what changed with what decided it, alert the war room."""

from __future__ import annotations

from collections.abc import Sequence

from flows.conductor import Conductor, Doing
from flows.speaking import Speaker
from launch.agenda import AskAboutRange, SampleGuards
from launch.events import AnyEvent, ExposureHeld, GuardChanged, RangeUnanswered
from launch.guards import GuardReading, inquiry
from launch.plan import Guard
from tasks.watching import watch_guards_at_once


class GuardHandler:
    """Carries out the sampling of guards."""

    def __init__(self, conductor: Conductor, speaker: Speaker) -> None:
        self.conductor = conductor
        self.speaker = speaker

    async def sample(self, due: SampleGuards) -> Doing:
        """Evaluates the guards. A baseline seen for the first time, and a state that changed, are written down."""
        conductor, now = self.conductor, self.conductor.now()
        known = conductor.reader.state.guards
        inquiries = [inquiry(guard, conductor.reader.state, now) for guard in due.guards]
        rulings = await watch_guards_at_once(inquiries, conductor.systems, now)
        events: list[AnyEvent] = []
        changes: list[tuple[Guard, GuardReading]] = []
        for guard in due.guards:
            reading, baseline = rulings[guard.id]
            conductor.memory.sampled[guard.id], conductor.memory.values[guard.id] = now, reading.value
            if baseline is not None:
                events.append(baseline)
            if guard.id not in known or known[guard.id].state is not reading.state:
                query = guard.query.query if guard.query else ""
                events.append(GuardChanged(guard=guard.id, query=query, **dict(reading)))
                changes.append((guard, reading))

        async def alert() -> Sequence[AnyEvent]:
            return await self.speaker.guards_changed(changes)

        return Doing(events, alert if changes else None)

    def ask(self, due: AskAboutRange) -> Doing:
        """Holds the exposure where the plan has no response to what is measured, and asks the war room."""
        found = str(due.range)
        events: list[AnyEvent] = [RangeUnanswered(range=found, guard=due.guard, value=due.value)]
        if due.hold:
            events.append(ExposureHeld(by="conductor", reason=found))

        async def question() -> Sequence[AnyEvent]:
            return await self.speaker.range_unanswered(due)

        return Doing(events, question)
