"""Of thousands, a person is told how many there are for which reason, and shown the first hundred."""

import msgspec
import pytest

from malote.terminal.first_of_many import MOST_SHOWN, MOST_TILLS, first_of_many, tills_to_show


class One(msgspec.Struct, frozen=True):
    id: int
    code: str
    title: str = "Título"


def test_few_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    few = [One(number, "a") for number in range(MOST_SHOWN)]
    assert first_of_many(few, "pt") == few
    assert capsys.readouterr().out == ""


def test_many_are_counted_by_reason_the_commonest_first(capsys: pytest.CaptureFixture[str]) -> None:
    many = [One(number, "a" if number % 3 else "b") for number in range(3000)]
    assert first_of_many(many, "pt") == many[:MOST_SHOWN]
    said = capsys.readouterr().out.splitlines()
    assert said == ["2000 × Título [a]", "1000 × Título [b]", f"Aqui os primeiros {MOST_SHOWN} de 3000; todos: --json"]


def test_of_many_tills_those_that_something_ails_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    few, many = list(range(MOST_TILLS)), list(range(10_000))
    assert tills_to_show(few, lambda till: till == 7, "pt") == few
    assert capsys.readouterr().out == ""
    assert tills_to_show(many, lambda till: till % 5000 == 7, "pt") == [7, 5007]
    assert capsys.readouterr().out == "10000 caixas, 2 com algo a ver; aqui 2; todos: --json\n"
    assert tills_to_show(many, lambda till: till > 5000, "en") == many[5001 : 5001 + MOST_TILLS]
    assert "4999 with something to look at; here 200" in capsys.readouterr().out
