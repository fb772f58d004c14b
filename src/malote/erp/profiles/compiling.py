"""What an expression of a profile means: compiled once into plain functions over a row; nothing is evaluated as code.

Each function names the shape of its result. Where a column's value leads back to the field it was made of, the
function has an inverse, so that Malote can read what it wrote; ``exact`` says that nothing is lost on the way.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import msgspec

from malote.erp.profiles import of_sale
from malote.erp.profiles.compiled_expression import (
    Compiled,
    ExpressionNames,
    Row,
    UnmappedError,
    Value,
    derived,
    only,
    together,
    with_number,
)
from malote.erp.profiles.queries import AMBIGUOUS, ANSWERS, KINDS, Ask, UnansweredError, types_of
from malote.erp.profiles.shapes import Kind, Shape
from malote.erp.profiles.syntax import Call, Constant, Expression, ExpressionError, Field
from malote.erp.profiles.written_numbers import scaled_whole, with_sign
from malote.erp.values import OutOfRangeError, scaled

Lookup = Mapping[str, str | int]  # "*" is for all others

OTHERS = "*"
_MOST_PLACES = 10


def compiled(expression: Expression, around: ExpressionNames) -> Compiled:
    """Raises ``ExpressionError``."""
    match expression:
        case Constant():
            return _constant(expression.value)
        case Field():
            return _field(expression, around)
        case Call():
            return _call(expression, around)


def _constant(value: str | int | bool | Decimal) -> Compiled:
    match value:
        case bool():
            shape = Shape("flag")
        case int():
            shape = Shape("integer")
        case str():
            shape = Shape("text", length=len(value))
        case _:
            shape = Shape("decimal", places=max(0, -int(value.as_tuple().exponent)))
    return Compiled(shape, lambda row, sale: value, frozenset())


def _field(field: Field, around: ExpressionNames) -> Compiled:
    known, name = (around.sale if field.of_sale else around.row), field.name
    if name not in known or name == of_sale.PAID:
        raise ExpressionError(
            f"no field {'sale.' if field.of_sale else ''}{name}; known are {', '.join(sorted(known))}"
        )
    value: Value = (lambda row, sale: sale[name]) if field.of_sale else (lambda row, sale: row[name])
    return Compiled(known[name], value, frozenset([field]), _itself, exact=True)


def _call(call: Call, around: ExpressionNames) -> Compiled:
    if call.function == "lookup":
        return _lookup(call, around)
    if call.function == "query":
        return _query(call, around)
    if call.function in of_sale.FUNCTIONS:
        return of_sale.paid(call, around)
    make = FUNCTIONS.get(call.function)
    if make is None:
        raise ExpressionError(f"no function {call.function}; known are {', '.join(sorted([*FUNCTIONS, *_OF_TABLES]))}")
    return make([compiled(argument, around) for argument in call.arguments], around.column)


def _itself(value: Any) -> Any:
    return value


# ---- functions of one value ----


def _cents(arguments: Sequence[Compiled], column: str) -> Compiled:
    return derived(only(arguments, "money"), Shape("integer"), _itself, _itself, exact=True)


def _negate(arguments: Sequence[Compiled], column: str) -> Compiled:
    inner = only(arguments, "money", "decimal", "integer")
    return derived(inner, inner.shape, lambda value: -value, lambda value: -value, exact=True)


def _integer(arguments: Sequence[Compiled], column: str) -> Compiled:
    def change(text: str) -> int | None:
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise OutOfRangeError(column)
        return int(text)

    return derived(only(arguments, "text"), Shape("integer"), change, str)


def _text(arguments: Sequence[Compiled], column: str) -> Compiled:
    return derived(only(arguments, "integer"), Shape("text"), str, int, exact=True)


def _of_moment(kind: Kind, part: Callable[[datetime], Any]) -> Callable[[Sequence[Compiled], str], Compiled]:
    return lambda arguments, column: derived(only(arguments, "moment"), Shape(kind), part)


# ---- functions with a number of places or characters ----


def _places(arguments: Sequence[Compiled], column: str) -> Compiled:
    inner, places = with_number(arguments, _MOST_PLACES, "decimal")

    def change(value: Decimal) -> Decimal:
        scaled(value, places, column)
        return value

    return derived(inner, Shape("decimal", places=places), change, _itself, exact=True)


def _rounded(arguments: Sequence[Compiled], column: str) -> Compiled:
    inner, places = with_number(arguments, _MOST_PLACES, "decimal", "money")
    money, step = inner.shape.kind == "money", Decimal(1).scaleb(-places)

    def change(value: Any) -> Decimal:
        try:
            return (Decimal(value).scaleb(-2) if money else Decimal(value)).quantize(step, ROUND_HALF_UP)
        except InvalidOperation as error:
            raise OutOfRangeError(column) from error

    return derived(inner, Shape("decimal", places=places), change)


def _left(arguments: Sequence[Compiled], column: str) -> Compiled:
    inner, length = with_number(arguments, 4000, "text")
    return derived(inner, Shape("text", length=length), lambda text: text[:length])


def _right(arguments: Sequence[Compiled], column: str) -> Compiled:
    inner, length = with_number(arguments, 4000, "text")
    return derived(inner, Shape("text", length=length), lambda text: text[max(0, len(text) - length) :])


# ---- functions of several values ----


def _concat(arguments: Sequence[Compiled], column: str) -> Compiled:
    if not arguments:
        raise ExpressionError("nothing to put together")
    for argument in arguments:
        if argument.shape.kind not in ("text", "integer"):
            raise ExpressionError(f"only texts and integers can be put together, not {argument.shape}")
    values = [argument.value for argument in arguments]

    def value(row: Row, sale: Row) -> str:
        parts = [one(row, sale) for one in values]
        return "".join([str(part) for part in parts if part is not None])

    return together(arguments, Shape("text"), value)


def _present(arguments: Sequence[Compiled], column: str) -> Compiled:
    if len(arguments) != 3:
        raise ExpressionError("three values are expected: one, what stands for its presence, and for its absence")
    asked, there, absent = arguments
    if there.shape.kind != absent.shape.kind:
        raise ExpressionError(f"the last two must be of one kind, not {there.shape} and {absent.shape}")
    longest = max(there.shape.length or 0, absent.shape.length or 0)
    known = there.shape.length is not None and absent.shape.length is not None
    shape = Shape(there.shape.kind, max(there.shape.places, absent.shape.places), longest if known else None)

    def value(row: Row, sale: Row) -> Any:
        chosen = absent if asked.value(row, sale) in (None, "") else there
        return chosen.value(row, sale)

    return together(arguments, shape, value)


def _lookup(call: Call, around: ExpressionNames) -> Compiled:
    match call.arguments:
        case (asked, Constant(str(name))):
            inner = only([compiled(asked, around)], "text", "integer")
        case _:
            raise ExpressionError("a value and the quoted name of a lookup table are expected in the brackets")
    table = around.lookups.get(name)
    if table is None:
        raise ExpressionError(f"no lookup table {name}; known are {', '.join(sorted(around.lookups)) or 'none'}")
    otherwise = table.get(OTHERS)
    column = around.column

    def change(value: Any) -> Any:
        found = table.get(str(value), otherwise)
        if found is None and value != "":
            raise UnmappedError(column, name, str(value))
        return found

    back = {given: key for key, given in table.items()}
    one_to_one = otherwise is None and len(back) == len(table)
    if not one_to_one:
        return derived(inner, _shape_of_table(table), change)
    whole = inner.shape.kind == "integer"
    inverse = (lambda given: int(back[given])) if whole else (lambda given: back.get(given, ""))
    return derived(inner, _shape_of_table(table), change, inverse, exact=True)


def _query(call: Call, around: ExpressionNames) -> Compiled:
    match call.arguments:
        case (Constant(str(name)), *asked):
            given = [compiled(argument, around) for argument in asked]
        case _:
            raise ExpressionError("the quoted name of a query and its values are expected in the brackets")
    query = around.queries.get(name)
    if query is None:
        raise ExpressionError(f"no query {name}; known are {', '.join(sorted(around.queries)) or 'none'}")
    if len(given) != len(query.values):
        raise ExpressionError(f"the query {name} takes {len(query.values)} values: {', '.join(query.values)}")
    if any(one.asks or one.shape.kind not in KINDS for one in given):
        raise ExpressionError(f"a query is given texts, numbers, days and hours: what is of {', '.join(KINDS)}")
    ask = Ask(name, types_of([one.shape.kind for one in given]), tuple(one.value for one in given))
    column = around.column

    def value(row: Row, sale: Row) -> Any:
        asked_with = ask.given(row, sale)
        found = row[ANSWERS].get((name, asked_with))
        if found is None or found is AMBIGUOUS:
            given = [one for one in asked_with if one is not None]
            raise UnansweredError(column, name, query.words(asked_with), given, several=found is AMBIGUOUS)
        return found

    made = together(given, Shape("any"), value)
    return msgspec.structs.replace(made, asks=(ask,))


def _shape_of_table(table: Lookup) -> Shape:
    if not table:
        raise ExpressionError("the lookup table is empty")
    if all(isinstance(value, int) for value in table.values()):
        return Shape("integer")
    if all(isinstance(value, str) for value in table.values()):
        return Shape("text", length=max(len(str(value)) for value in table.values()))
    raise ExpressionError("the lookup table must give texts only, or integers only")


def _masked(text: str) -> str:
    match len(text):
        case 14:
            return f"{text[:2]}.{text[2:5]}.{text[5:8]}/{text[8:12]}-{text[12:]}"
        case 11:
            return f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"
    return text


_OF_TABLES = ("lookup", "query", *of_sale.FUNCTIONS)
FUNCTIONS: dict[str, Callable[[Sequence[Compiled], str], Compiled]] = {
    "cents": _cents,
    "clock": _of_moment("clock", lambda at: at.replace(tzinfo=None)),
    "concat": _concat,
    "date": _of_moment("date", datetime.date),
    "day": _of_moment("integer", lambda at: at.day),
    "hour": _of_moment("integer", lambda at: at.hour),
    "integer": _integer,
    "left": _left,
    "masked": lambda arguments, column: derived(only(arguments, "text"), Shape("text", length=18), _masked),
    "month": _of_moment("integer", lambda at: at.month),
    "negate": _negate,
    "places": _places,
    "present": _present,
    "right": _right,
    "rounded": _rounded,
    "scaled": scaled_whole,
    "text": _text,
    "with_comma": with_sign(","),
    "with_point": with_sign("."),
    "year": _of_moment("integer", lambda at: at.year),
}
