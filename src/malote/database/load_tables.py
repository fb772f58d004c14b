"""The tables of loads (loads/): what the ERP has said in each version, and which of them each till sells with.

Times are seconds since the epoch by the server's clock; texts that say JSON hold msgspec's encoding. A change needs a
migration.
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
    false,
    text,
)

from malote.database.partial_index import PartialIndex
from malote.database.tables import ROW_ID, metadata

_GONE = text("version_to IS NOT NULL")
_THERE = text("version_to IS NULL")
_PUT_OFF = text("put_off_to IS NOT NULL AND version_to IS NULL")
_DIFFERS = text("differing <> '[]'")
_NOT_RELEASED = text("released_at IS NULL")

# A version is there only with all of its changes: one transaction writes both.
load_version = Table(
    "load_version",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("made_at", Double, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("emergency", Boolean, nullable=False),
    Index("load_version_made", "made_at"),
)

# An entity as it is declared; declared otherwise, it is another one, and the rows of before are gone with it.
load_entity = Table(
    "load_entity",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("declaration", Text, nullable=False),  # JSON, load_format.entity.Entity
    Column("version_to", BigInteger),  # the version that has another declaration; NULL: in force
    Column("watermark", Text, nullable=False),  # JSON, the newest change read; "" where all rows are compared
    Column("looked_at", Double),  # when the ERP was last asked
    Column("compared_at", Double),  # when all of its rows were last compared
    Index("load_entity_name", "name", "id"),
)

# What a version made of an entity; versions that didn't change it have no row.
load_state = Table(
    "load_state",
    metadata,
    Column("entity_id", ROW_ID, ForeignKey("load_entity.id", name="load_state_entity"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),  # hex, load_format.digest.entity_digest
    *(Column(name, BigInteger, nullable=False) for name in ("added", "changed", "gone")),
    PrimaryKeyConstraint("entity_id", "version", name="load_state_key"),
    Index("load_state_version", "version"),
)

# A row from the version that brought it up to, and without, the one that took it away or changed it.
load_row = Table(
    "load_row",
    metadata,
    Column("entity_id", ROW_ID, ForeignKey("load_entity.id", name="load_row_entity"), nullable=False),
    Column("key", LargeBinary, nullable=False),  # load_format.digest.key_bytes
    Column("version_from", BigInteger, nullable=False),
    Column("version_to", BigInteger),
    Column("bucket", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),  # JSON, load_format.entity.Row
    Column("hash", LargeBinary, nullable=False),
    # Of a price whose rise waits for the shelf: the key that the ERP has it under, and from when it is valid
    Column("erp_key", LargeBinary),
    Column("put_off_to", Text),
    PrimaryKeyConstraint("entity_id", "key", "version_from", name="load_row_key"),
    PartialIndex("load_row_put_off", "entity_id", "put_off_to", where=_PUT_OFF),
    PartialIndex("load_row_bucket", "entity_id", "bucket", where=_THERE),
    Index("load_row_from", "entity_id", "version_from"),
    PartialIndex("load_row_to", "entity_id", "version_to", where=_GONE),
)

# Of the rows that are there now.
load_bucket = Table(
    "load_bucket",
    metadata,
    Column("entity_id", ROW_ID, ForeignKey("load_entity.id", name="load_bucket_entity"), nullable=False),
    Column("bucket", Integer, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("entity_id", "bucket", name="load_bucket_key"),
)

# Rows of the ERP that break a rule, as they were last read.
load_refusal = Table(
    "load_refusal",
    metadata,
    Column("entity", Text, nullable=False),  # its name
    Column("key", LargeBinary, nullable=False),
    Column("code", Text, nullable=False),
    Column("facts", Text, nullable=False),  # JSON, without what is personal
    Column("since", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    PrimaryKeyConstraint("entity", "key", name="load_refusal_key"),
)

# What keeps an entity from its next version: one that a person must confirm, or a trouble of the ERP's.
load_hold = Table(
    "load_hold",
    metadata,
    Column("entity", Text, nullable=False),  # its name
    Column("code", Text, nullable=False),
    Column("facts", Text, nullable=False),  # JSON
    Column("since", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in ("gone", "changed")),
    Column("confirmed_by", Text, nullable=False),  # for at most as many rows as these; "" by nobody
    Column("is_final", Boolean, nullable=False, server_default=false()),  # nobody can let it through
    PrimaryKeyConstraint("entity", name="load_hold_key"),
)

# The files that were made, each once for all tills that need it.
load_file = Table(
    "load_file",
    metadata,
    Column("sha256", Text, nullable=False),  # hex
    Column("entity_id", ROW_ID, ForeignKey("load_entity.id", name="load_file_entity"), nullable=False),
    Column("mode", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("after", BigInteger, nullable=False),
    Column("item_keys", Text, nullable=False),  # hex, SHA-256 of the keys in it; "" where there are none
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("used_at", Double, nullable=False),
    PrimaryKeyConstraint("entity_id", "mode", "version", "after", "item_keys", name="load_file_key"),
    Index("load_file_sha256", "sha256"),
)

# What each till said it sells with: a row from each change on. The newest is what it has now.
load_till = Table(
    "load_till",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("till_id", ROW_ID, ForeignKey("till.id", name="load_till_till"), nullable=False),
    Column("version", BigInteger, nullable=False),
    # JSON, version of each entity that isn't as it was at ``version``; one that the till has nothing of: 0
    Column("others", Text, nullable=False),
    Column("applied_at", Double, nullable=False),  # by the server's clock: the till's, less what that is off
    Column("heard_at", Double, nullable=False),
    Column("rolled_back_from", BigInteger, nullable=False),
    Column("differing", Text, nullable=False),  # JSON, names of entities whose digest isn't that of their version
    # JSON, by entity: rows that the till was given alone, each key with the version that it has of it
    Column("chosen", Text, nullable=False, server_default=text("'{}'")),
    Index("load_till_newest", "till_id", "id"),
    PartialIndex("load_till_differing", "till_id", "id", where=_DIFFERS),
)

# Tills that are kept at an earlier load, since a person took a later one back: until they are released.
load_back = Table(
    "load_back",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("till_id", ROW_ID, ForeignKey("till.id", name="load_back_till"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("others", Text, nullable=False),  # as load_till has them
    Column("back_from", BigInteger, nullable=False),  # the version that isn't wanted there
    Column("asked_by", Text, nullable=False),  # "": at the till itself
    Column("reason", Text, nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("until", Double),  # NULL: until a person releases it
    Column("till_at", BigInteger, nullable=False),  # when a person did it there, by the till's clock; 0: ordered
    Column("released_at", Double),
    Column("released_by", Text, nullable=False),
    Index("load_back_newest", "till_id", "id"),
    PartialIndex("load_back_open", "till_id", where=_NOT_RELEASED, unique=True),
)

# Up to where what was booked was compared with the tills' price lists; one row.
load_sale_walk = Table(
    "load_sale_walk",
    metadata,
    Column("id", Integer, nullable=False, primary_key=True),  # 1
    Column("feed_to", BigInteger, nullable=False),
)

# Lines that were sold at a price that their till's list didn't have.
load_sale = Table(
    "load_sale",
    metadata,
    Column("access_key", Text, nullable=False),
    Column("line", Integer, nullable=False),  # nItem
    Column("till_id", ROW_ID, ForeignKey("till.id", name="load_sale_till"), nullable=False),
    Column("day", Text, nullable=False),  # YYYY-MM-DD, of issue
    Column("issued_at", Text, nullable=False),
    Column("product", Text, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("quantity", "sold", "listed")),  # decimals
    Column("cents", BigInteger, nullable=False),  # more than by the list
    Column("version", BigInteger, nullable=False),  # of the list
    PrimaryKeyConstraint("access_key", "line", name="load_sale_key"),
    Index("load_sale_till", "till_id", "issued_at"),
)

# How many lines of each till's day were compared, and what came of it.
load_sale_day = Table(
    "load_sale_day",
    metadata,
    Column("till_id", ROW_ID, ForeignKey("till.id", name="load_sale_day_till"), nullable=False),
    Column("day", Text, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in ("lines", "unlisted", "unknown", "differing", "cents")),
    PrimaryKeyConstraint("till_id", "day", name="load_sale_day_key"),
)

# Loads at times of their own.
load_plan = Table(
    "load_plan",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("cron", Text, nullable=False),  # by the store's clock
    Column("wanted", Text, nullable=False),  # JSON, loads.planning.Wanted
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("last_at", Double, nullable=False),  # what was due by then has been done
)

# Versions that go out in waves.
load_rollout = Table(
    "load_rollout",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("entities", Text, nullable=False),  # JSON, names; []: all
    Column("anew", Boolean, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("everyone", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("wave", Integer, nullable=False),  # the one that is open
    Column("approved", Integer, nullable=False),  # the last one that may open
    Column("finished_at", Double),
    Column("code", Text, nullable=False),  # the failure that stopped it, and at which till
    Column("stopped_by", Text, nullable=False),
)

load_rollout_till = Table(
    "load_rollout_till",
    metadata,
    Column("rollout_id", ROW_ID, ForeignKey("load_rollout.id", name="load_rollout_till_rollout"), nullable=False),
    Column("till_id", ROW_ID, ForeignKey("till.id", name="load_rollout_till_till"), nullable=False),
    Column("wave", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("offered_at", Double),
    Column("reported_at", Double),
    Column("seconds", Double),  # that it took at the till
    Column("code", Text, nullable=False),
    Column("facts", Text, nullable=False),  # JSON
    PrimaryKeyConstraint("rollout_id", "till_id", name="load_rollout_till_key"),
    Index("load_rollout_till_wave", "rollout_id", "wave", "state"),
)
