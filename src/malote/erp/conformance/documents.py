"""Documents to try an ERP with. Invented, and shaped as real ones."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec

from malote.erp.protocol import Posting
from malote.fiscal.documents import (
    Answer,
    Cancellation,
    Document,
    Item,
    NumberVoid,
    Payment,
    Protocol,
    Sale,
    Taxes,
    Totals,
    content_hash,
)

ISSUER = "11222333000181"
BRASILIA = timezone(timedelta(hours=-3))
OPENING = datetime(2026, 3, 2, 8, 0, 0, tzinfo=BRASILIA)


def access_key(number: int, *, issuer: str = ISSUER, series: int = 1, emission: int = 1) -> str:
    """A key of the right shape and length; its check digit is nobody's concern here."""
    return f"352603{issuer}65{series:03d}{number:09d}{emission}{number % 10**8:08d}0"


def protocol(number: int = 1) -> Protocol:
    return Protocol(f"1352600{number:08d}", 100, OPENING + timedelta(seconds=number))


def item(number: int = 1, *, product: str = "1001", quantity: str = "2", price: str = "3.50", **changes: Any) -> Item:
    gross = int((Decimal(quantity) * Decimal(price) * 100).to_integral_value())
    return msgspec.structs.replace(
        Item(
            number=number,
            product_code=product,
            gtin="7891000100103",
            description=f"ARROZ TIPO 1 {product}",
            ncm="10063021",
            cfop="5102",
            unit="UN",
            quantity=Decimal(quantity),
            unit_price=Decimal(price),
            gross=gross,
            discount=0,
            freight=0,
            insurance=0,
            other=0,
            in_total=True,
            taxes=taxes(gross),
        ),
        **changes,
    )


def taxes(base: int) -> Taxes:
    """What a company outside Simples writes in 2026: ICMS, PIS, COFINS, and the reform's test rates."""
    return Taxes(
        icms_origin="0",
        icms_status="00",
        icms_base=base,
        icms_rate=Decimal("18.00"),
        icms_amount=base * 18 // 100,
        pis_status="01",
        pis_base=base,
        pis_rate=Decimal("1.65"),
        pis_amount=base * 165 // 10000,
        cofins_status="01",
        cofins_base=base,
        cofins_rate=Decimal("7.60"),
        cofins_amount=base * 760 // 10000,
        reform_status="000",
        reform_class="000001",
        reform_base=base,
        ibs_state_rate=Decimal("0.1000"),
        ibs_state_amount=base // 1000,
        ibs_city_rate=Decimal("0.0000"),
        cbs_rate=Decimal("0.9000"),
        cbs_amount=base * 9 // 1000,
    )


def sale(number: int = 1, *, items: Sequence[Item] | None = None, authorised: bool = True, **changes: Any) -> Sale:
    """An NFC-e paid in cash. ``changes`` replace any field; the totals follow the items."""
    lines = tuple(items) if items is not None else (item(),)
    total = sum(line.gross - line.discount for line in lines)
    issuer, emission = changes.get("issuer", ISSUER), changes.get("emission", 1)
    return msgspec.structs.replace(
        Sale(
            access_key=access_key(number, issuer=issuer, series=changes.get("series", 1), emission=emission),
            model="65",
            layout="4.00",
            issuer=issuer,
            series=1,
            number=number,
            issued_at=OPENING + timedelta(seconds=number),
            environment=1,
            emission=emission,
            consumer="",
            items=lines,
            payments=(Payment("01", total + 500),),
            change=500,
            totals=totals(lines),
            protocol=protocol(number) if authorised else None,
        ),
        **changes,
    )


def totals(items: Sequence[Item]) -> Totals:
    return Totals(
        products=sum(line.gross for line in items),
        discount=sum(line.discount for line in items),
        freight=0,
        insurance=0,
        other=0,
        icms=sum(line.taxes.icms_amount for line in items),
        icms_substitution=0,
        ipi=0,
        pis=sum(line.taxes.pis_amount for line in items),
        cofins=sum(line.taxes.cofins_amount for line in items),
        services=0,
        ibs=sum(line.taxes.ibs_state_amount for line in items),
        cbs=sum(line.taxes.cbs_amount for line in items),
        total=sum(line.gross - line.discount for line in items),
    )


def contingency(number: int = 1, *, authorised: bool = False, **changes: Any) -> Sale:
    """Issued while the tax authority was out of reach: a sale already, its protocol comes later."""
    offline: dict[str, Any] = {"contingency_at": OPENING, "contingency_reason": "SEM ACESSO A INTERNET"}
    return sale(number, authorised=authorised, emission=9, **(offline | changes))


def answer(of: Sale, status: int = 100) -> Answer:
    """The authority's answer about a sale in a file of its own."""
    given = protocol(of.number) if status == 100 else None
    return Answer(of.access_key, status, given, of.issued_at, of.environment, given.number if given else "")


def cancellation(of: Sale, *, authorised: bool = True, **changes: Any) -> Cancellation:
    return msgspec.structs.replace(
        Cancellation(
            access_key=of.access_key,
            event="110111",
            sequence=1,
            issuer=of.issuer,
            at=of.issued_at + timedelta(minutes=5),
            environment=of.environment,
            sale_protocol=of.protocol.number if of.protocol else "",
            protocol=protocol(9_000_000 + of.number) if authorised else None,
            reason="CLIENTE DESISTIU DA COMPRA",
        ),
        **changes,
    )


def number_void(first: int = 900, last: int = 905, *, authorised: bool = True, **changes: Any) -> NumberVoid:
    return msgspec.structs.replace(
        NumberVoid(
            issuer=ISSUER,
            model="65",
            series=1,
            year=2026,
            first=first,
            last=last,
            environment=1,
            reason="FALHA NO SISTEMA DO CAIXA",
            protocol=protocol(first) if authorised else None,
            at=datetime(2026, 3, 3, 12, 0, tzinfo=UTC),
        ),
        **changes,
    )


def posting(document: Document, document_id: int = 1, till: str = "caixa1") -> Posting:
    return Posting(document_id, till, document, content_hash(document))


def postings(documents: Sequence[Document], *, first_id: int = 1, till: str = "caixa1") -> list[Posting]:
    return [posting(document, number, till) for number, document in enumerate(documents, first_id)]


def baskets(count: int, *, items: int = 8, products: int = 40) -> list[Sale]:
    """Sales of several lines and two payments, with weighed goods and discounts; the same ones every time."""
    return [_basket(number, items, products) for number in range(1, count + 1)]


def _basket(number: int, items: int, products: int) -> Sale:
    lines = []
    for place in range(1, items + 1):
        turn = number * 7 + place * 3
        quantity = str(turn % 6 + 1) if turn % 5 else f"0.{turn % 900 + 100}"
        line = item(place, product=str(10_000 + turn % products), quantity=quantity, price=f"{turn % 99 + 1}.90")
        lines.append(msgspec.structs.replace(line, discount=line.gross // 10 if turn % 4 == 0 else 0))
    made = sale(number, items=lines)
    half = made.totals.total // 2
    paid = (Payment("01", half), Payment("03", made.totals.total - half, acquirer="01027058000191", brand="01"))
    return msgspec.structs.replace(made, payments=paid, change=0, consumer="52998224725" if number % 3 == 0 else "")
