"""What a till calls otherwise than the ERP: booked as people mapped it, the document unchanged."""

from collections import defaultdict
from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, Engine, Table, func, select

from malote.database.engine import reading
from malote.database.quarantine_tables import former_code, payment_map, product_map
from malote.fiscal.documents import Document, Sale

Codes = Mapping[tuple[str, str], str]  # issuer and the till's code -> the ERP's


class MappedCodes(msgspec.Struct, frozen=True):
    """``payments``: codes of methods of payment (tPag)."""

    products: Codes = {}
    payments: Codes = {}


def renamed(document: Document, codes: MappedCodes) -> Document:
    """The document as the ERP is to book it."""
    return renamed_sale(document, codes) if isinstance(document, Sale) else document


def renamed_sale(document: Sale, codes: MappedCodes) -> Sale:
    issuer = document.issuer
    if codes.products and any((issuer, item.product_code) in codes.products for item in document.items):
        items = [
            msgspec.structs.replace(one, product_code=codes.products.get((issuer, one.product_code), one.product_code))
            for one in document.items
        ]
        document = msgspec.structs.replace(document, items=tuple(items))
    if codes.payments and any((issuer, payment.method) in codes.payments for payment in document.payments):
        payments = [
            msgspec.structs.replace(one, method=codes.payments.get((issuer, one.method), one.method))
            for one in document.payments
        ]
        document = msgspec.structs.replace(document, payments=tuple(payments))
    return document


def mapped(engine: Engine) -> MappedCodes:
    """Every mapping there is. Raises ``StoreError``."""
    with reading(engine) as connection:
        return MappedCodes(_of(connection, product_map), _of(connection, payment_map))


class CurrentlyMapped:
    """Every mapping there is, for a poster, which asks at each batch: read anew only where one was made or ended, and
    then at once, since the sale that somebody has just mapped a code of is booked in the very next moment."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read: tuple[object, MappedCodes] = (None, MappedCodes())

    def __call__(self) -> MappedCodes:
        """Raises ``StoreError``."""
        with reading(self._engine) as connection:
            counted = [select(func.count(), func.sum(one.c.at)).select_from(one) for one in (product_map, payment_map)]
            state = [tuple(connection.execute(one).one()) for one in counted]
            if state != self._read[0]:
                self._read = state, MappedCodes(_of(connection, product_map), _of(connection, payment_map))
        return self._read[1]


def formerly_mapped(engine: Engine, *, most: int = 4) -> list[MappedCodes]:
    """What codes were mapped to before, over what they are mapped to now: first with the last of each, then with the
    one before it, and so on, ``most`` times. Raises ``StoreError``."""
    now = mapped(engine)
    earlier: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    with reading(engine) as connection:
        for row in connection.execute(select(former_code).order_by(former_code.c.id.desc())):
            earlier[row.kind, row.issuer, row.old_code].append(row.new_code)
    found = []
    for turn in range(min(most, max(map(len, earlier.values()), default=0))):
        codes = {key: some[min(turn, len(some) - 1)] for key, some in earlier.items()}
        products = {key[1:]: code for key, code in codes.items() if key[0] == "product"}
        payments = {key[1:]: code for key, code in codes.items() if key[0] == "payment"}
        found.append(MappedCodes({**now.products, **products}, {**now.payments, **payments}))
    return found


def _of(connection: Connection, table: Table) -> Codes:
    rows = connection.execute(select(table.c.issuer, table.c.old_code, table.c.new_code))
    return {(row.issuer, row.old_code): row.new_code for row in rows}
