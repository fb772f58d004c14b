"""Where each procedure stands, so that a restart forgets nothing. Times are seconds since the epoch.

A change needs a migration.
"""

from sqlalchemy import Column, Double, Index, Table, Text, text

from malote.database.partial_index import PartialIndex
from malote.database.tables import ROW_ID, metadata

runbook_case = Table(
    "runbook_case",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("scope", Text, nullable=False),  # a till's name in lower case, "" for all
    Column("opened_at", Double, nullable=False),
    Column("marks", Text, nullable=False),  # JSON, runbook.situation.Marks
    Column("closed_at", Double),
    Column("proof", Text, nullable=False),  # JSON, runbook.memory.Proof; empty until it is closed
    # One that goes on for a scope, whoever opens it at the same moment.
    PartialIndex(
        "runbook_case_open",
        "scope",
        unique=True,
        where=text("closed_at IS NULL"),
    ),
    Index("runbook_case_scope", "scope", "id"),
)
