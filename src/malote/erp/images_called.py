"""The same where the ERP's own procedure books: by statements of its profile that only read."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection

from malote.erp import call_statements, rows
from malote.erp.call_statements import Answer
from malote.erp.connecting import classified
from malote.erp.profiles.post import ProfileStatements
from malote.erp.profiles.profile import FIELDS, Part
from malote.erp.profiles.shapes import shape_of
from malote.erp.protocol import GONE, TWICE, ErpError, Posting, SaleRow
from malote.erp.side_by_side import alike, by_number, lacking_and_extra, without_protocol
from malote.fiscal.documents import Sale

KEY = "access_key"
CANCELLED = "cancelled"
_BROKEN = "erp_call_broken"


def departures(
    engine: call_statements.Engine,
    connection: Connection,
    post: ProfileStatements,
    sales: Sequence[tuple[Posting, Sale]],
    cancelled: Collection[str],
) -> dict[int, list[str]]:
    """By document. A cancelled sale that isn't there is as it should be: an ERP may delete what is cancelled. Raises
    ``ErpError``."""
    keys = sorted({sale.access_key for _, sale in sales})
    found: dict[int, list[str]] = defaultdict(list)
    if post.compare_sales:
        held = _read(engine, connection, post.compare_sales, keys, "sale")
        sales = [pair for pair in sales if pair[1].access_key in held or pair[1].access_key not in cancelled]
        for posting, sale in sales:
            row = rows.sale_row(sale, posting.till) | {CANCELLED: sale.access_key in cancelled}
            found[posting.document_id] += without_protocol(_header(row, held.get(sale.access_key, [])), row)
    parts: list[tuple[str, str, Part]] = [("items", post.compare_items, "item")]
    for name, statement, part in [*parts, ("payments", post.compare_payments, "payment")]:
        if not statement:
            continue
        held = _read(engine, connection, statement, keys, part)
        for posting, sale in sales:
            if GONE not in found[posting.document_id]:
                lines = rows.item_rows(sale) if part == "item" else rows.payment_rows(sale)
                found[posting.document_id] += _lines(name, lines, held.get(sale.access_key, []))
    return {document: differing for document, differing in found.items() if differing}


def sale_rows(
    engine: call_statements.Engine, connection: Connection, post: ProfileStatements, own: Sequence[SaleRow]
) -> list[SaleRow]:
    """The ERP's own rows of sales that Malote's table has; what the statement doesn't tell is as there, and so is a
    cancelled sale that the ERP has deleted."""
    by_key = {row.access_key: row for row in own}
    answers = _read(engine, connection, post.compare_sales, sorted(by_key), "sale")
    deleted = [row for key, row in by_key.items() if row.cancelled and key not in answers]
    return deleted + [
        msgspec.structs.replace(
            by_key[key],
            total=int(row["total"]) if row.get("total") is not None else by_key[key].total,
            cancelled=bool(row[CANCELLED]) if CANCELLED in row else by_key[key].cancelled,
        )
        for key, some in answers.items()
        for row in some
    ]


def _read(
    engine: call_statements.Engine, connection: Connection, statement: str, keys: Sequence[str], part: Part
) -> Mapping[str, list[Answer]]:
    """Its rows by key, amounts in cents."""
    columns = FIELDS[part].c
    money = {column.name for column in columns if shape_of(column.type).kind == "money"}
    found: dict[str, list[Answer]] = defaultdict(list)
    with classified():
        answers = call_statements.run(engine, connection, statement, {"keys": msgspec.json.encode(keys).decode()})
    known = {column.name for column in columns} | {CANCELLED}
    for answer in answers:
        if KEY not in answer or (unknown := set(answer) - known):
            words = f"compare: {', '.join(sorted(unknown))}" if KEY in answer else f"compare: no column {KEY}"
            raise ErpError(_BROKEN, detail=words)
        row = {name: _cents(value) if name in money else value for name, value in answer.items()}
        found[str(answer[KEY]).rstrip()].append(row)
    return found


def _cents(value: Any) -> Any:
    return None if value is None else Decimal(str(value)).scaleb(2)


def _header(row: Mapping[str, Any], held: Sequence[Answer]) -> list[str]:
    if len(held) != 1:
        return [TWICE] if held else [GONE]
    return _fields(row, held[0])


def _fields(row: Mapping[str, Any], held: Answer) -> list[str]:
    differing = (name for name, value in held.items() if not alike(row.get(name), value))
    return ["cancelled_at" if name == CANCELLED else name for name in differing]


def _lines(name: str, lines: Sequence[Mapping[str, Any]], held: Sequence[Answer]) -> list[str]:
    if held and "number" not in held[0]:
        names = sorted(set(held[0]) - {KEY})
        mine, theirs = ([tuple(row.get(one) for one in names) for row in some] for some in (lines, held))
        return lacking_and_extra(name, mine, theirs)
    return by_number(name, lines, held, lambda row: row["number"], _fields)
