"""Alembic's entry point: migrations run on the connection and in the transaction that `blocks.ledger` hands over.

Its lock is held then, so processes that open one ledger at once migrate one after the other.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection


def run() -> None:
    """Runs what is missing on the connection handed over in the configuration's attributes."""
    connection = context.config.attributes["connection"]
    if not isinstance(connection, Connection):
        message = "migrations of the ledger run through blocks.ledger.open_ledger only"
        raise TypeError(message)
    context.configure(connection=connection, transactional_ddl=False)
    context.run_migrations()


run()
