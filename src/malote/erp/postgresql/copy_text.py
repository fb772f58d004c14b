"""Sales as PostgreSQL's COPY text: the hot path of posting, so every line here was measured (bench/posting.py).

An empty field is NULL (``NULL ''``). Money is written as cents with an exponent, ``1234e-2``, which NUMERIC reads
exactly and Python writes without dividing. Text is written as it is; the few sales in which a character of COPY's own
occurs are written once more, escaped.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from malote.erp import rows, tables
from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.plain_text import DecimalTexts, plainly
from malote.erp.profiles.compiled_expression import Row
from malote.erp.profiles.profile import FIELDS
from malote.erp.profiles.shapes import Shape
from malote.erp.repertoire import with_texts
from malote.erp.values import Money
from malote.fiscal.documents import Item, Payment, Sale

# Fields in the order in which the functions below give them. The last two of a sale come later.
_SALE_FIELDS = tuple(column.name for column in tables.sale.columns)[:-2]
_ITEM_FIELDS = tuple(column.name for column in tables.sale_item.columns)
_PAYMENT_FIELDS = tuple(column.name for column in tables.payment.columns)
_NOWHERE = "%.0s"  # takes a value and writes nothing

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


_fourth = DecimalTexts(4)
_tenth = DecimalTexts(10)


class Lines(NamedTuple):
    """One sale's lines for the three tables, each ending in a line feed."""

    sale: str
    items: str
    payments: str


class _Layout:
    """How a line of one table is written: a template that takes the fields in order, then what is worked out.

    ``%`` is quicker than an f-string for so many numbers. A field that the ERP has no column for is taken and dropped,
    so that the same fast functions serve every profile.
    """

    def __init__(self, mapped: MappedTable, fields: Sequence[str]) -> None:
        bare = {target.bare: target for target in mapped.inserted if target.bare == target.key}
        columns, pieces, unwritten = [], [], ""
        for field in fields:
            if field not in bare:
                unwritten += _NOWHERE
                continue
            columns.append(bare[field].column)
            money = isinstance(FIELDS[mapped.part].c[field].type, Money)
            pieces.append(unwritten + ("%de-2" if money else "%s"))
            unwritten = ""
        pieces[-1] += unwritten
        worked_out = [target for target in mapped.inserted if target.bare is None or target.bare != target.key]
        self.columns = (*columns, *(target.column for target in worked_out))
        self.template = "\t".join([*pieces, *("%s" for _ in worked_out)]) + "\n"
        self.separators = len(self.columns) - 1
        self.worked_out = tuple((target, writer(target.compiled.shape)) for target in worked_out)

    def additions(self, row: Row, sale: Row) -> tuple[str, ...]:
        """What is worked out from the row and its sale's row, escaped already."""
        return tuple([write(target.compiled.value(row, sale)) for target, write in self.worked_out])


