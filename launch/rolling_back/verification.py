"""What shows that a rollback worked: its checks, asked as often as the plan's recheck rule says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from launch import gates
from launch.agenda import AskCheck, AskPeople
from launch.plan import Check, Mode
from launch.plan.schedule import FlowPhase
from launch.rollback import UndoStep
from launch.rolling_back.items import RollbackLook
from launch.verdicts import Verdict


class Verification:
    """The checks of one procedure: those of the service come before it counts as restored, those of words after."""

    def __init__(self, look: RollbackLook, steps: Sequence[UndoStep]) -> None:
        self.look, self.plan, self.state = look, look.plan, look.state
        self.steps = steps
        self.speaking = {action.id for action in look.plan.actions if action.speaks}

    def asked(self, *, closing: bool) -> list[AskCheck]:
        """Checks to be asked now; ones to be asked again later are noted."""
        return [one for check in self._checks(closing=closing) for one in self._ask(check)]

    def people(self) -> list[AskPeople]:
        """Who is to vouch; nothing waits for it."""
        wanted = tuple(
            check
            for check in self._checks(closing=False)
            if check.mode is not Mode.AUTOMATED
            and self.state.check(check.id).attested is None
            and check.id not in self.look.memory.asked_people
        )
        return [AskPeople(wanted)] if wanted else []

    def going_on(self) -> bool:
        """Whether one that did not pass will be asked again."""
        return any(
            check.mode is not Mode.ATTESTED
            and self.state.check(check.id).verdict is not Verdict.PASS
            and self.state.check(check.id).asked <= self.plan.recheck.times
            for check in self._checks(closing=False)
        )

    def failed(self) -> Iterator[str]:
        """Checks that did not pass and are not waived, and those that somebody vouched against."""
        for check in self._checks(closing=False):
            answers = self.state.check(check.id)
            if check.mode is not Mode.ATTESTED and answers.verdict is not Verdict.PASS:
                if gates.standing(check, answers, self.look.now) is not gates.CheckStanding.WAIVED:
                    yield check.id
            elif answers.attested is Verdict.FAIL:
                yield check.id

    def _checks(self, *, closing: bool) -> list[Check]:
        """Checks of the rollback, without those that verify an undo for which there was nothing to undo."""
        stages = {one.id for one in self.plan.phases if one.flow_phase is FlowPhase.ROLLBACK}
        planned = {step.action for step in self.steps}
        late = {step.action for step in self.steps if step.closing or step.action in self.speaking}
        mine = set(self.look.procedure.verification)
        others = {check for one in self.plan.rollback.procedures for check in one.verification} | self._conditions()
        return [
            check
            for check in self.plan.checks
            if check.phase in stages
            and (check.id in mine or check.id not in others)
            and (check.action is None or check.action in planned)
            and (check.action in late) is closing
        ]

    def _conditions(self) -> set[str]:
        """Checks that are asked before something, not afterwards."""
        rollback = self.plan.rollback
        found = {check for window in rollback.window for check in window.checks}
        for one in rollback.procedures:
            found |= {*one.healthier, *(check for step in one.steps for check in step.requires)}
        return found

    def _ask(self, check: Check) -> Iterator[AskCheck]:
        if check.mode is Mode.ATTESTED:
            return
        answers = self.state.check(check.id)
        if answers.judged_at is None:
            yield AskCheck(check)
        elif answers.verdict is not Verdict.PASS and answers.asked <= self.plan.recheck.times:
            again = answers.judged_at + self.plan.recheck.every
            if again <= self.look.now:
                yield AskCheck(check)
            else:
                self.look.future.append(again)
