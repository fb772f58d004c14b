"""Tables of what people ordered for many documents or tills at once. Times are seconds since the epoch, money is cents.

A change here needs a migration.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from malote.database.tables import ROW_ID, metadata

# The counts are kept in the transaction of every change of an item.
job = Table(
    "job",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("kind", Text, nullable=False),  # quarantine.jobs.Kind
    Column("state", Text, nullable=False),  # quarantine.jobs.JobState
    Column("till", Text, nullable=False),  # "" for several
    Column("asked_by", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("reason", Text, nullable=False),  # as typed by the person
    Column("forced", Boolean, nullable=False),  # what may be the last copy too
    Column("undoes", ROW_ID),  # the job whose work it takes back
    Column("finished_at", Double),
    Column("stopped_by", Text, nullable=False),
    Column("waits", Text, nullable=False),  # the code of what keeps it from going on, "" for nothing
    Column("owner", Text, nullable=False),  # the process that works on it
    Column("lease_until", Double, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("total_cents", BigInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("done_cents", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("refused_cents", BigInteger, nullable=False),
    Index("job_state", "state", "id"),
    Index("job_till", "till", "id"),
)

# The list as it was frozen when it was ordered.
job_item = Table(
    "job_item",
    metadata,
    Column("job_id", ROW_ID, ForeignKey("job.id", name="job_item_job"), nullable=False),
    Column("target_id", ROW_ID, nullable=False),  # of a document, or of a till
    Column("cents", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # "open", "done", "refused"
    Column("code", Text, nullable=False),  # why it was refused
    Column("facts", Text, nullable=False),  # JSON, dict of str
    PrimaryKeyConstraint("job_id", "target_id", name="job_item_key"),
    Index("job_item_state", "job_id", "state", "target_id"),
)
