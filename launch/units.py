"""Units that plans and systems write, and conversion between those of one dimension."""

from __future__ import annotations

# unit -> (dimension, factor to the dimension's base unit)
_UNITS: dict[str, tuple[str, float]] = {
    "ms": ("time", 0.001),
    "s": ("time", 1.0),
    "min": ("time", 60.0),
    "h": ("time", 3_600.0),
    "days": ("time", 86_400.0),
    "weeks": ("time", 604_800.0),
    "months": ("time", 2_629_800.0),
    "years": ("time", 31_557_600.0),
    "ratio": ("share", 1.0),
    "%": ("share", 0.01),
    "bytes": ("size", 1.0),
    "KB": ("size", 1_024.0),
    "MB": ("size", 1_048_576.0),
    "GB": ("size", 1_073_741_824.0),
    "req/s": ("rate", 1.0),
    "req/min": ("rate", 1.0 / 60.0),
}


def dimension(unit: str) -> str | None:
    """`time`, `share`, `size` or `rate`; None for a unit that is only a noun (`tenants`, `errors`, `state`)."""
    known = _UNITS.get(unit)
    return known[0] if known else None


def convert(value: float, source: str, target: str) -> float | None:
    """`value` from unit `source` to unit `target`; None where the two measure different things.

    Nouns convert one to one (a count of `tenants` is a number), and so does a value without a unit.
    """
    have, want = _UNITS.get(source), _UNITS.get(target)
    if have is not None and want is not None:
        return value * have[1] / want[1] if have[0] == want[0] else None
    if have is None and want is None:
        return value
    return value if "" in (source, target) else None
