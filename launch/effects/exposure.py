"""Effects on who gets the release: weights of a router, shares of a flag, flags switched off.

`Observation.exposure` of each is read from the router or flag service at that moment, never remembered.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from launch.effects.base import Effect
from launch.model import Text


class SetWeights(Effect):
    """Each route sends `weight` % of its traffic to `target`, which runs the release; 0 takes it all back.

    Where a route has one other target, that gets the rest; where it has several, they share it in the proportion they
    have. Routes keep everything else they say (matches, time-outs, stickiness). Recorded before: the weights of every
    target. Exposure is the largest share that any of the routes gives to `target`.
    """

    do: Literal["set-weights"]
    routes: tuple[Text, ...] = Field(
        min_length=1, description="Names of routes: a VirtualService, an HTTPRoute, a listener port, an entry point."
    )
    target: Text = Field(description="Target that runs the release: a subset, a backend, a target group, a pool.")
    weight: int = Field(ge=0, le=100, description="In whole %.")


class SetFlagShare(Effect):
    """A boolean flag is on for `percent` % of everybody, or of one cohort only.

    Without `cohort` the flag's default rule serves the share; its other rules go on serving whom they name. With
    `cohort` only that segment's rule is set, and the default rule stays as it is; a flag that was off is switched on
    with a default rule that serves nobody. Raising a share keeps it on for whom it was on. Recorded before: switch,
    rules and default rule. Exposure is the share of everybody; a cohort has none.
    """

    do: Literal["set-flag-share"]
    flag: Text
    percent: float = Field(ge=0, le=100, description="In %, to a thousandth.")
    cohort: str = Field(default="", description="Key of the segment meant; empty for everybody.")


class KillFlags(Effect):
    """Every flag is switched off for everybody, all at once; one that fails keeps none of the others waiting.

    Rules and shares stay as they are, so that switching on again brings them back. Recorded before: as a share's.
    """

    do: Literal["kill-flags"]
    flags: tuple[Text, ...] = Field(min_length=1)


FlagExposure = SetFlagShare | KillFlags
ExposureEffect = SetWeights | FlagExposure
