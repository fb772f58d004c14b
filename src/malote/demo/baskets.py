"""What a customer puts on the belt and how they pay. Amounts in cents, quantities in ten-thousandths of a unit."""

from collections.abc import Mapping
from random import Random
from types import MappingProxyType

import msgspec

from malote.demo.catalogue import Product, products
from malote.fiscal.cnpj import cpf_digits

NO_PRICES: Mapping[str, int] = MappingProxyType({})
WHOLE = 10_000  # one unit or one kilogram
MOST_LINES = 40
_MEAN_LINES = 7.5

_CASH, _CREDIT, _DEBIT, _PIX = "01", "03", "04", "17"


class BasketLine(msgspec.Struct, frozen=True):
    product: Product
    quantity: int
    gross: int
    discount: int

    @property
    def net(self) -> int:
        return self.gross - self.discount


class BasketPayment(msgspec.Struct, frozen=True):
    method: str  # tPag
    amount: int


class Basket(msgspec.Struct, frozen=True):
    """One sale before it becomes a document. Payments minus change are the total."""

    lines: tuple[BasketLine, ...]
    payments: tuple[BasketPayment, ...]
    change: int
    consumer: str  # an invented CPF, or ""

    @property
    def total(self) -> int:
        return sum(line.net for line in self.lines)


def rounded(numerator: int, denominator: int) -> int:
    """The quotient of two non-negative integers, half a cent rounded up, as tills do."""
    return (2 * numerator + denominator) // (2 * denominator)


def draw(
    dice: Random, lines: int | None = None, payments: int | None = None, prices: Mapping[str, int] = NO_PRICES
) -> Basket:
    """A basket as supermarkets see them: many small, a few large; ``lines`` and ``payments`` fix their number.

    ``prices``: cents by product code, in place of the catalogue's.
    """
    count = lines or min(MOST_LINES, 1 + int(dice.expovariate(1 / _MEAN_LINES)))
    chosen = tuple(_line(dice, _priced(product, prices)) for product in dice.choices(products(), k=count))
    total = sum(line.net for line in chosen)
    paid, change = _payments(dice, total, payments or (2 if dice.random() < 0.06 else 1))
    return Basket(chosen, paid, change, invented_cpf(dice) if dice.random() < 0.2 else "")


def _priced(product: Product, prices: Mapping[str, int]) -> Product:
    price = prices.get(product.code, product.price)
    return product if price == product.price else msgspec.structs.replace(product, price=price)


def _line(dice: Random, product: Product) -> BasketLine:
    quantity = _weight(dice) if product.weighed else WHOLE * dice.choice((1, 1, 1, 1, 1, 2, 2, 3, 4, 6))
    gross = max(1, rounded(quantity * product.price, WHOLE))
    discount = rounded(gross * dice.choice((5, 10, 15)), 100) if dice.random() < 0.08 else 0
    return BasketLine(product, quantity, gross, min(discount, gross - 1))


def _weight(dice: Random) -> int:
    """Most scales weigh to the gram; some till programs multiply out to the fourth decimal."""
    grams = dice.randint(80, 2600)
    return grams * 10 + (dice.randint(1, 9) if dice.random() < 0.15 else 0)


def _payments(dice: Random, total: int, count: int) -> tuple[tuple[BasketPayment, ...], int]:
    if count == 1 or total < 2:
        method = dice.choices((_PIX, _CREDIT, _DEBIT, _CASH), (34, 27, 24, 15))[0]
        if method != _CASH:
            return (BasketPayment(method, total),), 0
        handed = _notes_handed(dice, total)
        return (BasketPayment(_CASH, handed),), handed - total
    first = dice.randint(1, total - 1)
    return (BasketPayment(_CASH, first), BasketPayment(dice.choice((_PIX, _CREDIT, _DEBIT)), total - first)), 0


def _notes_handed(dice: Random, total: int) -> int:
    """What the customer hands over: the exact sum, or the next round one."""
    step = dice.choice((1, 500, 1000, 2000, 5000))
    return -(-total // step) * step


def invented_cpf(dice: Random) -> str:
    """Eleven digits with right check digits that belong to nobody in particular."""
    base = f"{dice.randrange(10**9):09d}"
    return base + cpf_digits(base)
