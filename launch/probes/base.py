"""What every probe has: a question (`ask`), the system it is put to (`of`), and the metrics its answer can hold."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from launch.model import Id, Model


class Probe(Model):
    """A question to one system of the plan.

    A subclass narrows `ask` to one `Literal` (verb phrase, kebab-case, e.g. `pods-ready`) and adds typed fields for
    what is asked. `yields` names the metrics the answer can hold, so that a threshold on any other metric is a finding
    of `tminus lint`; None means that the probe's own fields name them (then `metrics()` is overridden).
    """

    yields: ClassVar[frozenset[str] | None] = None

    ask: str
    of: Id = Field(description="Id of the system asked (see `systems`).")

    def metrics(self) -> frozenset[str]:
        """Names of the values a reading of this probe may carry."""
        return self.yields or frozenset()
