"""Events, append-only, and the one open launch of each product."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# The role that launches write with: it can add events and read them, nothing else.
_WRITER = "tminus_writer"
_REFUSAL = "the ledger is append-only"

# CREATE ROLE is cluster-wide and needs a right that a plain owner may lack. Without the role the triggers still refuse.
_POSTGRESQL = (
    f"""
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION '{_REFUSAL}: % of table % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
    END $$
    """,
    """
    CREATE TRIGGER event_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    "ALTER TABLE event ENABLE ALWAYS TRIGGER event_is_append_only",
    f"""
    DO $$ BEGIN
      CREATE ROLE {_WRITER} NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
    END $$
    """,
    f"""
    DO $$ BEGIN
      IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{_WRITER}') THEN
        REVOKE ALL ON event, open_launch FROM {_WRITER};
        GRANT SELECT, INSERT ON event TO {_WRITER};
        GRANT SELECT, INSERT, DELETE ON open_launch TO {_WRITER};
        GRANT SELECT ON alembic_version TO {_WRITER};
      END IF;
    END $$
    """,  # noqa: S608  the only name put in is the constant above
    "REVOKE UPDATE, DELETE, TRUNCATE ON event FROM PUBLIC",
)
# `INSERT OR REPLACE` deletes without firing a delete trigger, so an insert in a taken place is refused as well.
_SQLITE = (
    f"CREATE TRIGGER event_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
    f"CREATE TRIGGER event_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
    f"""
    CREATE TRIGGER event_replace BEFORE INSERT ON event
    WHEN EXISTS (SELECT 1 FROM event WHERE launch = NEW.launch AND sequence = NEW.sequence)
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END
    """,  # noqa: S608  the only text put in is the constant above
)


def upgrade() -> None:
    """Creates both tables and what makes `event` append-only."""
    op.create_table(
        "event",
        sa.Column("launch", sa.Text, primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wall", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.CheckConstraint("sequence > 0"),
    )
    op.create_table(
        "open_launch",
        sa.Column("product", sa.Text, primary_key=True),
        sa.Column("launch", sa.Text, nullable=False),
    )
    for statement in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)
