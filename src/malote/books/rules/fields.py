"""What a rule may ask of a sale or of a till's day: each field's name and type, and where its value comes from.

Money is in reais, exact; times and days are by the store's clock (``books.zone``, ``books.day_begins``).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from malote.books.rules.language import Type, Values
from malote.business_day import BusinessCalendar
from malote.fiscal.documents import Sale
from malote.fiscal.payment_methods import CASH, METHODS, OTHER, RULE_NAMES

PAYMENTS = RULE_NAMES

_MONEY: dict[str, Type] = dict.fromkeys(PAYMENTS, "number")
SALE: dict[str, Type] = {
    "till": "text",
    "model": "text",  # "65", "55", "59"
    "series": "number",
    "number": "number",
    "day": "text",  # YYYY-MM-DD, a business day
    "weekday": "number",  # 1 is Monday, 7 Sunday; of the business day
    "hour": "number",  # 0 to 23
    "total": "number",
    "products": "number",  # before discount and additions
    "discount": "number",
    "change": "number",
    "items": "number",  # lines
    "quantity": "number",  # of all lines together
    "dearest": "number",  # the line of the greatest amount, before discount
    "payments": "number",  # how many
    **_MONEY,  # paid so; the change is taken off the cash
    "consumer": "truth",  # named by CPF or CNPJ
    "contingency": "truth",  # issued offline
    "authorised": "truth",  # its protocol is here
    "cancelled": "truth",
    "cancelled_after": "number",  # minutes from its issue to its cancellation; unknown where it isn't cancelled
}
DAY: dict[str, Type] = {
    "till": "text",
    "day": "text",
    "weekday": "number",
    "count": "number",  # booked sales that aren't cancelled
    "total": "number",  # of those
    "cancelled": "number",
    "cancelled_total": "number",
    "unbooked": "number",  # open, rejected or deleted
    "largest": "number",  # sale of the day; unknown without one
    "first_hour": "number",  # of its first and last sale; unknown without one
    "last_hour": "number",
    "at_till": "number",  # as the till counts them; unknown where it doesn't say
    **_MONEY,  # unknown where files of the day have left the server
}
OF: dict[str, Mapping[str, Type]] = {"sale": SALE, "day": DAY}


def reais(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def of_sale(sale: Sale, till: str, calendar: BusinessCalendar, cancelled_at: str | None) -> Values:
    """``cancelled_at``: ISO 8601, None of a sale that stands."""
    day = calendar.of(sale.issued_at.isoformat())
    after = None if cancelled_at is None else _minutes(sale.issued_at, cancelled_at)
    return {
        "till": till,
        "model": sale.model,
        "series": sale.series,
        "number": sale.number,
        "day": day.isoformat() if day else None,
        "weekday": day.isoweekday() if day else None,
        "hour": _hour(sale.issued_at, calendar),
        "total": reais(sale.totals.total),
        "products": reais(sale.totals.products),
        "discount": reais(sale.totals.discount),
        "change": reais(sale.change),
        "items": len(sale.items),
        "quantity": sum((one.quantity for one in sale.items), Decimal(0)),
        "dearest": max((reais(one.gross) for one in sale.items), default=None),
        "payments": len(sale.payments),
        **paid({CASH: -sale.change}, [(one.method, one.amount) for one in sale.payments]),
        "consumer": bool(sale.consumer),
        "contingency": sale.emission in (4, 9),
        "authorised": sale.authorised,
        "cancelled": cancelled_at is not None,
        "cancelled_after": after,
    }


def of_day(
    till: str,
    day: date,
    calendar: BusinessCalendar,
    rows: Sequence[Any],
    cancelled: Mapping[str, Any],
    told: int | None,
) -> dict[str, Any]:
    """All but what was paid how. ``rows``: the day's sales, one document for each key, as ``book_days`` has them."""
    booked = [one for one in rows if one.state == "posted"]
    stands = [one for one in booked if one.access_key not in cancelled]
    gone = [one for one in booked if one.access_key in cancelled]
    hours = [_hour(at, calendar) for at in sorted(datetime.fromisoformat(one.issued_at) for one in booked)]
    return {
        "till": till,
        "day": day.isoformat(),
        "weekday": day.isoweekday(),
        "count": len(stands),
        "total": reais(sum(one.total or 0 for one in stands)),
        "cancelled": len(gone),
        "cancelled_total": reais(sum(one.total or 0 for one in gone)),
        "unbooked": sum(one.state not in ("posted", "kept") for one in rows),
        "largest": max((reais(one.total or 0) for one in stands), default=None),
        "first_hour": hours[0] if hours else None,
        "last_hour": hours[-1] if hours else None,
        "at_till": told,
    }


def paid(first: Mapping[str, int], more: Sequence[tuple[str, int]]) -> dict[str, Decimal]:
    """By way of payment, from cents by tPag."""
    sums = dict.fromkeys(PAYMENTS, 0)
    for method, cents in [*first.items(), *more]:
        sums[METHODS[method].rule if method in METHODS else OTHER] += cents
    return {name: reais(cents) for name, cents in sums.items()}


def _hour(at: datetime, calendar: BusinessCalendar) -> int:
    return (at.astimezone(calendar.zone) if calendar.zone else at).hour


def _minutes(since: datetime, until: str) -> int | None:
    try:
        return int((datetime.fromisoformat(until) - since).total_seconds() // 60)
    except (ValueError, TypeError):
        return None
