"""Sales as the poster meets them: small ones to the point for tests, as ``malote erp verify`` has them too, and
realistic ones for benches.

Random ones come from a seed, so that a failing test can be repeated.
"""

import random
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import msgspec

from malote.erp.conformance.documents import (
    BRASILIA,
    ISSUER,
    OPENING,
    access_key,
    cancellation,
    contingency,
    item,
    number_void,
    posting,
    postings,
    protocol,
    sale,
    taxes,
    totals,
)
from malote.erp.protocol import Posting
from malote.fiscal.documents import Payment, Sale, _first_hash

__all__ = [
    "BRASILIA",
    "ISSUER",
    "OPENING",
    "access_key",
    "by_older_version",
    "cancellation",
    "contingency",
    "item",
    "number_void",
    "posting",
    "postings",
    "protocol",
    "sale",
    "supermarket",
    "taxes",
    "totals",
]


def by_older_version(*documents: Sale) -> list[Posting]:
    """As the version whose sales had their first form entered them into the ledger."""
    return [msgspec.structs.replace(posting(one), content_hash=_first_hash(one)) for one in documents]


def supermarket(count: int, *, seed: int = 1, items: int = 8, payments: int = 2, products: int = 5000) -> list[Sale]:
    """Baskets as a supermarket sells them: weighed goods with three decimals, discounts, few goods sold often."""
    dice = random.Random(seed)
    shelf = [_product(dice, number) for number in range(products)]
    weights = [1 / (number + 10) for number in range(products)]
    return [_basket(dice, number, dice.choices(shelf, weights, k=items), payments) for number in range(1, count + 1)]


_NAMES = (
    "ARROZ TIPO 1 5KG",
    "FEIJÃO CARIOCA 1KG",
    "CAFÉ TORRADO 500G",
    "LEITE UHT 1L",
    "AÇÚCAR REFINADO",
    "PÃO FRANCÊS",
)


def _product(dice: random.Random, number: int) -> tuple[str, str, str, Decimal, bool]:
    weighed = dice.random() < 0.2
    price = Decimal(dice.randint(99, 9999)).scaleb(-2)
    return f"{10_000 + number}", f"789{number:010d}", f"{dice.choice(_NAMES)} {number}", price, weighed


def _basket(dice: random.Random, number: int, chosen: Sequence[tuple[str, str, str, Decimal, bool]], ways: int) -> Sale:
    lines = []
    for place, (code, gtin, description, price, weighed) in enumerate(chosen, 1):
        quantity = f"{dice.randint(50, 4000) / 1000:.3f}" if weighed else str(dice.randint(1, 6))
        line = item(place, product=code, quantity=quantity, price=str(price))
        discount = dice.choice((0, 0, 0, line.gross // 10))
        unit = "KG" if weighed else "UN"
        lines.append(msgspec.structs.replace(line, gtin=gtin, description=description, discount=discount, unit=unit))
    made = sale(number, items=lines)
    shares = [made.totals.total // ways] * (ways - 1)
    methods = dice.choices(("01", "03", "04", "17"), k=ways)
    amounts = [*shares, made.totals.total - sum(shares)]
    paid = tuple(
        Payment(method, amount, acquirer="01027058000191") for method, amount in zip(methods, amounts, strict=True)
    )
    consumer = "52998224725" if dice.random() < 0.3 else ""
    return msgspec.structs.replace(made, payments=paid, change=0, consumer=consumer)


def on_day(number: int, days: int) -> Sale:
    one = sale(number)
    return msgspec.structs.replace(one, issued_at=one.issued_at + timedelta(days=days))
