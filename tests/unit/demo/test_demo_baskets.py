from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from malote.demo import baskets
from malote.fiscal import cnpj


@given(st.integers())
def test_payments_minus_change_are_the_total_and_no_line_is_free(seed: int) -> None:
    basket = baskets.draw(Random(seed))
    assert sum(payment.amount for payment in basket.payments) - basket.change == basket.total
    assert all(line.net > 0 and line.discount >= 0 for line in basket.lines)
    assert 1 <= len(basket.lines) <= baskets.MOST_LINES


def test_all_kinds_of_baskets_occur() -> None:
    drawn = [baskets.draw(Random(seed)) for seed in range(2000)]
    assert {len(basket.lines) for basket in drawn} >= {1, 2, 5, 10, 20, 30, 40}
    assert {payment.method for basket in drawn for payment in basket.payments} == {"01", "03", "04", "17"}
    assert any(basket.change for basket in drawn)
    assert any(len(basket.payments) == 2 for basket in drawn)
    assert any(line.discount for basket in drawn for line in basket.lines)
    assert any(line.quantity % 10 for basket in drawn for line in basket.lines), "a fourth decimal"
    assert {bool(basket.consumer) for basket in drawn} == {True, False}


def test_the_same_dice_draw_the_same_basket() -> None:
    assert baskets.draw(Random("7:caixa1:1")) == baskets.draw(Random("7:caixa1:1"))


def test_lines_and_payments_can_be_fixed() -> None:
    basket = baskets.draw(Random(1), lines=8, payments=2)
    assert (len(basket.lines), len(basket.payments)) == (8, 2)


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"), [(5, 10, 1), (4, 10, 0), (15, 10, 2), (25, 10, 3), (0, 7, 0)]
)
def test_half_a_cent_is_rounded_up(numerator: int, denominator: int, expected: int) -> None:
    assert baskets.rounded(numerator, denominator) == expected


@given(st.integers())
def test_invented_cpfs_have_right_check_digits(seed: int) -> None:
    assert cnpj.is_right(baskets.invented_cpf(Random(seed)))
