"""Sales that a till captured and lost with its disk, by number and value: kept here, whatever becomes of the till.

They stand until the sale came after all, or a person answers for it; that the till tells of it no longer ends nothing.
What nobody can say anything of, such as an outbox that can't be read at all, stays the till's own trouble.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, Engine, Subquery, delete, exists, func, select, text, update

from malote.database.engine import reading, writing
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.database.till_tables import lost_sale
from malote.database.upserting import insert_into
from malote.wire import LostSale

CODE = "sales_lost"
MOST_LISTED = 1000
_TEXT = 300  # characters of a name

_OPEN = text("lost_sale.accepted_at IS NULL")  # written as the partial index is, so that it is used


class LostAtTill(msgspec.Struct, frozen=True):
    """One of a till's; ``total`` in cents, ``told_at`` and ``accepted_at`` in seconds since the epoch."""

    till: str
    name: str
    access_key: str | None
    series: int | None
    number: int | None
    issued_at: str | None
    total: int | None
    told_at: float
    accepted_at: float | None


def keep(connection: Connection, till_id: int, told: Sequence[LostSale], now: float) -> int:
    """Keeps what a till says that it lost, and tells how many of it can be kept."""
    rows = {row["identity"]: row for one in told if (row := _row(till_id, one, now)) is not None}
    if rows:
        statement = insert_into(connection, lost_sale).on_conflict_do_nothing(index_elements=["till_id", "identity"])
        connection.execute(statement, list(rows.values()))
    return len(rows)


def settle(engine: Engine) -> None:
    """Takes away what came after all. Raises ``StoreError``."""
    columns = lost_sale.c
    with reading(engine) as connection:
        if connection.execute(select(columns.till_id).where(_OPEN).limit(1)).first() is None:
            return
    of_file = exists().where(
        documents.c.till_id == columns.till_id, documents.c.file_sha256 == columns.file_sha256, _is_here
    )
    of_key = exists().where(documents.c.access_key == columns.access_key, documents.c.kind == "sale", _is_here)
    with writing(engine) as connection:
        connection.execute(delete(lost_sale).where(_OPEN, of_file))
        connection.execute(delete(lost_sale).where(_OPEN, of_key))


_is_here = documents.c.state != "discarded"


def by_till() -> Subquery:
    """A row per till that has any: ``till_id``, ``lost``, ``lost_total`` in cents, ``lost_since``."""
    columns = lost_sale.c
    return (
        select(
            columns.till_id,
            func.count().label("lost"),
            func.coalesce(func.sum(columns.total), 0).label("lost_total"),
            func.min(columns.told_at).label("lost_since"),
        )
        .where(_OPEN)
        .group_by(columns.till_id)
        .subquery("lost_sales")
    )


def listed(connection: Connection, till: str | None = None, *, accepted: bool = False) -> list[LostAtTill]:
    """By till and number, at most a thousand."""
    columns = lost_sale.c
    query = select(lost_sale, tills.c.name.label("till")).join_from(lost_sale, tills)
    if not accepted:
        query = query.where(_OPEN)
    if till is not None:
        query = query.where(tills.c.name_key == till.lower())
    order = (tills.c.name_key, columns.series, columns.number, columns.identity)
    names = [field.name for field in msgspec.structs.fields(LostAtTill)]
    rows = connection.execute(query.order_by(*order).limit(MOST_LISTED)).mappings()
    return [LostAtTill(**{name: row[name] for name in names}) for row in rows]


def accept(connection: Connection, till: str, now: float) -> tuple[int, int]:
    """A person answers for all that the till lost: how many, and their cents as far as known."""
    own = (_OPEN, lost_sale.c.till_id.in_(select(tills.c.id).where(tills.c.name_key == till.lower())))
    sums = select(func.count(), func.coalesce(func.sum(lost_sale.c.total), 0)).where(*own)
    count, total = connection.execute(sums).one()
    connection.execute(update(lost_sale).where(*own).values(accepted_at=now))
    return int(count), int(total)


def _row(till_id: int, one: LostSale, now: float) -> dict[str, object] | None:
    try:
        sha256 = bytes.fromhex(one.sha256)
    except ValueError:
        sha256 = b""
    if not sha256 and not one.access_key and one.number is None:
        return None
    identity = sha256.hex() or one.access_key or f"{one.series}/{one.number}"
    return {
        "till_id": till_id,
        "identity": identity,
        "name": one.name[:_TEXT],
        "file_sha256": sha256 or None,
        "access_key": one.access_key or None,
        "series": one.series,
        "number": one.number,
        "issued_at": one.issued_at or None,
        "total": one.total,
        "told_at": now,
        "accepted_at": None,
    }
