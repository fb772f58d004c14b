"""Sales as PostgreSQL's COPY text: the hot path of posting, so every line here was measured (bench/posting.py).

An empty field is NULL (``NULL ''``). Money is written as cents with an exponent, ``1234e-2``, which NUMERIC reads
exactly and Python writes without dividing. Text is written as it is; the few sales in which a character of COPY's own
occurs are written once more, escaped.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypeVar

import msgspec
from sqlalchemy import Table

from malote.erp import tables
from malote.erp.values import Money, scaled
from malote.fiscal.documents import Item, Payment, Sale

# The database fills in the last two of a sale.
SALE_COLUMNS = tuple(column.name for column in tables.sale.columns)[:-2]
ITEM_COLUMNS = tuple(column.name for column in tables.sale_item.columns)
PAYMENT_COLUMNS = tuple(column.name for column in tables.payment.columns)


def _template(table: Table, columns: Sequence[str]) -> str:
    """A line of the table to be filled in with ``%``, which is quicker than an f-string for so many numbers."""
    return "\t".join("%de-2" if isinstance(table.c[name].type, Money) else "%s" for name in columns) + "\n"


_SALE = _template(tables.sale, SALE_COLUMNS)
_ITEM = _template(tables.sale_item, ITEM_COLUMNS)
_PAYMENT = _template(tables.payment, PAYMENT_COLUMNS)

_Document = TypeVar("_Document", bound=msgspec.Struct)

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_REMEMBERED = 20_000  # numbers; a few megabytes


class _Numbers(dict[str, str]):
    """Decimal numbers, by what ``str`` makes of them, as text of at most ``places`` decimals; absence is empty.

    They are remembered, since a shop uses few rates and prices, and a look-up is quicker than a check of the digits.
    By text, since a Decimal's own hash costs ten times as much. Raises ``OutOfRangeError`` for a finer number.
    """

    def __init__(self, places: int) -> None:
        super().__init__({"None": ""})
        self._places = places

    def __missing__(self, text: str) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
            self["None"] = ""
        value = Decimal(text)
        scaled(value, self._places, "a decimal number")
        self[text] = format(value, "f")
        return self[text]


_fourth = _Numbers(4)
_tenth = _Numbers(10)


class Lines(NamedTuple):
    """One sale's lines for the three tables, each ending in a line feed."""

    sale: str
    items: str
    payments: str


def lines(sale: Sale, till: str) -> Lines:
    """Raises ``OutOfRangeError`` for a number finer than its column, which COPY would silently round."""
    plain = _lines(sale, till)
    if _is_clean(plain, sale):
        return plain
    return _lines(_escaped(sale), till.translate(_ESCAPES))


def _is_clean(plain: Lines, sale: Sale) -> bool:
    text = plain.sale + plain.items + plain.payments
    rows = 1 + len(sale.items) + len(sale.payments)
    separators = (
        len(SALE_COLUMNS)
        - 1
        + (len(ITEM_COLUMNS) - 1) * len(sale.items)
        + (len(PAYMENT_COLUMNS) - 1) * len(sale.payments)
    )
    return "\\" not in text and "\r" not in text and text.count("\n") == rows and text.count("\t") == separators


def _lines(sale: Sale, till: str) -> Lines:
    key = sale.access_key
    return Lines(
        _sale_line(sale, till),
        "".join([_item_line(key, item) for item in sale.items]),
        "".join([_payment_line(key, number, payment) for number, payment in enumerate(sale.payments, 1)]),
    )


def _sale_line(sale: Sale, till: str) -> str:
    sums = sale.totals
    protocol = sale.protocol
    return _SALE % (
        *(sale.access_key, till, sale.model, sale.layout, sale.issuer, sale.series, sale.number),
        *(_moment(sale.issued_at), sale.environment, sale.emission, sale.consumer),
        *(sums.products, sums.discount, sums.freight, sums.insurance, sums.other),
        *(sums.icms, sums.icms_substitution, sums.ipi, sums.pis, sums.cofins),
        *(sums.services, sums.ibs, sums.cbs, sums.total, sale.change),
        *(_moment(sale.contingency_at), sale.contingency_reason),
        *((protocol.number, protocol.status, _moment(protocol.at)) if protocol else ("", "", "")),
    )


# fmt: off
def _item_line(key: str, item: Item) -> str:
    tax = item.taxes
    return _ITEM % (
        key, item.number, item.product_code, item.gtin, item.description, item.ncm, item.cfop, item.unit,
        _fourth[str(item.quantity)], _tenth[str(item.unit_price)],
        item.gross, item.discount, item.freight, item.insurance, item.other, item.in_total,
        tax.icms_origin, tax.icms_status, tax.icms_base, _fourth[str(tax.icms_rate)], tax.icms_amount,
        tax.icms_substitution_base, tax.icms_substitution_amount, tax.poverty_fund_amount,
        tax.ipi_amount, tax.service_amount,
        tax.pis_status, tax.pis_base, _fourth[str(tax.pis_rate)], tax.pis_amount,
        tax.cofins_status, tax.cofins_base, _fourth[str(tax.cofins_rate)], tax.cofins_amount,
        tax.reform_status, tax.reform_class, tax.reform_base,
        _fourth[str(tax.ibs_state_rate)], tax.ibs_state_amount, _fourth[str(tax.ibs_city_rate)], tax.ibs_city_amount,
        _fourth[str(tax.cbs_rate)], tax.cbs_amount,
    )
# fmt: on


def _payment_line(key: str, number: int, payment: Payment) -> str:
    details = (payment.acquirer, payment.brand, payment.authorisation, payment.description)
    return _PAYMENT % (key, number, payment.method, payment.amount, *details)


def _moment(value: datetime | None) -> str:
    return value.isoformat() if value else ""


def _escaped(document: _Document) -> _Document:
    """The same with every text in it escaped; what it holds that isn't text stays."""
    values = msgspec.structs.asdict(document)
    return msgspec.structs.replace(document, **{name: _escaped_value(value) for name, value in values.items()})


def _escaped_value(value: object) -> object:
    match value:
        case str():
            return value.translate(_ESCAPES)
        case tuple():
            return tuple(_escaped_value(part) for part in value)
        case msgspec.Struct():
            return _escaped(value)
    return value
