"""The language of profiles: syntax, functions, which values lead back to their field."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from malote.erp.profiles.compiled_expression import UnmappedError
from malote.erp.profiles.syntax import Call, Constant, ExpressionError, Field, parse
from malote.erp.values import OutOfRangeError
from tests.unit.erp_profile_support import AT, made, value

# ---- syntax ----


def test_an_expression_is_taken_apart() -> None:
    assert parse(" words ") == Field("words")
    assert parse("sale.at") == Field("at", of_sale=True)
    assert parse("'it''s'") == Constant("it's")
    assert parse("-3") == Constant(-3)
    assert parse("2.50") == Constant(Decimal("2.50"))
    assert parse("left( concat('a', whole) ,2)") == Call(
        "left", (Call("concat", (Constant("a"), Field("whole"))), Constant(2))
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "a +",
        "1 + 1",
        "concat(",
        "concat(a",
        "concat(a,",
        "concat(a,)",
        "concat a)",
        "'open",
        "item.words",
        "a.b.c",
        "__import__('os')",
        "words.__class__",
        "lambda: 1",
        "a; b",
        "A",
        "(a)",
        "x" * 1001,
        "left(" * 12 + "a" + ",1)" * 12,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        made(text)


# ---- functions ----


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("words", {"words": "x"}, "x"),
        ("sale.words", {}, "of the sale"),
        ("'NFCE'", {}, "NFCE"),
        ("concat(words, '-', whole)", {"words": "a", "whole": 7}, "a-7"),
        ("concat(words, whole)", {"words": None, "whole": None}, ""),
        ("cents(amount)", {"amount": 1234}, 1234),
        ("negate(amount)", {"amount": 1234}, -1234),
        ("negate(exact)", {"exact": Decimal("1.5")}, Decimal("-1.5")),
        ("places(exact, 2)", {"exact": Decimal("1.50")}, Decimal("1.50")),
        ("rounded(exact, 2)", {"exact": Decimal("1.005")}, Decimal("1.01")),
        ("rounded(amount, 1)", {"amount": 125}, Decimal("1.3")),
        ("left(words, 3)", {"words": "abcdef"}, "abc"),
        ("right(words, 3)", {"words": "abcdef"}, "def"),
        ("right(words, 0)", {"words": "abcdef"}, ""),
        ("integer(words)", {"words": "0042"}, 42),
        ("integer(words)", {"words": ""}, None),
        ("text(whole)", {"whole": 42}, "42"),
        ("date(at)", {"at": AT}, date(2026, 3, 2)),
        ("date(sale.at)", {}, date(2026, 3, 2)),
        ("clock(at)", {"at": AT}, datetime(2026, 3, 2, 23, 30, 5)),  # noqa: DTZ001 it has none on purpose
        ("hour(at)", {"at": AT}, 23),
        ("concat(year(at), month(at), day(at))", {"at": AT}, "202632"),
        ("date(at)", {"at": None}, None),
        ("lookup(words, 'shop')", {"words": "b"}, 2),
        ("lookup(words, 'way')", {"words": "99"}, "OUT"),
        ("lookup(words, 'shop')", {"words": ""}, None),
        ("scaled(exact, 3)", {"exact": Decimal("1.5")}, 1500),
        ("scaled(rounded(exact, 2), 2)", {"exact": Decimal("2.555")}, 256),
        ("with_comma(amount)", {"amount": 1250}, "12,50"),
        ("with_comma(amount)", {"amount": -5}, "-0,05"),
        ("with_point(places(exact, 3))", {"exact": Decimal(2)}, "2.000"),
        ("present(at, 'C', 'N')", {"at": AT}, "C"),
        ("present(at, 'C', 'N')", {"at": None}, "N"),
        ("present(words, words, '?')", {"words": ""}, "?"),
    ],
)
def test_what_an_expression_gives(text: str, row: dict[str, Any], expected: Any) -> None:
    found = value(text, **row)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "sale.nothing",
        "eval('1')",
        "cents(whole)",
        "cents(amount, 1)",
        "date(words)",
        "left(words)",
        "left(words, -1)",
        "left(words, whole)",
        "left(whole, 1)",
        "places(exact, 11)",
        "places(amount, 2)",
        "concat()",
        "concat(amount)",
        "present(at, 'C')",
        "present(at, 'C', 1)",
        "lookup(words, 'absent')",
        "lookup(words, words)",
        "lookup(amount, 'shop')",
        "lookup(words, 'mixed')",
        "lookup(words, 'none')",
        "integer(whole)",
        "negate(words)",
        "rounded(words, 2)",
    ],
)
def test_what_has_no_meaning_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        made(text)


def test_values_that_would_be_changed_are_refused_without_being_told() -> None:
    for text, row in (
        ("places(exact, 2)", {"exact": Decimal("1.234")}),
        ("scaled(exact, 2)", {"exact": Decimal("1.234")}),
        ("integer(words)", {"words": "52998224725x"}),
        ("integer(words)", {"words": "9" * 19}),
        ("integer(words)", {"words": "²"}),
        ("rounded(exact, 10)", {"exact": Decimal("1E+30")}),
    ):
        with pytest.raises(OutOfRangeError) as refused:
            value(text, **row)
        assert str(refused.value) == "t.c"
    with pytest.raises(UnmappedError) as unmapped:
        value("lookup(words, 'shop')", words="52998224725")
    assert (unmapped.value.column, unmapped.value.lookup) == ("t.c", "shop")
    assert "52998224725" not in str(unmapped.value)


@pytest.mark.parametrize(
    ("text", "given", "exact"),
    [
        ("words", "x", True),
        ("cents(amount)", 5, True),
        ("negate(amount)", 5, True),
        ("scaled(exact, 3)", Decimal("1.5"), True),
        ("with_comma(amount)", -1250, True),
        ("places(exact, 2)", Decimal("1.5"), True),
        ("text(whole)", 7, True),
        ("integer(words)", "7", False),
        ("lookup(words, 'shop')", "b", True),
    ],
)
def test_some_values_lead_back_to_their_field(text: str, given: Any, exact: bool) -> None:
    one = made(text)
    name = one.readable
    assert name is not None
    assert one.inverse is not None
    assert one.inverse(one.value({name: given}, {})) == given
    assert one.exact is exact


@pytest.mark.parametrize(
    "text",
    [
        "left(words, 2)",
        "rounded(exact, 2)",
        "lookup(words, 'way')",
        "lookup(words, 'same')",
        "date(at)",
        "'x'",
        "sale.words",
    ],
)
def test_others_do_not(text: str) -> None:
    assert made(text).readable is None
