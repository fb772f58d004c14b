"""Values in the words of SQL, exactly: so that a database itself makes each what its column is."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from malote.erp.profiles.shapes import Shape
from malote.erp.values import scaled

_REMEMBERED = 20_000  # numbers; a few megabytes


class DecimalTexts(dict[str, str]):
    """Decimal numbers, by what ``str`` makes of them, as text of at most ``places`` decimals; absence is empty.

    They are remembered, since a shop uses few rates and prices, and a look-up is quicker than a check of the digits.
    By text, since a Decimal's own hash costs ten times as much. Raises ``OutOfRangeError`` for a finer number.
    """

    def __init__(self, places: int) -> None:
        super().__init__({"None": ""})
        self._places = places

    def __missing__(self, text: str) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
            self["None"] = ""
        value = Decimal(text)
        scaled(value, self._places, "a decimal number")
        self[text] = format(value, "f")
        return self[text]


def plainly(shape: Shape) -> Callable[[Any], str]:
    """A value of this shape in the words of SQL; "" for none."""
    match shape.kind:
        case "money":
            return lambda value: "" if value is None else f"{value:d}e-2"
        case "decimal":
            numbers = DecimalTexts(shape.places)
            return lambda value: numbers[str(value)]
        case "text":
            return lambda value: value or ""
        case "moment" | "date" | "clock":
            return lambda value: value.isoformat() if value else ""
    return lambda value: "" if value is None else str(value)
