"""Where a PostgreSQL connection string leads, in both forms that libpq takes, without what it keeps secret."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from blocks.faults import no_address

_FORM = "postgresql://user:password@host:port/database"


@dataclass(frozen=True)
class Target:
    """A database of a server and who asks; empty where libpq's own defaults apply."""

    host: str
    port: str
    database: str
    user: str

    def __str__(self) -> str:
        return f"PostgreSQL {self.host}:{self.port}/{self.database}"


def target_of(dsn: SecretStr, *, question: str = "its connection string", field: str = "dsn") -> Target:
    """Raises `PermanentFaultError` for what libpq would not take, and quotes nothing of it."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        known = {name: str(value) for name, value in conninfo_to_dict(dsn.get_secret_value()).items() if value}
    except ProgrammingError:
        raise no_address("PostgreSQL", question, field=field, form=_FORM) from None
    port = known.get("port", "5432")
    # Several hosts have several: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS
    # A host with an @ is half of a password.
    if "@" in known.get("host", "") or not all(one.isdecimal() for one in port.split(",") if one):
        raise no_address("PostgreSQL", question, field=field, form=_FORM)
    return Target(host=known.get("host", ""), port=port, database=known.get("dbname", ""), user=known.get("user", ""))
