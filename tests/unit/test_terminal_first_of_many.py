"""Of thousands, a person is told how many there are for which reason, and shown the first hundred."""

import msgspec
import pytest

from malote.terminal.first_of_many import MOST_SHOWN, first_of_many


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