class CopyText:
    """Writes sales as lines for the tables of one ERP."""

    def __init__(self, erp: ErpTables) -> None:
        self._sale = _Layout(erp.sale, _SALE_FIELDS)
        assert erp.item is not None  # noqa: S101 a profile without items writes through the ERP's own statements
        self._item = _Layout(erp.item, _ITEM_FIELDS)
        self._payment = _Layout(erp.payment, _PAYMENT_FIELDS) if erp.payment else None
        self.sale_columns = self._sale.columns
        self.item_columns = self._item.columns
        self.payment_columns = self._payment.columns if self._payment else ()
        self._fields_only = not any(
            layout.worked_out for layout in (self._sale, self._item, self._payment) if layout is not None
        )

    def lines(self, sale: Sale, till: str) -> Lines:
        """Raises ``OutOfRangeError`` for a number finer than its column, which COPY would silently round."""
        plain = self._lines(sale, sale, till, till)
        if self._is_clean(plain, sale):
            return plain
        return self._lines(with_texts(sale, _escape), sale, till.translate(_ESCAPES), till)

    def _is_clean(self, plain: Lines, sale: Sale) -> bool:
        text = plain.sale + plain.items + plain.payments
        count = 1 + len(sale.items)
        separators = self._sale.separators + self._item.separators * len(sale.items)
        if self._payment:
            count += len(sale.payments)
            separators += self._payment.separators * len(sale.payments)
        return "\\" not in text and "\r" not in text and text.count("\n") == count and text.count("\t") == separators

    def _lines(self, shown: Sale, sale: Sale, shown_till: str, till: str) -> Lines:
        """``shown`` is what is written; what is worked out comes from ``sale``, in which nothing is escaped."""
        if not self._fields_only:
            return self._worked_out(shown, sale, shown_till, till)
        key, item, payments = shown.access_key, self._item.template, ""
        if self._payment:
            payment = self._payment.template
            payments = "".join([payment % _payment_values(key, n, one) for n, one in enumerate(shown.payments, 1)])
        return Lines(
            self._sale.template % _sale_values(shown, shown_till),
            "".join([item % _item_values(key, one) for one in shown.items]),
            payments,
        )

    def _worked_out(self, shown: Sale, sale: Sale, shown_till: str, till: str) -> Lines:
        key, row = shown.access_key, {**rows.sale_row(sale, till), "cancelled_at": None}
        payments: Iterable[str] = ()
        if self._payment:
            of_payments = zip(enumerate(shown.payments, 1), rows.payment_rows(sale), strict=True)
            payments = [
                _line(self._payment, _payment_values(key, number, one), own, row) for (number, one), own in of_payments
            ]
        of_items = zip(shown.items, rows.item_rows(sale), strict=True)
        return Lines(
            _line(self._sale, _sale_values(shown, shown_till), row, row),
            "".join([_line(self._item, _item_values(key, one), own, row) for one, own in of_items]),
            "".join(payments),
        )


def _line(layout: _Layout, values: tuple[Any, ...], row: Row, sale: Row) -> str:
    return layout.template % (values + layout.additions(row, sale))


def writer(shape: Shape) -> Callable[[Any], str]:
    """How a worked out value of this shape is written for COPY."""
    plain = plainly(shape)
    return (lambda value: plain(value).translate(_ESCAPES)) if shape.kind in ("text", "any") else plain


def _sale_values(sale: Sale, till: str) -> tuple[Any, ...]:
    sums = sale.totals
    protocol = sale.protocol
    return (
        *(sale.access_key, till, sale.model, sale.layout, sale.issuer, sale.series, sale.number),
        *(_moment(sale.issued_at), sale.environment, sale.emission, sale.consumer),
        *(sums.products, sums.discount, sums.freight, sums.insurance, sums.other),
        *(sums.icms, sums.icms_substitution, sums.ipi, sums.pis, sums.cofins),
        *(sums.services, sums.ibs, sums.cbs, sums.total),
        *(sums.icms_single_phase, sums.selective, sums.ibs_single_phase, sums.cbs_single_phase),
        *(sums.total_with_reform, sale.change, sale.norm),
        *(_moment(sale.contingency_at), sale.contingency_reason),
        *((protocol.number, protocol.status, _moment(protocol.at)) if protocol else ("", "", "")),
    )


# fmt: off
def _item_values(key: str, item: Item) -> tuple[Any, ...]:
    tax = item.taxes
    return (
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
        tax.icms_single_phase_amount, tax.pis_substitution_amount, tax.cofins_substitution_amount,
        tax.selective_amount, tax.ibs_single_phase_amount, tax.cbs_single_phase_amount,
    )
# fmt: on


def _payment_values(key: str, number: int, payment: Payment) -> tuple[Any, ...]:
    details = (payment.acquirer, payment.brand, payment.authorisation, payment.description)
    return (key, number, payment.method, payment.amount, *details)


def _moment(value: datetime | None) -> str:
    return value.isoformat() if value else ""


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)
