"""Setting weights is the same on every router: read, compute, write what was read, and read again after a conflict.

A router supplies only `read` and `write`. Nothing is remembered between two calls: what a route does is what its router
says it does.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import TypeAdapter, ValidationError

from blocks.side_by_side import each
from launch.effects.base import Effect
from launch.effects.exposure import SetWeights
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Observation, Occasion, Standing, State
from launch.weights import share_of, with_share

Weights = dict[str, int | None]
"""Weight by target, as the router holds it; None where it leaves the weight out."""
Splits = dict[str, Weights]
"""The weights of a route by place: a route may share out its traffic in several (one per path, for instance)."""

_READINGS = 4
_RECORD: TypeAdapter[dict[str, Splits]] = TypeAdapter(dict[str, Splits])


@dataclass(frozen=True)
class Table:
    """A route as its router holds it now. `seen` is what `write` needs of the reading, a version above all."""

    splits: Splits
    seen: Any
    under_way: str = ""
    refused: str = ""


class ConflictError(Exception):
    """The route was changed between reading and writing; nothing was written."""


class Weighing:
    """The four verbs of `set-weights`. Mixed into a block that can read and write one route."""

    effects: ClassVar[tuple[type[Effect], ...]] = (SetWeights,)
    left_out: ClassVar[int] = 0
    """What a weight counts that the router leaves out."""

    @abstractmethod
    def read(self, route: str) -> Table:
        """The route now. Raises `SystemFaultError`."""

    @abstractmethod
    def write(self, route: str, table: Table, splits: Splits) -> None:
        """Writes these weights over those read, in one step. Raises `ConflictError` or `SystemFaultError`."""

    @property
    @abstractmethod
    def named(self) -> str:
        """The system, as a fault's sentence names it."""

    def observe(self, effect: SetWeights, occasion: Occasion) -> Observation:  # noqa: ARG002  weights have no age
        """Raises `SystemFaultError`."""
        tables = each(effect.routes, self.read)
        lost = [route for route, table in tables.items() if not self._places(table.splits, effect.target)]
        if lost:
            detail = f"{self.named} has no target {effect.target} in {', '.join(lost)}"
            return Observation(standing=Standing.FAILED, state=_state(tables), detail=detail)
        reached = all(self._shares(table, effect.target) == {float(effect.weight)} for table in tables.values())
        return self._seen(tables, effect.target, reached=reached)

    def apply(self, effect: SetWeights, occasion: Occasion) -> None:  # noqa: ARG002
        """Raises `SystemFaultError`."""
        each(effect.routes, lambda route: self._settle(route, lambda table: self._shared_out(route, table, effect)))

    def observe_restored(self, effect: SetWeights, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        """Raises `SystemFaultError`."""
        record = self._recorded(before)
        tables = each(effect.routes, self.read)
        reached = all(route in record and _same(table.splits, record[route]) for route, table in tables.items())
        return self._seen(tables, effect.target, reached=reached)

    def restore(self, effect: SetWeights, before: State, occasion: Occasion) -> None:  # noqa: ARG002
        """Raises `SystemFaultError`."""
        record = self._recorded(before)
        each(effect.routes, lambda route: self._settle(route, lambda table: self._put_back(route, table, record)))

    def _settle(self, route: str, wanted: Callable[[Table], Splits]) -> None:
        """Reads, and writes what is wanted unless it is there; after a conflict from the start, a few times."""
        for _ in range(_READINGS):
            table = self.read(route)
            splits = wanted(table)
            if _same(table.splits, splits):
                return
            try:
                self.write(route, table, splits)
            except ConflictError:
                continue
            return
        raise TransientFaultError(
            system=self.named,
            question=f"set the weights of {route}",
            answer=f"a conflict {_READINGS} times in a row: somebody else changes it all the time",
            next_step="find who else moves this traffic",
        )

    def _shared_out(self, route: str, table: Table, effect: SetWeights) -> Splits:
        places = self._places(table.splits, effect.target)
        if not places:
            raise self._no_target(route, effect.target)
        try:
            return {
                place: dict(with_share(self._counted(table.splits[place]), effect.target, effect.weight))
                for place in places
                if self._share(table.splits[place], effect.target) != effect.weight
            }
        except ValueError as unclear:
            raise PermanentFaultError(
                system=self.named,
                question=f"give {effect.target} {effect.weight} % of {route}",
                answer=f"nobody to give the rest to ({unclear})",
                next_step="give the route a second target, or one of the others a weight",
            ) from unclear

    def _put_back(self, route: str, table: Table, record: Mapping[str, Splits]) -> Splits:
        wanted: Splits = {}
        if route not in record:
            raise self._unrecorded()
        for place, weights in record[route].items():
            now = table.splits.get(place)
            if now is None or not weights.keys() <= now.keys():
                gone = ", ".join(sorted(weights.keys() - (now or {}).keys()))
                raise PermanentFaultError(
                    system=self.named,
                    question=f"put back the weights of {route}",
                    answer=f"its targets have changed: {gone} is not there any more",
                    next_step="set the weights by hand; the ledger shows what was recorded",
                )
            # A target that came since had nothing then, so it gets nothing now.
            wanted[place] = {**dict.fromkeys(now, 0), **weights}
        return wanted

    def _seen(self, tables: Mapping[str, Table], target: str, *, reached: bool) -> Observation:
        shares = {route: self._shares(table, target) for route, table in tables.items()}
        told = ", ".join(f"{route} {_range(found)}" for route, found in shares.items())
        waits = [table.under_way for table in tables.values() if table.under_way]
        refused = [table.refused for table in tables.values() if table.refused]
        standing = Standing.HOLDS if reached else Standing.ABSENT
        if reached and (waits or refused):
            standing = Standing.FAILED if refused else Standing.UNDER_WAY
        detail = "; ".join([f"share of {target}: {told}", *refused, *waits])
        exposure = max((share for found in shares.values() for share in found), default=None)
        return Observation(standing=standing, state=_state(tables), detail=detail, exposure=exposure)

    def _shares(self, table: Table, target: str) -> set[float]:
        return {self._share(table.splits[place], target) for place in self._places(table.splits, target)}

    def _share(self, weights: Weights, target: str) -> float:
        return share_of(self._counted(weights), target)

    def _counted(self, weights: Weights) -> dict[str, int]:
        if len(weights) == 1:
            return dict.fromkeys(weights, 1)
        return {name: self.left_out if weight is None else weight for name, weight in weights.items()}

    def _places(self, splits: Splits, target: str) -> list[str]:
        """Places that share traffic out between the target and others; if there are none, those of the target alone.

        A place of one target beside them (testers by a header, for instance) shares nothing out, and is left alone.
        """
        found = [place for place, weights in splits.items() if target in weights]
        return [place for place in found if len(splits[place]) > 1] or found

    def _recorded(self, before: State) -> dict[str, Splits]:
        try:
            return _RECORD.validate_python(before)
        except ValidationError as error:
            raise self._unrecorded() from error

    def _unrecorded(self) -> PermanentFaultError:
        return PermanentFaultError(
            system=self.named,
            question="put back the recorded weights",
            answer="the record holds no weights of this route",
            next_step="set the weights by hand; the ledger shows what was recorded",
        )

    def _no_target(self, route: str, target: str) -> PermanentFaultError:
        return PermanentFaultError(
            system=self.named,
            question=f"give {target} a share of {route}",
            answer="no such target in the route",
            next_step="check the target in the plan, and that it is deployed",
        )


def _same(now: Splits, wanted: Splits) -> bool:
    """Whether every place that is wanted has exactly these weights."""
    return all(now.get(place) == weights for place, weights in wanted.items())


def _state(tables: Mapping[str, Table]) -> State:
    record: State = {}
    for route, table in tables.items():
        record[route] = {place: dict(weights) for place, weights in table.splits.items()}
    return record


def _range(shares: set[float]) -> str:
    return " to ".join(f"{share:g} %" for share in sorted({min(shares), max(shares)})) if shares else "none"
