"""Numbers that need no document: voided, or missing for a reason that a person gave."""

from sqlalchemy import Connection, func, select

from malote.database.book_tables import number_gap
from malote.database.tables import document as documents
from malote.spool.refused_voids import BOOKED, NEEDLESS

MOST = 10_000  # ranges of one series


def voids(
    connection: Connection, series: tuple[str, str, int], within: tuple[int, int] | None = None
) -> list[tuple[int, int]]:
    """The voided numbers of a series (issuer, model, series), in order, or those that touch a range: first and last of
    each void that was not refused."""
    columns = documents.c
    query = select(columns.number, columns.last_number).distinct()
    query = query.where(columns.issuer == series[0], columns.model == series[1], columns.series == series[2])
    query = query.where(columns.kind == "number_void", columns.number.is_not(None), columns.last_number.is_not(None))
    # Refused by the authority, and settled since: no number is void by them.
    refused = (columns.state == "kept") & func.coalesce(columns.reason_code, "").in_((BOOKED, NEEDLESS))
    query = query.where(columns.state.not_in(("rejected", "discarded")), ~refused)
    if within is not None:
        query = query.where(columns.last_number >= within[0], columns.number <= within[1])
    rows = connection.execute(query.order_by(columns.number, columns.last_number).limit(MOST))
    return [(int(first), int(last)) for first, last in rows]


def accepted(connection: Connection, series: tuple[str, str, int], after: int) -> list[tuple[int, int]]:
    """Of a series the missing numbers behind this one that somebody answers for, in order."""
    columns = number_gap.c
    query = select(columns.first, columns.last).where(columns.accepted_at.is_not(None), columns.last > after)
    query = query.where(columns.issuer == series[0], columns.model == series[1], columns.series == series[2])
    return [(int(first), int(last)) for first, last in connection.execute(query.order_by(columns.first).limit(MOST))]
