"""What this store booked of a sale's number already, under another key: the ERP's ledger may have lost the row that
guards it."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Select, literal_column, select

from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.fiscal.documents import Sale
from malote.spool.documents import LeasedDocument

VOID = "void"  # in a key's place, where the number is void

Number = tuple[str, str, int, int]  # issuer, model, series, number

_own, _other = documents.alias("own"), documents.alias("other")


def booked(engine: Engine, leased: Sequence[LeasedDocument]) -> dict[int, frozenset[str]]:
    """By document, of those few of whose number anything is posted: the keys of the other sales, and of what comes
    again whether the number is void. Raises ``StoreError``."""
    sales = {one.id: one.document for one in leased if isinstance(one.document, Sale)}
    found: dict[int, set[str]] = defaultdict(set)
    with reading(engine) as connection:
        for some in chunks(sorted(sales)):
            for place, key, state in connection.execute(others_of(some)):
                if state == "posted" and key not in (None, sales[place].access_key):
                    found[place].add(key)
        for one in leased:
            if one.again and one.id in sales and voided(connection, [_number(sales[one.id])]):
                found[one.id].add(VOID)
    return {place: frozenset(keys) for place, keys in found.items()}


def voided(connection: Connection, numbers: Collection[Number]) -> set[Number]:
    """Those that a posted void covers."""
    return {one for one in numbers if connection.execute(voids_of(one)).first() is not None}


def others_of(ids: Collection[int]) -> Select[Any]:
    """All sales of these sales' numbers, themselves too, whatever became of them: a planner without statistics that is
    asked for a state or a kind as well begins with that, and reads all of history."""
    same = [_other.c[name] == _own.c[name] for name in ("issuer", "model", "series", "kind", "number")]
    query = select(_own.c.id, _other.c.access_key, _other.c.state)
    return query.where(_own.c.id.in_(ids), *same, _other.c.number.is_not(None))


def voids_of(number: Number) -> Select[Any]:
    column = documents.c
    # Written out, so that the engines see which of their indexes it is.
    void = (column.kind == literal_column("'number_void'"), column.state == "posted")
    series = (column.issuer == number[0], column.model == number[1], column.series == number[2])
    covers = (column.number <= number[3], column.last_number >= number[3])
    return select(column.id).where(*void, *series, *covers).limit(1)


def _number(sale: Sale) -> Number:
    return sale.issuer, sale.model, sale.series, sale.number
