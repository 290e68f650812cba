"""The ledger as a Prefect block: flows and deployments name it, its URL (with the password) stays here."""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.ledger import SqlLedger, open_ledger


class LedgerStore(Block):
    """Where launches are recorded: a SQLite file for one machine, PostgreSQL for several."""

    _block_type_name: ClassVar[str] = "Launch ledger"
    _block_type_slug: ClassVar[str] = "launch-ledger"
    _description: ClassVar[str] = (
        "Where launches are recorded; takes a database URL: "
        "https://docs.sqlalchemy.org/en/20/core/engines.html#database-urls"
    )

    url: SecretStr = Field(
        description="`sqlite:////srv/tminus/ledger.db` or `postgresql://user:password@host:5432/database`.",
    )

    def open(self) -> SqlLedger:
        """The ledger, migrated. Raises `PlanError` in one sentence when the URL cannot be reached."""
        return open_ledger(self.url.get_secret_value())

    def check(self) -> str:
        """Proves that the ledger can be reached and read; one sentence."""
        ledger = self.open()
        try:
            return f"the ledger {ledger.url} holds {len(ledger.launches())} launches"
        finally:
            ledger.close()
