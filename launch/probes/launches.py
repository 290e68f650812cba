"""Questions to tminus's own ledger about other launches of the product."""

from __future__ import annotations

from typing import ClassVar, Literal

from launch.model import Text
from launch.probes.base import Probe


class NewestDrill(Probe):
    """The newest finished drill of this product in an environment, as `tminus drill` recorded it.

    `drill_age` (h since it ended), `drill_passed` (true: rolled back without residue and within every budget),
    `drill_deploy`, `drill_restored`, `drill_complete` and `drill_lost` (s; those it measured), `drill_version` (the
    release it rolled back from). No such drill: no answer.
    """

    ask: Literal["newest-drill"]
    yields: ClassVar[frozenset[str] | None] = frozenset(
        {
            "drill_age",
            "drill_passed",
            "drill_deploy",
            "drill_restored",
            "drill_complete",
            "drill_lost",
            "drill_version",
        },
    )
    environment: Text = "staging"


LaunchesProbe = NewestDrill
