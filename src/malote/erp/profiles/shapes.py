"""What a value is, so that a column of the right type can be asked for."""

from typing import Any, Literal

import msgspec
from sqlalchemy import Date
from sqlalchemy.types import TypeEngine

from malote.erp.values import Digest, Exact, Flag, KeyText, Money, WallTime, Whole, Words, ZonedTime

Kind = Literal["text", "integer", "money", "decimal", "moment", "date", "clock", "flag", "bytes", "any"]


class Shape(msgspec.Struct, frozen=True):
    """``any`` is what the ERP's own database gave: it fits where it came from. ``places`` are decimals, of a decimal;
    ``length`` is in characters, of a text that is known to be no longer."""

    kind: Kind
    places: int = 0
    length: int | None = None

    def __str__(self) -> str:
        match self.kind:
            case "decimal":
                return f"decimal number of {self.places} places"
            case "text" if self.length:
                return f"text of {self.length}"
            case "money":
                return "amount (decimal number of 2 places)"
            case "moment":
                return "moment with its zone"
            case "clock":
                return "date and hour without zone"
        return self.kind

    def column_type(self) -> TypeEngine[Any]:
        match self.kind:
            case "money":
                return Money()
            case "decimal":
                return Exact(self.places)
            case "integer" | "any":
                return Whole()
            case "moment":
                return ZonedTime()
            case "date":
                return Date()
            case "clock":
                return WallTime()
            case "flag":
                return Flag()
            case "bytes":
                return Digest()
        return Words(self.length)


def shape_of(kind: TypeEngine[Any]) -> Shape:
    """The shape of what one of Malote's own columns holds."""
    match kind:
        case Money():
            return Shape("money")
        case Exact():
            return Shape("decimal", places=kind.places)
        case Whole():
            return Shape("integer")
        case ZonedTime():
            return Shape("moment")
        case Flag():
            return Shape("flag")
        case Words():
            return Shape("text", length=kind.length)
        case KeyText():
            return Shape("text")
    return Shape("bytes")
