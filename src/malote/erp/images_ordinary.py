"""The same for tables of ordinary design: the database itself makes each value what its column is, and compares.

What the fields of a document tell is held against the ERP's rows, and what queries found in the ERP as it was kept when
the sale was booked.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from malote.erp.booking_state import BookedState
from malote.erp.images_looked_up import TableComparison, WrittenSale
from malote.erp.looked_up_now import LookupsNow
from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.ordinary import Ordinary, items_of, payments_of
from malote.erp.ordinary_sales import sale_row
from malote.erp.ordinary_tables import USUAL_TAXES, Row, tax_rows
from malote.erp.plain_text import plainly
from malote.erp.profiles.compiled_expression import UnmappedError
from malote.erp.protocol import GONE, TWICE, Posting, SaleRow
from malote.erp.records import Records
from malote.erp.sale_keys import is_of_key, key_of
from malote.erp.side_by_side import is_compared, tells_protocol, without_protocol
from malote.erp.targets import ITEM_KEY, ColumnTarget
from malote.erp.values import OutOfRangeError
from malote.fiscal.documents import Sale


def departures(
    ordinary: Ordinary,
    records: Records,
    tables: ErpTables,
    sales: Sequence[tuple[Posting, Sale]],
    cancelled: Collection[str],
    now: LookupsNow,
) -> dict[int, list[str]]:
    """By document. Several documents of one key are looked at one after the other."""
    found: dict[int, list[str]] = {}
    left = list(sales)
    while left:
        once = {sale.access_key: (posting, sale) for posting, sale in reversed(left)}
        found |= _Look(ordinary, records, tables, now).departures(list(once.values()), cancelled)
        done = {posting.document_id for posting, _ in once.values()}
        left = [pair for pair in left if pair[0].document_id not in done]
    return found


def sale_rows(records: Records, tables: ErpTables, own: Sequence[tuple[str, str, SaleRow]]) -> list[SaleRow]:
    """The ERP's own rows of sales: ``own`` are the access key, what the ERP calls it, and what the state says."""
    found = tables.sale.of_sale
    assert found is not None  # noqa: S101 the profile is refused without
    total = next((one for one in tables.sale.targets if one.bare == one.key == "total"), None)
    asked = [found.by_column({"access_key": key} | key_of(tables, number)) for key, number, _ in own]
    answers: list[SaleRow] = []
    for place, sum_there in records.totals(tables.sale, found.targets, total, asked):
        row = own[place][2]
        cents = row.total if sum_there is None else int(Decimal(str(sum_there)).scaleb(2))
        answers.append(msgspec.structs.replace(row, total=cents))
    return answers


class _Look:
    """Of one set of sales, each of another key."""

    def __init__(self, ordinary: Ordinary, records: Records, tables: ErpTables, now: LookupsNow) -> None:
        self._ordinary = ordinary
        self._records = records
        self._tables = tables
        self._now = now
        self._kept: list[BookedState] = []  # by the sale's place
        self._differing: dict[int, list[str]] = defaultdict(list)  # by the sale's place

    def departures(self, sales: Sequence[tuple[Posting, Sale]], cancelled: Collection[str]) -> dict[int, list[str]]:
        kept = self._ordinary.kept(sale.access_key for _, sale in sales)
        pairs: list[tuple[Sale, Row]] = []
        places: dict[int, int] = {}
        for posting, sale in sales:
            if (own := kept.get(sale.access_key)) is None:
                continue
            when = sale.issued_at if sale.access_key in cancelled else None
            row = sale_row(sale, posting.till) | key_of(self._tables, own.key) | {"cancelled_at": when}
            places[posting.document_id] = len(pairs)
            pairs.append((sale, row))
            self._kept.append(own)
        rows = [row for _, row in pairs]
        self._headers(self._tables.sale, rows)
        if note := self._tables.note:
            self._headers(note, rows)
        self._lines("items", self._tables.item, [[one for _, one in items_of(sale)] for sale, _ in pairs], rows)
        self._lines("taxes", self._tables.tax, self._taxes([sale for sale, _ in pairs]), rows)
        self._lines("payments", self._tables.payment, [payments_of(sale) for sale, _ in pairs], rows)
        return {one: self._differing[place] for one, place in places.items() if place in self._differing}

    def _taxes(self, sales: Sequence[Sale]) -> list[list[Row]]:
        tax = self._tables.profile.tax
        if tax is None or (self._tables.item and self._tables.item.made_by_database):
            return []  # they are found by what the database called their items
        wanted = tuple(tax.rows) or USUAL_TAXES
        return [
            [one for item, fields in items_of(sale) for one in tax_rows(item, fields | {ITEM_KEY: None}, wanted)]
            for sale in sales
        ]

    def _headers(self, mapped: MappedTable, sales: Sequence[Row]) -> None:
        found = mapped.of_sale
        assert found is not None  # noqa: S101 the profile is refused without
        told = [one for one in mapped.targets if (is_compared(one) or tells_protocol(one)) and one not in found.targets]
        met: set[int] = set()
        for own, there, fields in self._compared(mapped, told, [[row] for row in sales], sales).headers():
            if mapped.part == "note" and self._differing.get(own) == [GONE]:
                continue
            if not there or own in met:
                # Of the sale itself it is all that is said; of a table beside it, one thing among others.
                wrong = TWICE if there else GONE
                self._differing[own] = [wrong] if mapped.part == "sale" else [*self._differing[own], f"{wrong}note"]
            elif differing := without_protocol([_name(one) for one in fields], sales[own]):
                self._differing[own] += differing
            met.add(own)

    def _lines(self, name: str, mapped: MappedTable | None, lines: Sequence[list[Row]], sales: Sequence[Row]) -> None:
        of_sale = mapped.of_sale if mapped else None
        if mapped is None or of_sale is None or (name == "taxes" and not any(lines)):
            return
        told = [one for one in mapped.targets if is_compared(one) and one not in of_sale.targets and _told(one)]
        for own, lacking, extra in self._compared(mapped, told, lines, sales).lines():
            if self._differing.get(own) != [GONE]:
                self._differing[own] += [f"-{name}"] * lacking + [f"+{name}"] * extra

    def _compared(
        self, mapped: MappedTable, told: Sequence[ColumnTarget], lines: Sequence[list[Row]], sales: Sequence[Row]
    ) -> TableComparison:
        writers = [(one, plainly(one.compiled.shape)) for one in told]
        written = [
            WrittenSale(
                kept, row, own, [{one.column: _written(one, w, line, row) for one, w in writers} for line in own]
            )
            for kept, row, own in zip(self._kept, sales, lines, strict=True)
        ]
        return TableComparison(self._records, mapped, told, self._now, written)


def _written(target: ColumnTarget, write: Any, row: Row, sale: Row) -> str | None:
    try:
        return write(target.compiled.value(row, sale)) or None
    except (OutOfRangeError, UnmappedError):
        return None


def _told(target: ColumnTarget) -> bool:
    return not any(field.name == ITEM_KEY or is_of_key(field.name) for field in target.compiled.fields)


def _name(target: ColumnTarget) -> str:
    """Of a field, which has neither quotes nor percent signs."""
    return target.bare or min((field.name for field in target.compiled.fields), default="content")
