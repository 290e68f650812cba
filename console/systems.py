"""Systems of a rehearsal: the real blocks, pointed at the sandbox, made when they are first used."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from prefect.blocks.core import Block
from pydantic import JsonValue

import blocks
from launch.errors import PlanError
from launch.plan import Plan
from launch.ports import Systems


def block_types() -> dict[str, type[Block]]:
    """Every registered block class by its type slug."""
    named = (getattr(blocks, name) for name in blocks.__all__)
    return {one.get_block_type_slug(): one for one in named if isinstance(one, type) and issubclass(one, Block)}


class SandboxSystems(Mapping[str, object]):
    """System id to block. Raises `PlanError` for a block that the sandbox does not have."""

    def __init__(
        self, plan: Plan, environment: str, fields: Mapping[str, Mapping[str, JsonValue]], where: Mapping[str, str]
    ) -> None:
        """`where` says for a path of the plan where it stands in its file."""
        at, place = next((at, one) for at, one in enumerate(plan.environments) if one.id == environment)
        self._addresses = place.blocks
        self._path = f"environments[{at}].blocks"
        self._where = where
        self._fields = fields
        self._types = block_types()
        self._made: dict[str, object] = {}

    def __getitem__(self, system: str) -> object:
        if system not in self._made:
            address = self._addresses[system]
            slug = address.partition("/")[0]
            block, fields = self._types.get(slug), self._fields.get(address)
            if block is None or fields is None:
                near = difflib.get_close_matches(address, self._fields, n=1, cutoff=0.3)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                path = f"{self._path}.{system}"
                problem = f"{path}: system {system!r} names block {address!r}, which is not there{hint}"
                raise PlanError(problem, where=self._where.get(path, self._where.get(self._path, "")))
            self._made[system] = block.model_validate(dict(fields))
        return self._made[system]

    def __iter__(self) -> Iterator[str]:
        return iter(self._addresses)

    def __len__(self) -> int:
        return len(self._addresses)

    def resolve_all(self) -> Systems:
        """Makes every block now, so that a wrong name is found before anything is touched."""
        for system in self._addresses:
            self[system]
        return self
