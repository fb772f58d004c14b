"""Every statement of a booking that is the same on all engines, over the tables of one ERP.

Lists of keys come in steps of a few sizes, the last key repeated, so that a server that remembers statements by their
text meets only a few; and of at most a thousand, which is all that Oracle takes.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    Delete,
    Insert,
    Select,
    Update,
    and_,
    bindparam,
    delete,
    func,
    insert,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement

from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.profiles.profile import FIELDS
from malote.erp.targets import STAMPED

SIZES = (1, 10, 100, 200, 500, 1000)


def steps(keys: Collection[str]) -> Iterator[list[str]]:
    """The keys in order, in lists of one of ``SIZES``."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), SIZES[-1]):
        yield padded(ordered[start : start + SIZES[-1]])


def padded(keys: Sequence[str]) -> list[str]:
    """At most a thousand keys, the last one repeated; none gives a key that nothing has."""
    some = list(keys) or [""]
    size = next(size for size in SIZES if size >= len(some))
    return some + some[-1:] * (size - len(some))


class Among(ColumnElement[bool]):
    """Whether a column is one of these keys. An engine that takes a list at once may be given it so, in its folder."""

    inherit_cache = False
    type = Boolean()
    _is_implicitly_boolean = True  # a condition, which no engine wants compared with 1

    def __init__(self, column: ColumnElement[Any], keys: Sequence[str]) -> None:
        self.column = column
        self.keys = list(keys)


@compiles(Among)
def _each(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.column.in_(element.keys), **options)


def ledger_entries(erp: ErpTables, identities: Sequence[str]) -> Select[Any]:
    key = erp.ledger.c
    return select(key.identity, key.content_hash, key.till, key.document_id).where(Among(key.identity, identities))


def sales_to_change(erp: ErpTables, cancelled: Sequence[str], completed: Sequence[str]) -> Select[Any]:
    """Sales that are cancelled, and those of ``completed`` that have no protocol yet. The engine adds the lock."""
    sale = erp.standing
    return (
        select(sale.access_key, sale.protocol_status, sale.cancelled_at)
        .where(
            or_(
                sale.access_key.in_(cancelled),
                and_(sale.access_key.in_(completed), sale.protocol_status.is_(None)),
            )
        )
        .order_by(sale.access_key)
    )


def standings(erp: ErpTables, keys: Sequence[str]) -> Select[Any]:
    """Whether these sales are authorised, and cancelled."""
    sale = erp.standing
    return select(sale.access_key, sale.protocol_status, sale.cancelled_at).where(sale.access_key.in_(keys))


def sale_rows(erp: ErpTables, keys: Sequence[str]) -> Select[Any]:
    """What these sales come to, and whether they are cancelled."""
    sale = erp.standing
    return select(sale.access_key, sale.total, sale.cancelled_at).where(Among(sale.access_key, keys))


def own_sales(erp: ErpTables, most: int) -> Select[Any] | None:
    """A page of the ERP's own sales from the key ``first`` on and before ``last``, whoever wrote them."""
    if erp.profile.post is not None or "access_key" not in erp.sale.columns:
        return None
    sale, bare = erp.sale.columns, {target.bare for target in erp.sale.targets if target.key == target.bare}
    told = [sale[name] if name in bare else null() for name in ("total", "issued_at")]
    within = (sale.access_key >= bindparam("first"), sale.access_key < bindparam("last"))
    return select(sale.access_key, *told).where(*within).order_by(sale.access_key).limit(most)


def entries_after(erp: ErpTables, most: int) -> Select[Any]:
    """A page of the ledger's sales in the order of their keys, after the bind ``after``. Keys begin with a digit."""
    key = erp.ledger.c
    within = (key.identity > bindparam("after"), key.identity < ":")
    return select(key.identity, key.till, key.document_id).where(*within).order_by(key.identity).limit(most)


def change_entry(erp: ErpTables, columns: Sequence[str]) -> Update:
    """Sets these columns of the ledger's entry under the bind ``of_identity``."""
    values: dict[str, Any] = {name: bindparam(name) for name in columns}
    return update(erp.ledger).where(erp.ledger.c.identity == bindparam("of_identity")).values(values)


def remove_entry(erp: ErpTables) -> Delete:
    """Takes the entry under the bind ``of_identity`` out of the ledger."""
    return delete(erp.ledger).where(erp.ledger.c.identity == bindparam("of_identity"))


def remove_of_key(table: MappedTable) -> Delete:
    """Removes a table's rows of the sale under the bind ``of_key``."""
    return delete(table.table).where(table.columns.access_key == bindparam("of_key"))


def rewriting(erp: ErpTables) -> list[Update | Delete]:
    """What takes a booked sale back or writes it anew, besides what booking needs."""
    fields = [column.name for column in FIELDS["sale"].columns if column.name not in ("access_key", STAMPED)]
    changed = {**erp.sale.change(dict.fromkeys(fields))}
    of_key = [table for table in (erp.item, erp.payment, _keyed(erp.cancellation)) if table]
    return [
        change_entry(erp, ["content_hash"]),
        change_entry(erp, ["content_hash", "till", "document_id"]),
        remove_entry(erp),
        *(remove_of_key(table) for table in of_key),
        change_sale(erp, list(changed)),
    ]


def _keyed(table: MappedTable | None) -> MappedTable | None:
    return table if table is not None and "access_key" in table.columns else None


def change_sale(erp: ErpTables, columns: Sequence[str]) -> Update:
    """Sets these columns on the sale under the bind ``of_key``."""
    values: dict[str, Any] = {name: bindparam(name) for name in columns}
    return update(erp.sale.table).where(erp.sale.columns.access_key == bindparam("of_key")).values(values)


def goods_of(erp: ErpTables, keys: Sequence[str]) -> Select[Any]:
    """What these sales took from the stock, as the ERP has it: issuer, product and quantity, in the ERP's values."""
    assert erp.item is not None  # noqa: S101 where there is a stock there are items
    sale, item = erp.sale.columns, erp.item.columns
    return (
        select(sale.issuer, item.product_code, func.sum(item.quantity))
        .join_from(erp.sale.table, erp.item.table, sale.access_key == item.access_key)
        .where(sale.access_key.in_(keys))
        .group_by(sale.issuer, item.product_code)
    )


def add(table: MappedTable) -> Insert:
    return insert(table.table)


def readable_rows(table: MappedTable, keys: Sequence[str]) -> Select[Any]:
    """All that can be read back of the rows of these sales."""
    columns = [table.columns[name].label(name) for name in sorted(table.readable())]
    return select(*columns).where(table.columns.access_key.in_(keys))


def booked_after(erp: ErpTables, most: int) -> Select[Any]:
    """A page of all sales in the order of their keys, after the bind ``after``. The till is the ledger's."""
    sale, ledger = erp.standing, erp.ledger.c
    return (
        select(sale.access_key, ledger.till, sale.total, sale.issued_at, sale.protocol_status, sale.cancelled_at)
        .outerjoin_from(sale.access_key.table, erp.ledger, sale.access_key == ledger.identity)
        .where(sale.access_key > bindparam("after"))
        .order_by(sale.access_key)
        .limit(most)
    )
