"""A day in shadow: what Malote would have done, beside what the other system booked in the ERP, to the cent.

Read anew each time, from the documents that are here and from the ERP's own tables; cost follows the day.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Engine, select

from malote.business_day import BusinessCalendar
from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.erp.connecting import classified
from malote.erp.protocol import Erp
from malote.erp.reading_sales import HeldSale, SalesReader
from malote.erp.shadow import DIFFERS, MISSING, NOT_CANCELLED, SAME
from malote.spool.state_changes import decode_reason

# missing         Malote would have booked it, and the ERP doesn't have it
# differs         the ERP has it otherwise
# not_cancelled   Malote would have cancelled it, and in the ERP it counts
# rejected        Malote would have rejected it, and the other system booked it
# not_a_sale      Malote would have kept it without booking it, and the other system booked it
# extra           the ERP has it, and its file never came here
What = Literal["missing", "differs", "not_cancelled", "rejected", "not_a_sale", "extra"]

_MARGIN = timedelta(days=2)  # around a day, since times are kept as documents write them
_DEFAULT_ZONE = "America/Sao_Paulo"


class ShadowLine(msgspec.Struct, frozen=True):
    """One difference. Totals in cents; None where that side has none, or it can't be read."""

    what: What
    access_key: str
    till: str  # "" for what never came here
    series: int | None
    number: int | None
    total: int | None
    erp_total: int | None
    code: str = ""  # why Malote would not have booked it
    fields: str = ""  # what is otherwise


class Sum(msgspec.Struct):
    count: int = 0
    total: int = 0  # cents

    def add(self, total: int | None) -> None:
        self.count += 1
        self.total += total or 0


class ShadowDay(msgspec.Struct):
    """``erp`` None where the profile can't tell the ERP's sales of a day. ``undecided``: not compared yet."""

    day: date
    malote: Sum  # what it would have booked
    erp: Sum | None
    same: int
    undecided: int
    lines: list[ShadowLine]


class ShadowRow(msgspec.Struct, frozen=True):
    """A document of the day, as it stands here."""

    kind: str
    access_key: str
    till: str
    series: int | None
    number: int | None
    issued_at: str
    total: int | None
    state: str
    code: str
    fields: str


def report(engine: Engine, erp: Erp, business: BusinessCalendar, day: date, issuers: Sequence[str] = ()) -> ShadowDay:
    """``issuers``: whose sales of the ERP count; empty: those of whom documents are here.

    Raises ``StoreError``, ``ErpError``.
    """
    rows = [one for one in _documents(engine, day) if business.of(one.issued_at) == day]
    with classified(), erp.read_only() as connection:
        reader = SalesReader(erp.tables, connection)
        held = reader.held({one.access_key for one in rows})
        of_day = reader.of_time(*_bounds(business, day))
        wanted = {one.rjust(14, "0") for one in issuers} or {one.access_key[6:20] for one in rows}
        there = None if of_day is None else [one for one in of_day if one.access_key[6:20] in wanted]
    found = ShadowDay(day, Sum(), None if there is None else Sum(), 0, 0, [])
    for one in _best(rows):
        _judge(found, one, held.get(one.access_key))
    if found.erp is not None:
        for sale in there or ():
            found.erp.add(sale.total)
    found.lines += _extra(engine, there or ())
    found.lines.sort(key=lambda line: (line.what, line.access_key))
    return found


def _judge(found: ShadowDay, one: ShadowRow, there: HeldSale | None) -> None:
    if one.kind == "cancellation":
        if one.code == NOT_CANCELLED:
            found.lines.append(_line("not_cancelled", one, there))
        return
    if one.state in ("accepted", "posting") or (one.state == "waiting" and one.code != MISSING):
        found.undecided += 1
    elif one.code in (SAME, DIFFERS, MISSING) or one.state == "posted":
        found.malote.add(one.total)
        if one.code == DIFFERS:
            found.lines.append(_line("differs", one, there))
        elif there is None:
            found.lines.append(_line("missing", one, None))
        else:
            found.same += 1
    elif there is not None and one.state != "discarded":
        found.lines.append(_line("rejected" if one.state == "rejected" else "not_a_sale", one, there))


def _line(what: What, one: ShadowRow, there: HeldSale | None) -> ShadowLine:
    erp_total = there.total if there else None
    why = "" if what in ("missing", "differs", "not_cancelled") else one.code
    return ShadowLine(what, one.access_key, one.till, one.series, one.number, one.total, erp_total, why, one.fields)


def _best(rows: Sequence[ShadowRow]) -> Iterator[ShadowRow]:
    """Of several files of one sale the one that counts: what is there before what waits, and that before rejects."""
    order = {"posted": 0, "kept": 1, "waiting": 2, "accepted": 3, "posting": 3, "rejected": 4, "discarded": 5}
    weights: dict[tuple[str, str], ShadowRow] = {}
    for one in sorted(rows, key=lambda row: (row.code not in (SAME, DIFFERS), order[row.state])):
        weights.setdefault((one.kind, one.access_key), one)
    yield from weights.values()


def _documents(engine: Engine, day: date) -> Iterator[ShadowRow]:
    query = (
        select(documents, tills.c.name.label("till"))
        .join(tills, tills.c.id == documents.c.till_id)
        .where(
            documents.c.kind.in_(("sale", "cancellation")),
            documents.c.access_key.is_not(None),
            documents.c.issued_at >= (day - _MARGIN).isoformat(),
            documents.c.issued_at < (day + _MARGIN + timedelta(days=1)).isoformat(),
        )
        .order_by(documents.c.id)
    )
    with reading(engine) as connection:
        for row in connection.execution_options(yield_per=2000).execute(query).mappings():
            reason = decode_reason(row["reason"])
            facts: Mapping[str, str] = reason.facts if reason else {}
            named = {name: row[name] for name in ("kind", "access_key", "till", "series", "number", "total", "state")}
            fields = facts.get("fields", "")
            yield ShadowRow(**named, issued_at=row["issued_at"], code=row["reason_code"] or "", fields=fields)


def _extra(engine: Engine, there: Sequence[HeldSale]) -> Iterator[ShadowLine]:
    by_key = {one.access_key: one for one in there}
    with reading(engine) as connection:
        for some in chunks(sorted(by_key)):
            known = set(
                connection.scalars(select(documents.c.access_key).where(documents.c.access_key.in_(some)).distinct())
            )
            for key in some:
                if key not in known:
                    series, number = (int(key[22:25]), int(key[25:34])) if len(key) == 44 else (None, None)
                    yield ShadowLine("extra", key, "", series, number, None, by_key[key].total)


def _bounds(business: BusinessCalendar, day: date) -> tuple[datetime, datetime, tzinfo]:
    zone = business.zone or ZoneInfo(_DEFAULT_ZONE)
    begin = (datetime.combine(day, time()) + business.begins).replace(tzinfo=zone)
    end = (datetime.combine(day + timedelta(days=1), time()) + business.begins).replace(tzinfo=zone)
    return begin.astimezone(UTC), end.astimezone(UTC), zone
