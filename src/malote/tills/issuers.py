"""Whose documents the store's are, beside the issuers of its settings: those that a person accepted on the screen."""

from sqlalchemy import Connection, Engine, select, text

from malote.database.engine import reading
from malote.database.quarantine_tables import accepted_issuer


def is_accepted(engine: Engine, issuer: str) -> bool:
    """Raises ``StoreError``."""
    query = select(accepted_issuer.c.issuer).where(accepted_issuer.c.issuer == issuer)
    with reading(engine) as connection:
        return connection.execute(query).first() is not None


def accept(connection: Connection, issuer: str, who: str, now: float) -> None:
    """From now on; ``now`` in seconds since the epoch."""
    connection.execute(_ACCEPT, {"issuer": issuer, "at": now, "who": who})


_ACCEPT = text(
    "INSERT INTO accepted_issuer (issuer, at, who) VALUES (:issuer, :at, :who) ON CONFLICT (issuer) DO NOTHING"
)
