from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from malote.fiscal.amounts import CENTS, DECIMALS, RATES, AmountError, money, shown, whole_number

HOSTILE = [
    "-1.00", "+1.00", "1,00", "1.234,56", "1e5", "NaN", "Infinity", "0x10", "1_000", "١.٠٠", "1.00.00", ".50", "1.",
    "R$ 1.00", "1 000.00", "9" * 14, "1.001", "\0", "1\n2", "9" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_money(text: str) -> None:
    with pytest.raises(AmountError):
        CENTS[text]


@pytest.mark.parametrize("text", [*HOSTILE[:16], "", "1.12345678901", "9" * 16])
def test_what_is_no_quantity(text: str) -> None:
    if text not in ("9" * 14, "1.001"):
        with pytest.raises(AmountError):
            DECIMALS[text]


@pytest.mark.parametrize(
    ("text", "cents"),
    [("", 0), ("0", 0), ("10", 1000), ("10.5", 1050), ("10.50", 1050), ("10.5000", 1050), (" 10.50 ", 1050),
     ("0010.50", 1050), ("9999999999999.99", 999999999999999)],
)  # fmt: skip
def test_money_in_cents(text: str, cents: int) -> None:
    assert CENTS[text] == cents
    assert CENTS[text] == cents  # as it is remembered


@settings(deadline=None)
@given(st.integers(0, 10**15 - 1))
def test_money_is_read_as_it_is_written(cents: int) -> None:
    assert CENTS[money(cents)] == cents


def test_nothing_behind_an_amount_goes_unseen() -> None:
    for table in (CENTS, DECIMALS, RATES):
        with pytest.raises(AmountError):
            table[f"1.00{' ' * 40}9"]


def test_an_amount_in_much_white_space_is_not_remembered() -> None:
    written = f"{' ' * 10_000}3.00"
    assert CENTS[written] == 300
    assert written not in CENTS


def test_a_difference_may_be_negative() -> None:
    assert money(-5) == "-0.05"


@pytest.mark.parametrize("text", ["1.0000", "0.500", "3", "12.3456789012"])
def test_quantities_keep_their_digits(text: str) -> None:
    assert str(DECIMALS[text]) == text


def test_an_absent_rate_is_none() -> None:
    assert RATES[""] is None
    assert RATES["18.0000"] == Decimal("18")


def test_the_tables_stay_bounded() -> None:
    for number in range(30_000):
        CENTS[f"{number}.77"]
    assert len(CENTS) <= 20_001
    assert CENTS["29999.77"] == 2999977


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7), (" 7 ", 7), ("007", 7), ("", None), ("7.0", None), ("-7", None)]
)
def test_whole_numbers(text: str, number: int | None) -> None:
    assert whole_number(text) == number


def test_only_amounts_are_quoted() -> None:
    assert shown("1,50") == "1,50"
    assert shown("MARIA DA SILVA") == "(14)"
