"""Tables of what people and tills do about rejected documents, of synchronisations, and the index behind the numbering.

Times are seconds since the epoch; texts that say JSON hold msgspec's encoding. A change here needs a migration.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
    true,
)

from malote.database.partial_index import PartialIndex
from malote.database.tables import ROW_ID, document, metadata

# What a till said of a rejected or discarded file: that it held the content at that moment, checked against its hash.
custody = Table(
    "custody",
    metadata,
    Column("till_id", ROW_ID, ForeignKey("till.id", name="custody_till"), nullable=False),
    Column("file_sha256", LargeBinary, nullable=False),
    Column("confirmed_at", Double, nullable=False),
    PrimaryKeyConstraint("till_id", "file_sha256", name="custody_key"),
)

# What happened to a document besides its arrival and its posting; spool/history.py.
document_event = Table(
    "document_event",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("document_id", ROW_ID, ForeignKey("document.id", name="document_event_document"), nullable=False),
    Column("at", Double, nullable=False),  # the last time
    Column("first_at", Double, nullable=False),
    Column("times", Integer, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("code", Text),  # of the reason, where it is about one
    Column("facts", Text, nullable=False),  # JSON, dict of str
    Index("document_event_document_id", "document_id", "id"),
)

# Of every discarded document: who deleted it, and on what grounds. The row goes when the document is restored.
trash = Table(
    "trash",
    metadata,
    Column("document_id", ROW_ID, ForeignKey("document.id", name="trash_document"), nullable=False),
    Column("till_id", ROW_ID, ForeignKey("till.id", name="trash_till"), nullable=False),
    Column("deleted_at", Double, nullable=False),
    Column("deleted_by", Text, nullable=False),
    Column("grounds", Text, nullable=False),  # "till", "erp", "forced"
    Column("reason", Text, nullable=False),  # as typed by the person
    Column("moved", Boolean, nullable=False),  # whether its files lie in the trash's folder and nowhere else
    Column("purged_at", Double),
    # Whether the ERP may lack a sale since it was deleted: until it is booked after all, or a person says why not.
    Column("unbooked", Boolean, nullable=False, server_default=true()),
    Column("total", BigInteger, nullable=False, server_default=text("0")),  # cents
    PrimaryKeyConstraint("document_id", name="trash_key"),
    Index("trash_till_id", "till_id", "document_id"),
    PartialIndex("trash_unbooked", "till_id", where=text("unbooked = true")),
    PartialIndex("trash_unmoved", "document_id", where=text("moved = false")),
    PartialIndex(
        "trash_deleted_at",
        "deleted_at",
        where=text("purged_at IS NULL"),
    ),
)

# Findings of a document that a person accepted: judging it again takes them for warnings.
accepted_problem = Table(
    "accepted_problem",
    metadata,
    Column("document_id", ROW_ID, ForeignKey("document.id", name="accepted_problem_document"), nullable=False),
    Column("code", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("who", Text, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("document_id", "code", name="accepted_problem_key"),
)

# Products that a till calls otherwise than the ERP: booked under the new code from then on.
product_map = Table(
    "product_map",
    metadata,
    Column("issuer", Text, nullable=False),
    Column("old_code", Text, nullable=False),
    Column("new_code", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("who", Text, nullable=False),
    PrimaryKeyConstraint("issuer", "old_code", name="product_map_key"),
)

# Methods of payment that the ERP doesn't know: booked as another from then on.
payment_map = Table(
    "payment_map",
    metadata,
    Column("issuer", Text, nullable=False),
    Column("old_code", Text, nullable=False),
    Column("new_code", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("who", Text, nullable=False),
    PrimaryKeyConstraint("issuer", "old_code", name="payment_map_key"),
)

# What a code was mapped to before: what was booked so stays right (quarantine/mappings.py).
former_code = Table(
    "former_code",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("kind", Text, nullable=False),  # product, payment
    Column("issuer", Text, nullable=False),
    Column("old_code", Text, nullable=False),
    Column("new_code", Text, nullable=False),
    Column("ended_at", Double, nullable=False),
)

# Issuers that a person added to those of the settings: their documents are the store's own from then on.
accepted_issuer = Table(
    "accepted_issuer",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("at", Double, nullable=False),
    Column("who", Text, nullable=False),
)

# The book of orders (order_tables) took its place: kept for a server of the version before on the same database, and
# what such a one still writes into it is taken over (orders/taking_over.py).
sync_order = Table(
    "sync_order",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("till_id", ROW_ID, ForeignKey("till.id", name="sync_order_till"), nullable=False),
    # What the till is told, and says when it has obeyed: no number of another database is ever taken for it.
    Column("number", BigInteger, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("posted_before", BigInteger, nullable=False),  # documents of the till, when it was asked
    Column("retried", Integer, nullable=False),
    Column("replayed", Integer, nullable=False),
    Column("offered_at", Double),  # the till was told; it may not have heard
    Column("picked_up_at", Double),  # the till said that it has obeyed
    Column("done_at", Double),
    Column("result", Text),  # JSON, the counts of the moment it was done
    Index("sync_order_till_id", "till_id", "id"),
    PartialIndex("sync_order_open", "till_id", where=text("done_at IS NULL")),
)

# Which folder on disk a part of the database belongs to: a mark in the folder must say the same.
folder_mark = Table(
    "folder_mark",
    metadata,
    Column("name", Text, nullable=False),
    Column("mark", Text, nullable=False),
    PrimaryKeyConstraint("name", name="folder_mark_key"),
)

# The numbering (books/numbering.py) walks it and reads no row.
PartialIndex(
    "document_number",
    document.c.issuer,
    document.c.model,
    document.c.series,
    document.c.kind,
    document.c.number,
    document.c.till_id,
    where=text("number IS NOT NULL"),
)
