"""The ledger as a Prefect block: flows and deployments name it, its URL (with the password) stays here."""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr

from blocks.ledger import SqlLedger, open_ledger
from blocks.ledger_database import HEAD, version_at
from launch.drill import drill_product
from launch.drill_figures import DrillFigures, drill_figures
from launch.errors import PermanentFaultError, PlanError
from launch.events import LaunchOpened
from launch.ledger import Ledger
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.launches import NewestDrill
from launch.readings import Quantity, Reading, quantities


class LedgerStore(Block):
    """Where launches are recorded: a SQLite file for one machine, PostgreSQL for several."""

    _block_type_name: ClassVar[str] = "Launch ledger"
    _block_type_slug: ClassVar[str] = "launch-ledger"
    _description: ClassVar[str] = (
        "Where launches are recorded; takes a database URL: "
        "https://docs.sqlalchemy.org/en/20/core/engines.html#database-urls"
    )
    _documentation_url = HttpUrl("https://docs.sqlalchemy.org/en/20/core/engines.html#database-urls")
    needs: ClassVar[str] = "INSERT and SELECT on its tables (role `tminus_writer`); the schema's owner migrates"

    answers: ClassVar[tuple[type[Probe], ...]] = (NewestDrill,)

    url: SecretStr = Field(
        description="`sqlite:////srv/tminus/ledger.db` or `postgresql://user:password@host:5432/database`.",
    )

    def open(self) -> SqlLedger:
        """The ledger, migrated. Raises `PlanError` in one sentence when the URL cannot be reached."""
        return open_ledger(self.url.get_secret_value())

    def check(self) -> str:
        """Proves that the database answers and says which schema it has; makes nothing. Raises `SystemFaultError`."""
        try:
            version = version_at(self.url.get_secret_value())
        except PlanError as error:
            raise PermanentFaultError(
                system="the ledger",
                question="which schema it has",
                answer=str(error),
                next_step="check the address in the ledger's block, and that the database takes connections",
            ) from error
        if version is None:
            return "the ledger is new: its tables are made when it is first opened"
        return f"the ledger has schema {version}" + ("" if version == HEAD else f"; {HEAD} is made when it is opened")

    def answer(self, probe: NewestDrill, occasion: Occasion) -> Reading:
        """What the newest finished drill of the launch's product measured. Raises `SystemFaultError`."""
        try:
            ledger = self.open()
        except PlanError as error:
            raise PermanentFaultError(system="the ledger", question="its drills", answer=str(error)) from error
        try:
            where = f"drills in {probe.environment} in the ledger {ledger.url}"
            found = _newest_drill(ledger, occasion.launch, probe.environment)
        finally:
            ledger.close()
        if found is None:
            return Reading(values={}, where=where, at=occasion.now, evidence="no finished drill")
        return Reading(values=_values(found, occasion), where=where, at=occasion.now, evidence=_told(found))


def _newest_drill(ledger: Ledger, launch: str, environment: str) -> DrillFigures | None:
    first = ledger.records(launch)[0].event
    product = drill_product(first.product) if isinstance(first, LaunchOpened) else ""
    for name in reversed(ledger.launches()):
        records = ledger.records(name)
        opened = records[0].event
        if not isinstance(opened, LaunchOpened) or (opened.product, opened.environment) != (product, environment):
            continue
        figures = drill_figures(records)
        if figures.ended_at is not None:
            return figures
    return None


def _values(found: DrillFigures, occasion: Occasion) -> dict[str, Quantity]:
    age = (occasion.now - found.ended_at).total_seconds() / 3600 if found.ended_at else None
    return (
        quantities("h", drill_age=age)
        | quantities(drill_passed=found.passed, drill_version=found.release)
        | quantities(
            "s",
            drill_deploy=found.deploy_seconds,
            drill_restored=found.restored_seconds,
            drill_complete=found.complete_seconds,
            drill_lost=found.lost_seconds,
        )
    )


def _told(found: DrillFigures) -> str:
    told = f"{found.launch} " + ("passed" if found.passed else f"did not pass: {found.failures[0]}")
    return told[:256]
