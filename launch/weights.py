"""Weights of a route: the share that a target has, and the weights that give it another one."""

from __future__ import annotations

from collections.abc import Mapping

WHOLE = 100


def share_of(weights: Mapping[str, int], target: str) -> float:
    """Share of `target` in %; 0 where no target has any weight (nobody is served then)."""
    total = sum(weights.values())
    return 100.0 * weights[target] / total if total else 0.0


def with_share(weights: Mapping[str, int], target: str, percent: int) -> dict[str, int]:
    """Whole weights that sum to 100 and give `target` exactly `percent`.

    The others share the rest in the proportion they have, largest remainder first. Raises `ValueError` where it is
    unknown who should get the rest: no other target, or several of which none has any weight.
    """
    others = {name: weight for name, weight in weights.items() if name != target}
    rest, total = WHOLE - percent, sum(others.values())
    if len(others) == 1:
        shared = dict.fromkeys(others, rest)
    elif rest == 0:
        shared = dict.fromkeys(others, 0)
    elif total == 0:
        raise ValueError("several others, none with any weight" if others else "no other target")
    else:
        shared = _apportioned(others, rest, total)
    return {name: percent if name == target else shared[name] for name in weights}


def _apportioned(weights: Mapping[str, int], rest: int, total: int) -> dict[str, int]:
    shared = {name: rest * weight // total for name, weight in weights.items()}
    by_remainder = sorted(weights, key=lambda name: (-(rest * weights[name] % total), name))
    for name in by_remainder[: rest - sum(shared.values())]:
        shared[name] += 1
    return shared
