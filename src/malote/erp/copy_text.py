"""Sales as PostgreSQL's COPY text: the hot path of posting, so every line here was measured (bench/posting.py).

An empty field is NULL (``NULL ''``). Money is written as cents with an exponent, ``1234e-2``, which NUMERIC reads
exactly and Python writes without dividing. Text is written as it is; the few sales in which a character of COPY's own
occurs are written once more, escaped.
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypeVar

import msgspec

from malote.erp import tables
from malote.erp.values import scaled
from malote.fiscal.documents import Item, Payment, Sale

# The database fills in the last two of a sale.
SALE_COLUMNS = tuple(column.name for column in tables.sale.columns)[:-2]
ITEM_COLUMNS = tuple(column.name for column in tables.sale_item.columns)
PAYMENT_COLUMNS = tuple(column.name for column in tables.payment.columns)

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
    totals = sale.totals
    protocol = sale.protocol
    authorised = f"{protocol.number}\t{protocol.status}\t{_moment(protocol.at)}" if protocol else "\t\t"
    return (
        f"{sale.access_key}\t{till}\t{sale.model}\t{sale.layout}\t{sale.issuer}\t{sale.series}\t{sale.number}"
        f"\t{_moment(sale.issued_at)}\t{sale.environment}\t{sale.emission}\t{sale.consumer}"
        f"\t{totals.products}e-2\t{totals.discount}e-2\t{totals.freight}e-2\t{totals.insurance}e-2\t{totals.other}e-2"
        f"\t{totals.icms}e-2\t{totals.icms_substitution}e-2\t{totals.ipi}e-2\t{totals.pis}e-2\t{totals.cofins}e-2"
        f"\t{totals.services}e-2\t{totals.ibs}e-2\t{totals.cbs}e-2\t{totals.total}e-2\t{sale.change}e-2"
        f"\t{_moment(sale.contingency_at)}\t{sale.contingency_reason}\t{authorised}\n"
    )


def _item_line(key: str, item: Item) -> str:
    tax = item.taxes
    return (
        f"{key}\t{item.number}\t{item.product_code}\t{item.gtin}\t{item.description}\t{item.ncm}\t{item.cfop}"
        f"\t{item.unit}\t{_fourth[str(item.quantity)]}\t{_tenth[str(item.unit_price)]}"
        f"\t{item.gross}e-2\t{item.discount}e-2\t{item.freight}e-2\t{item.insurance}e-2\t{item.other}e-2"
        f"\t{item.in_total}\t{tax.icms_origin}\t{tax.icms_status}\t{tax.icms_base}e-2\t{_fourth[str(tax.icms_rate)]}"
        f"\t{tax.icms_amount}e-2\t{tax.icms_substitution_base}e-2\t{tax.icms_substitution_amount}e-2"
        f"\t{tax.poverty_fund_amount}e-2\t{tax.ipi_amount}e-2\t{tax.service_amount}e-2"
        f"\t{tax.pis_status}\t{tax.pis_base}e-2\t{_fourth[str(tax.pis_rate)]}\t{tax.pis_amount}e-2"
        f"\t{tax.cofins_status}\t{tax.cofins_base}e-2\t{_fourth[str(tax.cofins_rate)]}\t{tax.cofins_amount}e-2"
        f"\t{tax.reform_status}\t{tax.reform_class}\t{tax.reform_base}e-2\t{_fourth[str(tax.ibs_state_rate)]}"
        f"\t{tax.ibs_state_amount}e-2\t{_fourth[str(tax.ibs_city_rate)]}\t{tax.ibs_city_amount}e-2"
        f"\t{_fourth[str(tax.cbs_rate)]}\t{tax.cbs_amount}e-2\n"
    )


def _payment_line(key: str, number: int, payment: Payment) -> str:
    return (
        f"{key}\t{number}\t{payment.method}\t{payment.amount}e-2\t{payment.acquirer}\t{payment.brand}"
        f"\t{payment.authorisation}\t{payment.description}\n"
    )


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
