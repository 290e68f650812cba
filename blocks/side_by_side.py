"""The same question or order put to several things at once: one that fails keeps none of the others waiting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from launch.errors import SystemFaultError, TransientFaultError

T = TypeVar("T")
_AT_ONCE = 16


def each(names: Sequence[str], call: Callable[[str], T]) -> dict[str, T]:
    """What `call` made of every name. Each call bounds its own time.

    All are tried. Raises the fault of the one that failed, or one that tells of all that did: transient if any was.
    """
    if not names:
        return {}
    with ThreadPoolExecutor(max_workers=min(len(names), _AT_ONCE)) as pool:
        calls = {name: pool.submit(call, name) for name in names}
    faults = [fault for one in calls.values() if (fault := one.exception()) is not None]
    for fault in faults:
        if not isinstance(fault, SystemFaultError):
            raise fault
    known = [fault for fault in faults if isinstance(fault, SystemFaultError)]
    if known:
        raise _together(known, len(names)) from known[0]
    return {name: one.result() for name, one in calls.items()}


def _together(faults: Sequence[SystemFaultError], asked: int) -> SystemFaultError:
    first = next((fault for fault in faults if isinstance(fault, TransientFaultError)), faults[0])
    if len(faults) == 1:
        return first
    return type(first)(
        system=first.system,
        question=", ".join(fault.question for fault in faults),
        answer=f"{first.answer}, {len(faults)} of {asked} times",
        next_step=first.next_step,
    )
