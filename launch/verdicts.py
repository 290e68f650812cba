"""The one judge: thresholds and readings in, a verdict with its sentence out. Absence never means fine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

from launch.model import Model
from launch.plan.checks import Comparator, Threshold
from launch.readings import Quantity, Reading, Scalar
from launch.release import Release
from launch.units import convert


class Verdict(StrEnum):
    """The answer to a check."""

    PASS = "pass"  # noqa: S105  a verdict, not a credential
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


class Finding(Model):
    """One threshold held against one measured value."""

    metric: str
    verdict: Verdict
    measured: str
    expected: str
    where: str


class Judgement(Model):
    """A verdict and the sentence that explains it: what was measured, what was expected, where."""

    verdict: Verdict
    sentence: str
    findings: tuple[Finding, ...] = ()


_WORST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS)


def judge(limits: Sequence[Threshold], readings: Sequence[Reading], release: Release | None = None) -> Judgement:
    """Holds every limit against every reading that carries its metric.

    A metric that no reading carries, NaN, or a unit that cannot be converted is inconclusive; the worst finding is the
    verdict. A limit with `service` takes its figure from `release`. No limit at all is inconclusive.
    """
    if not limits:
        return Judgement(verdict=Verdict.INCONCLUSIVE, sentence="no threshold says what would be right")
    findings = tuple(finding for limit in limits for finding in _find(limit, readings, release))
    worst = next(verdict for verdict in _WORST_FIRST if any(finding.verdict is verdict for finding in findings))
    told = [finding for finding in findings if finding.verdict is worst]
    return Judgement(verdict=worst, sentence="; ".join(_sentence(finding) for finding in told), findings=findings)


def _find(limit: Threshold, readings: Sequence[Reading], release: Release | None) -> list[Finding]:
    figure = _figure(limit, release)
    expected = f"{limit.comparator.value} {_show(figure, limit.unit)}"
    measured = [(reading, reading.values[limit.metric]) for reading in readings if limit.metric in reading.values]
    if not measured:
        where = ", ".join(reading.where for reading in readings) or "nowhere"
        return [
            Finding(
                metric=limit.metric,
                verdict=Verdict.INCONCLUSIVE,
                measured="no data",
                expected=expected,
                where=where,
            ),
        ]
    return [
        Finding(
            metric=limit.metric,
            verdict=_compare(limit, figure, quantity),
            measured=_show(quantity.value, quantity.unit),
            expected=expected,
            where=reading.where,
        )
        for reading, quantity in measured
    ]


def _figure(limit: Threshold, release: Release | None) -> Scalar:
    if limit.service is not None and release is not None:
        return release.services.get(limit.service, limit.value)
    return limit.value


def _compare(limit: Threshold, figure: Scalar, quantity: Quantity) -> Verdict:
    value = quantity.value
    if _nan(value) or _nan(figure):
        return Verdict.INCONCLUSIVE
    if limit.comparator in {Comparator.EQUAL, Comparator.UNEQUAL}:
        if isinstance(value, str | bool) and isinstance(figure, str | bool):
            same = str(value).casefold() == str(figure).casefold()
            return _verdict(holds=same is (limit.comparator is Comparator.EQUAL))
        if _word(value) or _word(figure):
            # A number equals no word; but that it differs from one says nothing.
            return Verdict.FAIL if limit.comparator is Comparator.EQUAL else Verdict.INCONCLUSIVE
    elif isinstance(value, bool):
        return Verdict.INCONCLUSIVE
    number = None if isinstance(value, str) else convert(float(value), quantity.unit, limit.unit)
    return Verdict.INCONCLUSIVE if number is None else holds(number, limit.comparator, figure)


def holds(number: float, comparator: Comparator, figure: Scalar) -> Verdict:
    """Pass or fail of one comparison; inconclusive where the figure is not of the comparator's form."""
    match comparator:
        case Comparator.IN:
            low, _, high = str(figure).partition("..")
            return _verdict(holds=float(low) <= number <= float(high)) if _numbers(low, high) else Verdict.INCONCLUSIVE
        case Comparator.AROUND:
            middle, _, span = str(figure).partition("~")
            near = _numbers(middle, span) and abs(number - float(middle)) <= float(span)
            return _verdict(holds=near) if _numbers(middle, span) else Verdict.INCONCLUSIVE
        case _:
            # A series says true and false as 1 and 0.
            if not _numbers(str(float(figure)) if isinstance(figure, bool) else str(figure)):
                return Verdict.INCONCLUSIVE
            return _verdict(holds=_ordered(number, comparator, float(figure)))


def _ordered(number: float, comparator: Comparator, bound: float) -> bool:
    close = math.isclose(number, bound, rel_tol=1e-9, abs_tol=1e-12)
    match comparator:
        case Comparator.LESS:
            return number < bound and not close
        case Comparator.AT_MOST:
            return number <= bound or close
        case Comparator.MORE:
            return number > bound and not close
        case Comparator.AT_LEAST:
            return number >= bound or close
        case Comparator.UNEQUAL:
            return not close
        case _:
            return close


def _verdict(*, holds: bool) -> Verdict:
    return Verdict.PASS if holds else Verdict.FAIL


def _nan(value: Scalar) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _word(value: Scalar) -> bool:
    return isinstance(value, str) and not _numbers(value)


def _numbers(*texts: str) -> bool:
    try:
        return all(math.isfinite(float(text)) for text in texts)
    except ValueError:
        return False


def _show(value: Scalar, unit: str) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
    return f"{text}{unit}" if unit == "%" else f"{text} {unit}".rstrip()


def _sentence(finding: Finding) -> str:
    if finding.verdict is Verdict.INCONCLUSIVE:
        return (
            f"{finding.metric} is {finding.measured} at {finding.where}, expected {finding.expected}: no clear answer"
        )
    return f"{finding.metric} is {finding.measured} at {finding.where}, expected {finding.expected}"
