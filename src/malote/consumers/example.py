"""The sale that the HTTP interface's description shows; a test books it and compares what is told."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec

from malote.consumers.lines import Telling, line_of
from malote.fiscal.documents import Item, Payment, Protocol, Sale, Taxes, Totals
from malote.spool.feed import Change

_BRASILIA = timezone(timedelta(hours=-3))
ISSUED = datetime(2026, 11, 20, 12, 0, 1, tzinfo=_BRASILIA)
TILL = "caixa1"
_ISSUER = "11222333000181"
_KEY = "35261111222333000181650010000047111000000427"

SALE = Sale(
    access_key=_KEY,
    model="65",
    layout="4.00",
    issuer=_ISSUER,
    series=1,
    number=4711,
    issued_at=ISSUED,
    environment=1,
    emission=1,
    consumer="",
    items=(
        Item(
            1, "789", "7891000100103", "Leite condensado 395 g", "04029900", "5102", "UN", Decimal("2.0000"),
            Decimal("6.49"), 1298, 0, 0, 0, 0, True, Taxes(icms_status="102"),
        ),
    ),
    payments=(Payment("17", 1298),),
    change=0,
    totals=Totals(1298, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1298),
    protocol=Protocol("135260000000001", 100, ISSUED.astimezone(UTC) + timedelta(seconds=1)),
)  # fmt: skip


def line() -> dict[str, Any]:
    """What is told of it, as the JSON has it."""
    change = Change(
        1, "booked", None, (ISSUED + timedelta(seconds=3)).timestamp(), 1, 1, 0, TILL, "sale", _KEY, "65", _ISSUER, 1,
        4711, ISSUED.isoformat(), 1298, b"", 0, True, False,
    )  # fmt: skip
    told: dict[str, Any] = msgspec.to_builtins(line_of(Telling("en"), change, SALE, "booked", change.cursor))
    return told
