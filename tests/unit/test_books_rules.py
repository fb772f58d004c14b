"""The language of the retailer's own rules: what holds, what isn't known, and every fault with its place."""

from decimal import Decimal

import pytest

from malote.books.rules.file import RulesError, parse
from malote.books.rules.language import DEEPEST, LONGEST, ConditionError, Type, Values, read

FIELDS: dict[str, Type] = {
    "total": "number",
    "told": "number",
    "till": "text",
    "cancelled": "truth",
    "discount": "number",
}
VALUES: Values = {"total": Decimal("103.60"), "told": None, "till": "caixa1", "cancelled": False, "discount": 20}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("total > 100", True),
        ("total == 103.6", True),
        ("total >= 103.61", False),
        ("discount > total * 0.2 or cancelled", False),
        ("discount * 5 <= total and not cancelled", True),
        ("total - 100 - 3 == 0.60", True),
        ("2 + 2 * 2 == 6", True),
        ("(2 + 2) * 2 == 8", True),
        ("-discount < -19.99", True),
        ("till in ['caixa2', \"caixa1\"]", True),
        ("till not in ['caixa2']", True),
        ("till != 'CAIXA1'", True),
        ("not (till == 'caixa1' and total > 100)", False),
        ("cancelled == false", True),
        # What isn't known doesn't hold, nor does what is not it; what decides without it, does.
        ("told > 5", False),
        ("not told > 5", False),
        ("told > 5 or total > 100", True),
        ("total > 100 or told > 5", True),
        ("told in [1]", False),
        ("told not in [1]", False),
        ("not (told > 5 and total < 100)", True),
        ("told + 1 > 0", False),
    ],
)
def test_a_condition_holds(condition: str, holds: bool) -> None:
    assert read(condition, FIELDS).holds(VALUES) is holds


@pytest.mark.parametrize(
    ("condition", "problem", "place"),
    [
        ("", "expected", 1),
        ("total", "whole", 1),
        ("total > ", "expected", 8),
        ("total > 'x'", "type", 9),
        ("till > 'a'", "type", 6),
        ("total and cancelled", "type", 1),
        ("totl > 5", "field", 1),
        ("total > 5 5", "end", 11),
        ("total > 1 > 2", "end", 11),
        ("(total > 5", "expected", 11),
        ("total in [1, till]", "expected", 14),
        ("total not 5", "expected", 11),
        ("total / 2 > 1", "letter", 7),
        ("total ** 2 > 1", "expected", 8),
        ("total.real > 1", "letter", 6),
        ("__import__('os') == 1", "field", 1),
        ("till == 'a\nb'", "letter", 9),
        ("total > " + "9" * 13, "number", 9),
        ("(" * (DEEPEST + 1) + "cancelled" + ")" * (DEEPEST + 1), "too_deep", DEEPEST + 2),
        ("not " * (DEEPEST + 1) + "cancelled", "too_deep", 4 * (DEEPEST + 1) + 1),
        ("cancelled or " * 40 + "cancelled", "too_long", LONGEST + 1),
    ],
)
def test_a_fault_is_named_with_its_place(condition: str, problem: str, place: int) -> None:
    with pytest.raises(ConditionError) as caught:
        read(condition, FIELDS)
    assert (caught.value.problem, caught.value.place) == (problem, place)


def test_the_longest_condition_is_answered() -> None:
    chain = "total" + " + 1" * 120
    assert read(f"{chain} > 223", FIELDS).holds(VALUES)


RULE = '[[rule]]\nname = "{name}"\nof = "{of}"\nwhen = "{when}"\ntext = "Veja isto"\n'


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        ("[[rule]", 1),
        ("[[rules]]\n", 1),
        (RULE.format(name="Com Espaço", of="sale", when="total > 1"), 1),
        (RULE.format(name="a", of="week", when="total > 1"), 1),
        (RULE.format(name="a", of="sale", when="total > 1") + "weight = 80\n", 1),
        (RULE.format(name="a", of="sale", when="total > 1") * 2, 1),
        # A day has no discount; each fault is told.
        (RULE.format(name="a", of="day", when="discount > 1") + RULE.format(name="b", of="sale", when="total >"), 2),
        (RULE.format(name="a", of="sale", when="total > 1") * 51, 1),
    ],
)
def test_a_file_with_a_fault_is_refused_whole(content: str, faults: int) -> None:
    with pytest.raises(RulesError) as caught:
        parse(content.encode())
    assert len(caught.value.faults) == faults
    assert all([*caught.value.said("pt"), *caught.value.said("en")])


def test_a_file_is_read() -> None:
    content = RULE.format(name="a", of="sale", when="total > 1") + RULE.format(name="b", of="day", when="count == 0")
    assert [(one.name, one.written.weight, sorted(one.condition.names)) for one in parse(content.encode())] == [
        ("a", 45, ["total"]),
        ("b", 45, ["count"]),
    ]
    assert parse(b"") == []
