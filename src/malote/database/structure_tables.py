"""The store database's tables of structures: what was applied, step by step, and how far tills got.

Their metadata is that of ``tables``; texts that say JSON hold msgspec's encoding.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from malote.database.partial_index import PartialIndex
from malote.database.tables import ROW_ID, metadata

structure_run = Table(
    "structure_run",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("beat_at", Double, nullable=False),  # a run that stopped giving signs of life was interrupted
    Column("finished_at", Double),
    Column("state", Text, nullable=False),
    Column("refused", Text, nullable=False),  # JSON, list of structures.reports.Difference
    Column("replayed", Integer, nullable=False),
    Column("code", Text, nullable=False),
    Column("facts", Text, nullable=False),  # JSON
    Index("structure_run_scope", "scope", "id"),
)

structure_step = Table(
    "structure_step",
    metadata,
    Column("run_id", ROW_ID, ForeignKey("structure_run.id", name="structure_step_run"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("report", Text, nullable=False),  # JSON, structures.reports.StepReport
    PrimaryKeyConstraint("run_id", "number", name="structure_step_key"),
)

# What each till last said of its outbox.
till_structure = Table(
    "till_structure",
    metadata,
    Column("till_id", ROW_ID, ForeignKey("till.id", name="till_structure_till"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("sha256", Text, nullable=False),  # hex; empty where no structure was ever applied
    Column("said_at", Double, nullable=False),
    PrimaryKeyConstraint("till_id", name="till_structure_key"),
)

rollout = Table(
    "rollout",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    # What tills are told, and answer with: no number of another database is ever taken for it.
    Column("number", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("published", Text, nullable=False),  # JSON, structures.form.Structure as it was signed
    Column("signature", Text, nullable=False),  # hex
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("everyone", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("wave", Integer, nullable=False),
    Column("finished_at", Double),
    Column("code", Text, nullable=False),  # the failure that stopped it, and at which till
    Column("stopped_by", Text, nullable=False),
    PartialIndex("rollout_open", "id", where=text("state = 'running'")),
)

rollout_till = Table(
    "rollout_till",
    metadata,
    Column("rollout_id", ROW_ID, ForeignKey("rollout.id", name="rollout_till_rollout"), nullable=False),
    Column("till_id", ROW_ID, ForeignKey("till.id", name="rollout_till_till"), nullable=False),
    Column("wave", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("offered_at", Double),
    Column("reported_at", Double),
    Column("seconds", Double),
    Column("code", Text, nullable=False),
    Column("facts", Text, nullable=False),  # JSON
    PrimaryKeyConstraint("rollout_id", "till_id", name="rollout_till_key"),
    Index("rollout_till_wave", "rollout_id", "wave", "state"),
)
