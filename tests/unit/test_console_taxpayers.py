"""Numbers of companies and people on screens: a company's with its punctuation, a person's never whole."""

import pytest

from malote.console.receipt import masked
from malote.console.taxpayers import in_facts, shown


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("11222333000181", "11.222.333/0001-81"),
        ("12ABC34501DE35", "12.ABC.345/01DE-35"),
        ("12345678909", "***.456.789-**"),
        ("123", "123"),
        ("", ""),
        (None, "–"),
    ],
)
def test_as_it_is_shown(number: str | None, words: str) -> None:
    assert shown(number) == words


def test_of_a_consumer_only_the_middle() -> None:
    assert masked("12345678909") == "***.456.789-**"
    assert masked("11222333000181") == "11.222.333/0001-81"
    assert masked("AB1234567") == "***2345**"


def test_only_facts_that_hold_such_a_number_are_changed() -> None:
    facts = {"issuer": "11222333000181", "found": "87.80", "number": "11222333000181"}
    assert in_facts(facts) == facts | {"issuer": "11.222.333/0001-81"}
