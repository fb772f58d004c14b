"""A month of several tills in the books, and twenty ways to tamper with the ERP, each of one sale."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, delete, insert, select, update

from malote.erp.tables import cancellation as cancellations
from malote.erp.tables import number_void as voids
from malote.erp.tables import payment, posting_key, sale_item
from malote.erp.tables import sale as sales_of_erp
from malote.fiscal.documents import Document, NumberVoid, Sale, identity
from malote.tills.series import assign
from malote.tills.till import create_till
from tests.engines.erp_support import Tables
from tests.engines.posting_support import Shop
from tests.engines.sales import ISSUER, OPENING, cancellation, item, number_void, sale
from tests.engines.spool_support import body_of, file_with, incoming

PER_POUCH = 100
CANCELLED_EACH = 25  # every so manieth sale


class Month:
    """Booked in ``shop``, whose own first till is not used."""

    def __init__(self, shop: Shop, tills: int, days: int, per_day: int) -> None:
        self.shop = shop
        self.sales: dict[str, list[Sale]] = {}
        self.voids: dict[str, NumberVoid] = {}
        for place in range(1, tills + 1):
            till, _ = create_till(shop.engine, f"loja{place}")
            assign(shop.engine, till, ISSUER, "65", place)
            own = [_sale(place, day, number, per_day) for day in range(days) for number in range(1, per_day + 1)]
            gone = number_void(900_000, series=place)
            documents: list[Document] = [*own, *(cancellation(one) for one in own[::CANCELLED_EACH]), gone]
            for start in range(0, len(documents), PER_POUCH):
                some = documents[start : start + PER_POUCH]
                labels = [f"{till.name}-{identity(one)}" for one in some]
                files = [file_with(label, incoming(one)) for label, one in zip(labels, some, strict=True)]
                shop.spool.accept(till.id, body_of(labels), files, received_at=shop.clock())
            self.sales[till.name], self.voids[till.name] = own, gone
        with closing(shop.poster()) as poster:
            poster.drain()

    def cancelled(self) -> list[Sale]:
        return [one for own in self.sales.values() for one in own[::CANCELLED_EACH]]

    def standing(self, count: int) -> list[Sale]:
        """Sales that aren't cancelled, spread over tills and days."""
        own = [one for some in self.sales.values() for place, one in enumerate(some) if place % CANCELLED_EACH]
        return own[:: max(1, len(own) // count)][:count]


def _sale(series: int, day: int, number: int, per_day: int) -> Sale:
    lines = [item(1), item(2, product="2002", quantity="2"), item(3, product="2003", quantity="0.350", price="19.90")]
    made = sale(day * per_day + number, items=lines, series=series)
    return msgspec.structs.replace(made, issued_at=OPENING + timedelta(days=day, minutes=number))


Act = Callable[[Connection, str], None]


def _delete_sale(connection: Connection, key: str) -> None:
    connection.execute(delete(sales_of_erp).where(sales_of_erp.c.access_key == key))


def _delete_all(connection: Connection, key: str) -> None:
    _delete_sale(connection, key)
    _delete_entry(connection, key)


def _delete_entry(connection: Connection, name: str) -> None:
    connection.execute(delete(posting_key).where(posting_key.c.identity == name))


def _other_digest(connection: Connection, key: str) -> None:
    connection.execute(update(posting_key).where(posting_key.c.identity == key).values(content_hash=bytes(32)))


def _set_sale(**values: object) -> Act:
    def act(connection: Connection, key: str) -> None:
        connection.execute(update(sales_of_erp).where(sales_of_erp.c.access_key == key).values(**values))

    return act


def _set_item(**values: object) -> Act:
    own = sale_item.c

    def act(connection: Connection, key: str) -> None:
        connection.execute(update(sale_item).where(own.access_key == key, own.number == 2).values(**values))

    return act


def _delete_item(connection: Connection, key: str) -> None:
    connection.execute(delete(sale_item).where(sale_item.c.access_key == key, sale_item.c.number == 3))


def _cheaper_payment(connection: Connection, key: str) -> None:
    connection.execute(update(payment).where(payment.c.access_key == key).values(amount=payment.c.amount + 1))


def _double_sale(connection: Connection, key: str) -> None:
    row = dict(connection.execute(select(sales_of_erp).where(sales_of_erp.c.access_key == key)).mappings().one())
    connection.execute(insert(sales_of_erp), row)


def _change_key(connection: Connection, key: str) -> None:
    """One row of the sales, with all that hangs on it: its random part is another."""
    other = key[:35] + str((int(key[35]) + 1) % 10) + key[36:]
    for table in (sales_of_erp, sale_item, payment):
        connection.execute(update(table).where(table.c.access_key == key).values(access_key=other))


def _date_back(connection: Connection, key: str) -> None:
    own = select(sales_of_erp.c.issued_at).where(sales_of_erp.c.access_key == key)
    moved = connection.scalar(own) - timedelta(days=1)  # type: ignore[operator]
    _set_sale(issued_at=moved)(connection, key)


# Each of one sale, and what it must be found as.
TAMPERINGS: tuple[tuple[str, Act], ...] = (
    ("deleted", _delete_sale),
    ("missing", _delete_all),
    ("unlisted", _delete_entry),
    ("total", _set_sale(total=sales_of_erp.c.total + 1)),
    ("doubled", _double_sale),
    ("date", _date_back),
    ("till", _set_sale(till="loja99")),
    ("number", _set_sale(series=77)),
    ("content", _set_sale(consumer="52998224725")),
    ("content", _set_sale(protocol_number="135269999999999")),
    ("content", _other_digest),
    ("key", _change_key),
    ("state", _set_sale(cancelled_at=OPENING)),
    ("items", _delete_item),
    ("items", _set_item(quantity=sale_item.c.quantity + Decimal(1))),
    ("items", _set_item(icms_amount=sale_item.c.icms_amount + 1)),
    ("payments", _cheaper_payment),
)


def loosen(tables: Tables, table: str = "sale", key: str = "access_key") -> None:
    """A table without its unique key, so that a row can stand twice, as in an ERP that has none."""
    tables.run(
        f"CREATE TABLE loose AS SELECT * FROM {table}",
        f"DROP TABLE {table}",
        f"ALTER TABLE loose RENAME TO {table}",
        f"CREATE INDEX loose_{table} ON {table} ({key})",
    )


def tamper(month: Month, tables: Tables) -> list[tuple[str, str]]:
    """Twenty tamperings; what each is to be found as, with the key (of a void its till)."""
    chosen = month.standing(len(TAMPERINGS))
    expected = []
    with tables.engine.begin() as connection:
        for (what, act), one in zip(TAMPERINGS, chosen, strict=True):
            act(connection, one.access_key)
            expected.append((what, one.access_key))
        undone = month.cancelled()[-1]
        _set_sale(cancelled_at=None)(connection, undone.access_key)
        till, void = sorted(month.voids.items())[-1]
        _delete_entry(connection, identity(void))
        own = month.sales[till][-1]
        unsent = sale(own.number + 1000, series=own.series, issued_at=own.issued_at)
        insert_sale_like(connection, own, unsent.access_key)
    return sorted([*expected, ("state", undone.access_key), ("void", till), ("unsent", unsent.access_key)])


def insert_sale_like(connection: Connection, own: Sale, key: str) -> str:
    """A sale under another key, as somebody would write it by hand."""
    like = select(sales_of_erp).where(sales_of_erp.c.access_key == own.access_key)
    row = dict(connection.execute(like).mappings().one())
    connection.execute(insert(sales_of_erp), row | {"access_key": key, "number": int(key[25:34])})
    return key


def undo_cancellation(connection: Connection, key: str) -> None:
    """By hand, with all that tells of it."""
    _set_sale(cancelled_at=None)(connection, key)
    connection.execute(delete(cancellations).where(cancellations.c.access_key == key))
    _delete_entry(connection, f"cancel:{key}")


def _twice(table: Table, connection: Connection, condition: ColumnElement[bool]) -> None:
    row = dict(connection.execute(select(table).where(condition)).mappings().one())
    connection.execute(insert(table), row)


def tamper_beside(month: Month, tables: Tables) -> list[tuple[str, str, str]]:
    """One byte changed, or a row doubled, in the ledger and in the tables beside the sales: what each is to be found
    as, with the key (of a void its till) and the fields."""
    (till, void), *_ = month.voids.items()
    keys = [one.access_key for one in month.standing(5)]
    undone, twice = (one.access_key for one in month.cancelled()[:2])
    entry = posting_key.c.identity
    with tables.engine.begin() as connection:
        otherwise: list[dict[str, object]] = [{"content_hash": bytes(32)}, {"till": "loja99"}, {"document_id": 999_999}]
        for key, values in zip(keys, otherwise, strict=False):
            connection.execute(update(posting_key).where(entry == key).values(values))
        _twice(posting_key, connection, entry == keys[3])
        _set_sale(protocol_number="135269999999999")(connection, keys[4])
        connection.execute(update(cancellations).where(cancellations.c.access_key == undone).values(reason="outro"))
        _twice(cancellations, connection, cancellations.c.access_key == twice)
        _twice(voids, connection, voids.c.series == void.series)
    return sorted(
        [
            ("content", keys[0], "ledger.content_hash"),
            ("content", keys[1], "ledger.till"),
            ("content", keys[2], "ledger.document_id"),
            ("doubled", keys[3], "++"),
            ("content", keys[4], "protocol_number"),
            ("content", undone, "reason"),
            ("doubled", twice, "++"),
            ("doubled", till, "++"),
        ]
    )
