"""The canary's samples against the stable version's, honest over many looks and silent where samples are too few.

**Test.** Mann-Whitney's U, one-sided, as scipy computes it: normal approximation with correction for ties and
continuity, exact where one side has at most eight samples and no ties. It asks whether the canary's values tend to be
worse, whatever their distribution.

**Effect.** Vargha and Delaney's A = U / (n m): the chance that a value of the canary is worse than one of the stable
version, ties counting half. 0.5 is no difference; 0.56, 0.64 and 0.71 are called small, medium and large (A. Vargha and
H. D. Delaney, 2000, Journal of Educational and Behavioral Statistics 25(2), pages 101-132). A difference that many
samples make significant and nobody would notice is no breach.

**Looks.** Each look spends `false_alarms / looks` of the error (Bonferroni). Looks share samples and are therefore
dependent; the bound holds under any dependence, which is why it is preferred here to group sequential boundaries,
whose exact level rests on independent increments. Looks are counted by time from the begin of the rollout, so that a
restarted run neither repeats nor forgets one, and a step that begins anew gets no new error to spend. When all are
spent the comparison is inconclusive.

**Figure.** The ratio of the two means must breach the guard's own figure as well (where there is one: nothing is a
multiple of zero). The test compares positions, not sizes.

**Limits.** Samples must be independent of each other. A query over a range longer than its step, or a step shorter than
the scrape interval, counts one observation several times: give such a query `over`, and windows that share no time are
compared instead. Simulated with 20 looks for 1 % of false alarms, whole rollouts alarmed falsely in 0.1 % of cases
(looks at all samples since the begin) to 0.7 % (at windows of three looks); with a correlation between neighbours of
0.1 in 0.4 %, of 0.2 in 1.0 %, of 0.3 in 1.9 % and of 0.5 in 7 %. Both sides must rest on about as many requests: of few
requests most samples are 0 and some are large, which has the mean of many requests and another distribution. A baseline
of the canary's size, or an `over` in which each side sees some hundred requests, keeps to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import fmean
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from launch.plan.watch import Comparison, Query

if TYPE_CHECKING:
    import numpy as np

Samples: TypeAlias = "Sequence[float] | np.ndarray"
Answers: TypeAlias = "float | np.ndarray"
MOST_SAMPLES = 2_000
"""A look goes back over at most so many samples of a side."""


class Look(NamedTuple):
    """The `number`th look (from 1) tests the samples after `start` up to `end`."""

    number: int
    start: datetime
    end: datetime


class Compared(NamedTuple):
    """What a look found: whether the difference is more than chance and large, both means, and how it is told."""

    worse: bool
    own: float
    against: float
    detail: str


def spacing(query: Query) -> timedelta:
    """The time between two samples that share nothing."""
    return max(query.step, query.over or timedelta(0))


def look_at(
    comparison: Comparison,
    query: Query,
    *,
    began: datetime,
    since: datetime,
    longest: timedelta | None,
    now: datetime,
) -> Look | None:
    """The newest look that is due: one whenever `samples` more may have come since the rollout `began`.

    It tests what came after `since` (the begin of the step held now), at most `longest` back. None before the first.
    """
    number = (now - began) // (spacing(query) * comparison.samples)
    if number < 1:
        return None
    end = began + number * spacing(query) * comparison.samples
    reach = min(longest or MOST_SAMPLES * spacing(query), MOST_SAMPLES * spacing(query))
    return Look(number, max(since, end - reach), end)


def compared(comparison: Comparison, look: Look, own: Sequence[float], beside: Sequence[float]) -> Compared | str:
    """What the look finds, or why it is inconclusive."""
    if look.number > comparison.looks:
        return f"all {comparison.looks} looks of the comparison are spent"
    fewest = min(len(own), len(beside))
    if fewest < comparison.samples:
        return f"{fewest} of {comparison.samples} samples to compare"
    p_value, effect = (float(one) for one in u_test(own, beside, comparison.worse))
    limit = comparison.false_alarms / comparison.looks
    detail = (
        f"look {look.number} of {comparison.looks}: p = {p_value:.2g} (limit {limit:.2g}), "
        f"A = {effect:.2f} (limit {comparison.effect:g}), {len(own)} and {len(beside)} samples"
    )
    return Compared(p_value <= limit and effect >= comparison.effect, fmean(own), fmean(beside), detail)


def u_test(own: Samples, beside: Samples, worse: Literal["higher", "lower"]) -> tuple[Answers, Answers]:
    """The p-value of the first side being no worse than the second, and the effect A of its being worse.

    Rows of samples, one for each test, give arrays of both.
    """
    # Importing them takes half a second, which `tminus lint` does not have.
    import numpy as np
    from scipy.stats import mannwhitneyu

    found = mannwhitneyu(own, beside, alternative="greater" if worse == "higher" else "less", axis=-1)
    above = found.statistic / (np.shape(own)[-1] * np.shape(beside)[-1])
    # Where all values are alike there is no variance, and nothing to tell from chance.
    return np.nan_to_num(found.pvalue, nan=1.0), above if worse == "higher" else 1 - above
