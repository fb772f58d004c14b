"""Numbers as some ERPs keep them: whole numbers of a smaller unit, and texts with a comma or a point."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from malote.erp.profiles.compiled_expression import Compiled, derived, only, with_number
from malote.erp.profiles.shapes import Shape
from malote.erp.profiles.syntax import ExpressionError
from malote.erp.values import scaled

_MOST_PLACES = 10


def scaled_whole(arguments: Sequence[Compiled], column: str) -> Compiled:
    """``scaled(quantity, 3)``: thousandths. A finer number is refused."""
    inner, places = with_number(arguments, _MOST_PLACES, "decimal", "money")

    def change(value: Any) -> int:
        return scaled(_number(inner.shape, value), places, column)

    def back(value: Any) -> Any:
        found = Decimal(value).scaleb(-places)
        return int(found.scaleb(2)) if inner.shape.kind == "money" else found

    return derived(inner, Shape("integer"), change, back, exact=True)


def with_sign(sign: str) -> Callable[[Sequence[Compiled], str], Compiled]:
    """Of an amount or a number of known places its text with all of them: 12,50."""

    def made(arguments: Sequence[Compiled], column: str) -> Compiled:
        inner = only(arguments, "money", "decimal")
        places = 2 if inner.shape.kind == "money" else inner.shape.places
        if places > _MOST_PLACES:
            raise ExpressionError("the number must have known places: places(…) or rounded(…)")

        def change(value: Any) -> str:
            return format(
                Decimal(scaled(_number(inner.shape, value), places, column)).scaleb(-places), f".{places}f"
            ).replace(".", sign)

        def back(text: str) -> Any:
            found = Decimal(text.strip().replace(sign, "."))
            return int(found.scaleb(2)) if inner.shape.kind == "money" else found

        return derived(inner, Shape("text"), change, back, exact=True)

    return made


def _number(shape: Shape, value: Any) -> Decimal:
    return Decimal(value).scaleb(-2) if shape.kind == "money" else Decimal(value)
