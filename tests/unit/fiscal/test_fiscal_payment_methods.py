"""One table of the methods of payment: the reader, receipts, closings and the store's rules all ask it."""

from pathlib import Path

import pytest

import malote
from malote.books.rules import fields
from malote.fiscal.payment_methods import METHODS, check_methods, method_code, method_name
from malote.fiscal.problems import Problem

SOURCE = Path(malote.__file__).parent


@pytest.mark.parametrize("code", ["14", "22", "23", "24", "91"])
def test_those_that_came_later_have_names(code: str) -> None:
    problems: list[Problem] = []
    assert check_methods([code], "tPag", problems)
    assert problems == []
    assert method_name(code, "pt") != code != method_name(code, "en")


def test_no_two_are_called_alike() -> None:
    assert len({one.name.pt for one in METHODS.values()}) == len({one.name.en for one in METHODS.values()}) == 23
    assert len({one.name.pt.lower() for one in METHODS.values()}) == 23


@pytest.mark.parametrize(
    ("word", "code"),
    [
        *((said, code) for code, one in METHODS.items() for said in (one.name.pt, one.name.en.upper(), *one.words)),
        *[("77", "77"), ("7", None), ("ouro", None), ("", None), ("٠١", None)],
    ],
)
def test_what_people_write_in_a_closing(word: str, code: str | None) -> None:
    assert method_code(word) == code


def test_what_nobody_here_knows_keeps_its_code() -> None:
    assert method_name("77", "pt") == "77"
    assert fields.paid({"77": 100}, [("23", 50), ("20", 1)])["pix"] * 100 == 51
    assert fields.PAYMENTS == ("cash", "cheque", "credit", "debit", "pix", "other")


@pytest.mark.parametrize("name", ["Cartão de crédito", "Vale-alimentação", "PIX estático"])
def test_their_names_stand_nowhere_else(name: str) -> None:
    files = [path for kind in ("py", "html", "po", "toml") for path in SOURCE.rglob(f"*.{kind}")]
    holding = [path.name for path in files if name in path.read_text("utf-8")]
    assert holding == ["payment_methods.py"]
