"""How the ledger's tables came to be, as Alembic migrations; `blocks.ledger` runs them when it opens a ledger."""
