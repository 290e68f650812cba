"""Snapshots and clones of a managed database instance: the verbs, and how clones are named, known again and refused."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import ClassVar, assert_never

from launch.effects.base import Effect
from launch.effects.data import CloneDatabase, InstanceEffect, TakeSnapshot
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError
from launch.ports import Observation, Occasion, Standing, State

_NAME = re.compile(r"[^a-z0-9]+")


class InstanceKeeper(ABC):
    """The verbs of a block that snapshots and clones one instance."""

    effects: ClassVar[tuple[type[Effect], ...]] = (TakeSnapshot, CloneDatabase)

    @abstractmethod
    def snapshot_seen(self, occasion: Occasion) -> Observation:
        """How the snapshot of this launch stands. Raises `SystemFaultError`."""

    @abstractmethod
    def take_snapshot(self, effect: TakeSnapshot, occasion: Occasion) -> None:
        """Starts it. Raises `SystemFaultError`."""

    @abstractmethod
    def clone_seen(self, effect: CloneDatabase) -> Observation:
        """How the clone as of this moment stands. Raises `SystemFaultError`."""

    @abstractmethod
    def start_clone(self, effect: CloneDatabase, occasion: Occasion) -> None:
        """Starts it; one that is there already is this one. Raises `SystemFaultError`."""

    def observe(self, effect: InstanceEffect, occasion: Occasion) -> Observation:
        """Raises `SystemFaultError`."""
        match effect:
            case TakeSnapshot():
                return self.snapshot_seen(occasion)
            case CloneDatabase():
                return self.clone_seen(effect)
            case _:
                assert_never(effect)

    def apply(self, effect: InstanceEffect, occasion: Occasion) -> None:
        """Starts it; its name says what it is, so a repetition finds it. Raises `SystemFaultError`."""
        match effect:
            case TakeSnapshot():
                self.take_snapshot(effect, occasion)
            case CloneDatabase():
                self.start_clone(effect, occasion)
            case _:
                assert_never(effect)

    def observe_restored(self, effect: InstanceEffect, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        """Snapshots and clones are kept, whatever becomes of the launch."""
        match effect:
            case TakeSnapshot():
                detail = "the snapshot is kept"
            case CloneDatabase():
                detail = "the clone is kept; delete it by hand when nobody uses it"
            case _:
                assert_never(effect)
        return Observation(standing=Standing.HOLDS, detail=detail)

    def restore(self, effect: InstanceEffect, before: State, occasion: Occasion) -> None:  # noqa: B027  on purpose
        """There is nothing to put back."""


def moment_of(effect: CloneDatabase, system: str) -> datetime:
    """What `as_of` names, in UTC and whole seconds. Raises `PermanentFaultError` without a zone: hours may be lost."""
    question = f"a clone as of {effect.as_of!r}"
    try:
        moment = datetime.fromisoformat(effect.as_of.strip())
    except ValueError as error:
        raise PermanentFaultError(
            system=system,
            question=question,
            answer="no moment",
            next_step="write it as 2026-12-07T08:00:00Z, or name an action's `began_at`",
        ) from error
    if moment.tzinfo is None:
        raise PermanentFaultError(
            system=system,
            question=question,
            answer="a moment without its zone",
            next_step="end it with Z or its offset, e.g. +01:00",
        )
    # Down: what began within this second must not be in the clone.
    return moment.astimezone(UTC).replace(microsecond=0)


def clone_name(instance: str, moment: datetime, *, longest: int) -> str:
    """The instance's name and the moment: whoever asks for the same clone again finds it, and no other."""
    stamp = f"{moment:%Y%m%d-%H%M%S}"
    return f"{_NAME.sub('-', instance.lower()).strip('-')[: longest - len(stamp) - 1].rstrip('-')}-{stamp}"


def not_restorable(system: str, moment: datetime, newest: datetime | None) -> SystemFaultError | None:
    """The fault of a moment that backups do not reach; `newest` is the last one that they reach."""
    question = f"a clone as of {moment.isoformat()}"
    if newest is None:
        return PermanentFaultError(
            system=system,
            question=question,
            answer="no point-in-time recovery",
            next_step="restore the newest snapshot or dump; switch point-in-time recovery on for the next launch",
        )
    if moment > newest:
        return TransientFaultError(
            system=system,
            question=question,
            answer=f"restorable up to {newest.isoformat()} only",
            next_step="wait some minutes, or name an earlier moment",
        )
    return None


def seen_clone(name: str, status: str, standing: Standing, *, address: str, port: int, why: str = "") -> Observation:
    """How far the clone is; once it answers, `instance`, `address` and `port` are there for later actions."""
    if standing is Standing.HOLDS and not address:
        return Observation(standing=Standing.UNDER_WAY, detail=f"clone {name} is {status} and has no address yet")
    outputs = {"instance": name, "address": address, "port": str(port)} if standing is Standing.HOLDS else {}
    at = f" at {address}" if outputs else ""
    return Observation(
        standing=standing, detail=f"clone {name} is {status}{at}{f': {why}' if why else ''}", outputs=outputs
    )
