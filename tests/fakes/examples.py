"""How often a property is tried, relative to the Hypothesis profile in force."""

from hypothesis import settings


def times(factor: float) -> settings:
    """`factor` times as many examples as the profile says: 30 is 3,000 in CI."""
    return settings(max_examples=max(1, round(settings().max_examples * factor)))
