"""The store database's tables. Times are seconds since the epoch; texts that say JSON hold msgspec's encoding.

A change here needs a migration beside it in ``migrations/versions``; a test compares the two.
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
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from malote.database.partial_index import PartialIndex

metadata = MetaData()

# SQLite numbers rows by itself only where the key is its own INTEGER.
ROW_ID = BigInteger().with_variant(Integer, "sqlite")

till = Table(
    "till",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("name", Text, nullable=False),
    # In lower case: two tills must never share a folder where file names ignore case.
    Column("name_key", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("token_hash", LargeBinary, nullable=False),  # SHA-256
    Column("created_at", Double, nullable=False),
    Column("disabled_at", Double),
    # What the till itself last said.
    Column("last_contact_at", Double),
    Column("agent_version", Text),
    Column("clock_skew_seconds", Double),  # the till's clock minus the server's
    Column("pending", Integer),
    Column("unproven", Integer),
    Column("refused", Text),  # JSON, list of wire.RefusedFile
    # What it sees in its POS's folder, and what troubles it; NULL of an agent that can't say.
    Column("folder_seen", BigInteger),
    Column("folder_captured", BigInteger),
    Column("uncaptured", BigInteger),
    Column("uncaptured_since", Double),
    Column("unsent_since", Double),
    Column("troubles", Text),  # JSON, list of till_tables.Noted
    Column("lost", Text),  # of an older version; nobody reads it (tills/lost_sales.py)
    Column("books_turn", BigInteger),  # of the newest of its days here
    # Its newest sale.
    Column("last_series", BigInteger),
    Column("last_number", BigInteger),
    Column("last_issued_at", Text),  # ISO 8601 with zone
    # What an operator is told of it: tills/warnings.py.
    Column("slowed_at", Double),
    Column("shared_at", Double),
    Column("shared_with", Text),  # the name of the till whose folder it reads
    UniqueConstraint("name_key", name="till_name_key"),
)

till_series = Table(
    "till_series",
    metadata,
    Column("issuer", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("series", BigInteger, nullable=False),
    Column("till_id", ROW_ID, ForeignKey("till.id", name="till_series_till"), nullable=False),
    PrimaryKeyConstraint("issuer", "model", "series", name="till_series_key"),
)

pouch = Table(
    "pouch",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("till_id", ROW_ID, ForeignKey("till.id", name="pouch_till"), nullable=False),
    Column("received_at", Double, nullable=False),
    Column("pruned_at", Double),
    # Last, so that reading the columns above never walks over the bytes.
    Column("body", LargeBinary),  # as received: zstd of MessagePack of wire.Pouch; NULL once pruned
    Column("extracted", LargeBinary),  # spool/extracted.py; NULL once pruned
    Column("extracted_digests", LargeBinary),  # of its forms; NULL of what was packed before there were any
    PartialIndex("pouch_kept", "id", where=text("pruned_at IS NULL")),
)

document = Table(
    "document",
    metadata,
    Column("id", ROW_ID, primary_key=True),  # in order of arrival
    Column("pouch_id", ROW_ID, ForeignKey("pouch.id", name="document_pouch"), nullable=False),
    Column("pouch_index", Integer, nullable=False),  # of its file in the pouch
    Column("extracted_index", Integer),  # in pouch.extracted; NULL when it could not be read
    Column("till_id", ROW_ID, ForeignKey("till.id", name="document_till"), nullable=False),
    Column("file_sha256", LargeBinary, nullable=False),
    Column("position", Integer, nullable=False),  # within the file
    Column("file_name", Text, nullable=False),
    Column("kind", Text),
    Column("access_key", Text),
    Column("model", Text),
    Column("issuer", Text),
    Column("series", BigInteger),
    Column("number", BigInteger),
    Column("issued_at", Text),  # ISO 8601 with zone
    Column("total", BigInteger),  # cents
    Column("last_number", BigInteger),  # of voided numbers, of which ``number`` is the first
    Column("accepted_at", Double, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason_code", Text),  # while it waits, is rejected or kept; of a posted one, what a person must look at
    Column("reason", Text),  # JSON, spool.documents.Reason
    Column("attempts", Integer, nullable=False),  # times it was leased
    Column("retry_at", Double),  # only while it waits
    Column("lease", Text),  # only while it is being posted
    Column("lease_until", Double),
    Column("settled_at", Double),
    Column("duplicate", Boolean, nullable=False),
    Column("kept", Boolean, nullable=False),  # whether the quarantine has it on disk
    Column("authorised", Boolean),  # whether it, or an answer joined with it, has its protocol; NULL where not known
    UniqueConstraint("till_id", "file_sha256", "position", name="document_once"),
    Index("document_state", "state", "id"),
    # By state first: an index that starts with the till would tempt a planner without statistics to read all that a
    # till ever sent where it looks for a few files.
    Index("document_state_till", "state", "till_id", "id"),
    Index("document_access_key", "access_key"),
    Index("document_pouch_id", "pouch_id"),
    # Small, since only open documents are in them.
    PartialIndex(
        "document_retry",
        "retry_at",
        where=text("retry_at IS NOT NULL"),
    ),
    PartialIndex(
        "document_lease",
        "lease_until",
        where=text("lease_until IS NOT NULL"),
    ),
)

# The keys that a document names besides its own (NFref): the way from a sale to what was written about it.
document_reference = Table(
    "document_reference",
    metadata,
    Column("document_id", ROW_ID, ForeignKey("document.id", name="document_reference_document"), nullable=False),
    Column("access_key", Text, nullable=False),
    PrimaryKeyConstraint("document_id", "access_key", name="document_reference_key"),
    Index("document_reference_access_key", "access_key"),
)

# Sales that are booked and whose protocol the ERP doesn't have yet: offline notes that are still to be transmitted.
open_sale = Table(
    "open_sale",
    metadata,
    Column("access_key", Text, nullable=False),
    Column("till_id", ROW_ID, ForeignKey("till.id", name="open_sale_till"), nullable=False),
    Column("document_id", ROW_ID, ForeignKey("document.id", name="open_sale_document"), nullable=False),
    Column("due_at", Double, nullable=False),  # by when the authority must have it
    PrimaryKeyConstraint("access_key", name="open_sale_key"),
    Index("open_sale_due", "due_at"),
)

# The way to the sales of a till's day.
PartialIndex(
    "document_till_issued",
    document.c.till_id,
    document.c.issued_at,
    where=text("kind = 'sale'"),
)

# The way from a number that somebody looks for to the till's documents of it, among however many.
Index("document_till_number", document.c.till_id, document.c.number)

# Posted documents that a person must look at all the same: few, among millions.
PartialIndex(
    "document_flagged",
    document.c.till_id,
    document.c.id,
    where=text("state = 'posted' AND reason_code IS NOT NULL"),
)

# Rejected documents whose files aren't on the disk yet: none, but for a moment, among however many. By state first, or
# a planner without statistics prefers the index of all rejected ones.
PartialIndex(
    "document_unkept",
    document.c.state,
    document.c.id,
    where=text("state = 'rejected' AND kept = false"),
)

# The way from a number to the voids that cover it. By their last numbers first: a note that comes is mostly newer than
# the voids of its series, so that few or none of them lie from its number on.
PartialIndex(
    "document_void",
    *(document.c[name] for name in ("issuer", "model", "series", "last_number", "number")),
    where=text("kind = 'number_void'"),
)

# How many documents of a till are in a state, for a reason ("" where there is none): kept in the transaction of every
# change (spool/state_changes.py), so that a status never counts history.
tally = Table(
    "tally",
    metadata,
    Column("till_id", ROW_ID, ForeignKey("till.id", name="tally_till"), nullable=False),
    Column("state", Text, nullable=False),
    Column("reason_code", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    # Cents of the sales among them: exact for all but what was settled before this was kept.
    Column("total", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("till_id", "state", "reason_code", name="tally_key"),
)
