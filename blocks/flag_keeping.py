"""What a launch asks and orders of a flag service, in terms of what each flag gives to whom.

A service that keeps flags of one environment says how it reads a flag (`given`) and changes it (`give`, `switch_off`,
`put_back`); what that means for the questions and effects of a plan is the same for all of them, and here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, assert_never

from pydantic import JsonValue

from blocks.side_by_side import each
from launch.effects.base import Effect
from launch.effects.exposure import KillFlags, SetFlagShare
from launch.effects.web import SetFlag
from launch.errors import PermanentFaultError
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.web_edges import FlagSegment, FlagStates
from launch.readings import Quantity, Reading, quantities

FlagEffect = SetFlag | SetFlagShare | KillFlags
EVERYBODY = ""
_EVIDENCE = 256


class FlagState(StrEnum):
    """What a flag is for everybody; `mixed` is what only the flag service can evaluate."""

    ON = "on"
    OFF = "off"
    PILOT_ONLY = "pilot-only"
    MIXED = "mixed"


@dataclass(frozen=True)
class Given:
    """To whom a flag gives the release in one environment. Shares are in % and None where they cannot be told."""

    on: bool
    everybody: float | None
    """Share of those whom no rule names."""

    record: JsonValue
    """The setting, as `put_back` takes it."""

    cohorts: Mapping[str, float | None] = field(default_factory=dict)
    """Share of each cohort that has a rule of its own."""

    others: int = 0
    """Rules that name somebody in another way than by a cohort, and give them something else than everybody."""


class FlagKeeper(ABC):
    """The verbs of a block that keeps flags."""

    answers: ClassVar[tuple[type[Probe], ...]] = (FlagStates, FlagSegment)
    effects: ClassVar[tuple[type[Effect], ...]] = (SetFlag, SetFlagShare, KillFlags)

    pilot_segment: str

    @property
    @abstractmethod
    def named(self) -> str:
        """As messages call the system."""

    @abstractmethod
    def given(self, flag: str) -> Given:
        """What the flag gives now. Raises `SystemFaultError`."""

    @abstractmethod
    def give(self, flag: str, percent: float, cohort: str, *, because: str) -> None:
        """Gives it to this share of a cohort, or of `EVERYBODY`, and switches it on. Raises `SystemFaultError`.

        A flag that was off gives nothing to others by being switched on for a cohort. `because` is for the service's
        own history, where it keeps remarks.
        """

    @abstractmethod
    def switch_off(self, flag: str, *, because: str) -> None:
        """Nobody gets it; rules and shares stay. Raises `SystemFaultError`."""

    @abstractmethod
    def put_back(self, flag: str, record: JsonValue, *, because: str) -> None:
        """Gives the flag a recorded setting, whatever it has now. Raises `SystemFaultError`."""

    @abstractmethod
    def members(self, segment: str) -> frozenset[str] | None:
        """Keys of those in the segment; None where it names them by conditions. Raises `SystemFaultError`."""

    def alike(self, flag: str, one: JsonValue, other: JsonValue) -> bool:  # noqa: ARG002  for records that say more
        """Whether two records of the flag serve the same."""
        return one == other

    def answer(self, probe: FlagStates | FlagSegment, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case FlagStates():
                given = each(tuple(dict.fromkeys(probe.flags.values())), self.given)
                values = {metric: Quantity(value=self._state(given[key]).value) for metric, key in probe.flags.items()}
                return Reading(values=values, where=self.named, at=occasion.now)
            case FlagSegment():
                return self._segment(probe, occasion)
            case _:
                assert_never(probe)

    def observe(self, effect: FlagEffect, occasion: Occasion) -> Observation:  # noqa: ARG002 - flags have no age
        """Raises `SystemFaultError`."""
        match effect:
            case SetFlag():
                given = self.given(effect.flag)
                state = self._state(given)
                return Observation(
                    standing=_standing(state is FlagState(effect.state)),
                    state={effect.flag: given.record},
                    detail=f"flag {effect.flag} is {state.value}",
                )
            case SetFlagShare():
                return _share_seen(effect, self.given(effect.flag))
            case KillFlags():
                return _kill_seen(each(effect.flags, self.given))
            case _:
                assert_never(effect)

    def apply(self, effect: FlagEffect, occasion: Occasion) -> None:
        """Raises `SystemFaultError`."""
        match effect:
            case SetFlag():
                self._set(effect.flag, FlagState(effect.state), occasion.key)
            case SetFlagShare():
                self.give(effect.flag, effect.percent, effect.cohort, because=occasion.key)
            case KillFlags():
                each(effect.flags, lambda flag: self.switch_off(flag, because=occasion.key))
            case _:
                assert_never(effect)

    def observe_restored(self, effect: FlagEffect, before: State, occasion: Occasion) -> Observation:
        """Raises `SystemFaultError`."""
        found = each(tuple(before), self.given)
        other = [flag for flag, given in found.items() if not self.alike(flag, given.record, before[flag])]
        told = f"not as it was: {', '.join(other)}" if other else f"{len(found)} flags are as they were"
        return self.observe(effect, occasion).model_copy(update={"standing": _standing(not other), "detail": told})

    def restore(self, effect: FlagEffect, before: State, occasion: Occasion) -> None:  # noqa: ARG002
        """Raises `SystemFaultError`."""
        each(tuple(before), lambda flag: self.put_back(flag, before[flag], because=occasion.key))

    def unreadable(self, flag: str) -> PermanentFaultError:
        """The fault of a record that is no setting of a flag."""
        return PermanentFaultError(
            system=self.named,
            question=f"put flag {flag} back as recorded",
            answer="the record is not a setting of a flag",
            next_step="set the flag by hand; the ledger shows what was recorded",
        )

    def _set(self, flag: str, wanted: FlagState, because: str) -> None:
        match wanted:
            case FlagState.ON:
                self.give(flag, 100, EVERYBODY, because=because)
            case FlagState.OFF:
                self.switch_off(flag, because=because)
            case FlagState.PILOT_ONLY:
                # In this order pilots who have it keep it.
                self.give(flag, 100, self.pilot_segment, because=because)
                self.give(flag, 0, EVERYBODY, because=because)
            case FlagState.MIXED:
                raise PermanentFaultError(
                    system=self.named,
                    question=f"the order to set flag {flag} {wanted.value}",
                    answer="not a state that can be ordered",
                    next_step="set it by hand in the flag service",
                )
            case _:
                assert_never(wanted)

    def _state(self, given: Given) -> FlagState:
        served = {cohort: share for cohort, share in given.cohorts.items() if share != 0}
        if given.everybody == 100:
            # A cohort that is left out has it not, though everybody else has.
            whole = not given.others and all(share == 100 for share in given.cohorts.values())
            return FlagState.ON if whole else FlagState.MIXED
        if given.everybody != 0 or given.others:
            return FlagState.MIXED if given.on else FlagState.OFF
        if not given.on or not served:
            return FlagState.OFF
        return FlagState.PILOT_ONLY if served == {self.pilot_segment: 100} else FlagState.MIXED

    def _segment(self, probe: FlagSegment, occasion: Occasion) -> Reading:
        state, members = self._state(self.given(probe.flag)), self.members(self.pilot_segment)
        left_out = [tenant for tenant in probe.tenants if members is None or tenant not in members]
        enabled = {FlagState.ON: len(probe.tenants), FlagState.OFF: 0}.get(state)
        if state is FlagState.PILOT_ONLY and members is not None:
            enabled = len(probe.tenants) - len(left_out)
        told = "it names its members by conditions" if members is None else ", ".join(left_out) or "none"
        return Reading(
            values=quantities("tenants", tenants_enabled=enabled),
            where=f"flag {probe.flag} of {self.named}",
            at=occasion.now,
            evidence=f"{state.value}; not in the segment: {told}"[:_EVIDENCE],
        )


def _share_seen(effect: SetFlagShare, given: Given) -> Observation:
    whom = effect.cohort or "everybody"
    share = given.cohorts.get(effect.cohort, given.everybody) if effect.cohort else given.everybody
    told = f"is on for {share:g} % of {whom}" if share is not None else f"is on for a share of {whom} nobody can tell"
    beside = f", beside {given.others} other rules" if given.others and given.on else ""
    return Observation(
        standing=_standing(share is not None and abs(share - effect.percent) < 1e-6),
        state={effect.flag: given.record},
        detail=f"flag {effect.flag} {told}{beside}",
        exposure=None if effect.cohort else given.everybody,
    )


def _kill_seen(flags: Mapping[str, Given]) -> Observation:
    live = [flag for flag, given in flags.items() if given.on]
    known = [given.everybody for given in flags.values() if given.everybody is not None]
    return Observation(
        standing=_standing(not live),
        state={flag: given.record for flag, given in flags.items()},
        detail=f"still on: {', '.join(live)}" if live else f"{len(flags)} flags are off",
        exposure=max(known) if len(known) == len(flags) else None,
    )


def _standing(reached: bool) -> Standing:  # noqa: FBT001
    return Standing.HOLDS if reached else Standing.ABSENT
