"""Expressions of profiles, made and computed."""

from datetime import datetime, timedelta, timezone
from typing import Any

from malote.erp.profiles.compiled_expression import Compiled, ExpressionNames
from malote.erp.profiles.compiling import compiled
from malote.erp.profiles.shapes import Shape
from malote.erp.profiles.syntax import parse

AT = datetime(2026, 3, 2, 23, 30, 5, tzinfo=timezone(timedelta(hours=-3)))
SHAPES = {
    "words": Shape("text"),
    "amount": Shape("money"),
    "exact": Shape("decimal", places=4),
    "whole": Shape("integer"),
    "at": Shape("moment"),
    "yes": Shape("flag"),
}
LOOKUPS: dict[str, dict[str, str | int]] = {
    "shop": {"a": 1, "b": 2},
    "way": {"01": "DIN", "*": "OUT"},
    "same": {"a": "x", "b": "x"},
    "mixed": {"a": 1, "b": "x"},
    "none": {},
}


def made(text: str) -> Compiled:
    return compiled(parse(text), ExpressionNames(column="t.c", row=SHAPES, sale=SHAPES, lookups=LOOKUPS))


def value(text: str, **row: Any) -> Any:
    return made(text).value(row, {"words": "of the sale", "at": AT})
