"""The text of an expression, taken apart: fields, constants and calls, and nothing else.

``issuer``, ``sale.number``, ``'NFCE'``, ``1``, ``2.50``, ``true``, ``left(description, 40)``. A quote within a
text is written twice. There are no operators, and what is called must be one of the functions in ``functions``.
"""

import re
from decimal import Decimal

import msgspec

PART_OF_KEY = "key:"  # before a column's name: what the ERP has of a sale in it, of a key of several columns
_DEEPEST = 10
_LONGEST = 1000
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?[0-9]+(?:\.[0-9]+)?)|(?P<name>[a-z_][a-z0-9_]*(?:\.[a-z0-9_]+)?)"
    r"|(?P<sign>[(),]))"
)


class Constant(msgspec.Struct, frozen=True):
    value: str | int | bool | Decimal


class Field(msgspec.Struct, frozen=True):
    """A field of the document: of the row itself, or, with ``sale.`` before it, of the row's sale."""

    name: str
    of_sale: bool = False


class Call(msgspec.Struct, frozen=True):
    function: str
    arguments: tuple["Constant | Field | Call", ...]


Expression = Constant | Field | Call


class ExpressionError(ValueError):
    """The message says what is wrong, in English."""


def parse(text: str) -> Expression:
    """Raises ``ExpressionError``."""
    if len(text) > _LONGEST:
        raise ExpressionError(f"longer than {_LONGEST} characters")
    tokens = _tokens(text)
    expression, rest = _expression(tokens, 0, 0)
    if rest != len(tokens):
        raise ExpressionError(f"nothing is expected after position {rest} of its parts")
    return expression


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, place = [], 0
    stripped = text.rstrip()
    while place < len(stripped):
        match = _TOKEN.match(stripped, place)
        if match is None:
            raise ExpressionError(f"not understood from here on: {stripped[place : place + 20]!r}")
        kind = match.lastgroup or ""
        tokens.append((kind, match[kind]))
        place = match.end()
    return tokens


def _expression(tokens: list[tuple[str, str]], place: int, depth: int) -> tuple[Expression, int]:
    if depth > _DEEPEST:
        raise ExpressionError(f"calls within calls, deeper than {_DEEPEST}")
    if place >= len(tokens):
        raise ExpressionError("it ends too early")
    kind, word = tokens[place]
    match kind:
        case "text":
            return Constant(word[1:-1].replace("''", "'")), place + 1
        case "number":
            return Constant(Decimal(word) if "." in word else int(word)), place + 1
        case "name" if _is(tokens, place + 1, "("):
            return _call(word, tokens, place + 2, depth)
        case "name" if word in ("true", "false"):
            return Constant(word == "true"), place + 1
        case "name":
            before, point, after = word.partition(".")
            if word == "item.key":
                return Field(word), place + 1
            if point and before != "sale":
                raise ExpressionError(f"only sale. may stand before a field, not {before}.")
            return Field(after, of_sale=True) if point else Field(word), place + 1
    raise ExpressionError(f"a field, a constant or a call is expected instead of {word!r}")


def _call(name: str, tokens: list[tuple[str, str]], place: int, depth: int) -> tuple[Expression, int]:
    arguments: list[Expression] = []
    if _is(tokens, place, ")"):
        return Call(name, ()), place + 1
    while True:
        argument, place = _expression(tokens, place, depth + 1)
        arguments.append(argument)
        if _is(tokens, place, ")"):
            return _called(name, arguments), place + 1
        if not _is(tokens, place, ","):
            raise ExpressionError("a comma or a closing bracket is missing")
        place += 1


def _called(name: str, arguments: list[Expression]) -> Expression:
    if name != "sale_key":
        return Call(name, tuple(arguments))
    match arguments:
        case [Constant(str(column))]:
            return Field(PART_OF_KEY + column, of_sale=True)
    raise ExpressionError("the quoted name of one column of the sale's key is expected in the brackets of sale_key")


def _is(tokens: list[tuple[str, str]], place: int, sign: str) -> bool:
    return place < len(tokens) and tokens[place] == ("sign", sign)
