import pytest

from malote.fiscal import gtin


@pytest.mark.parametrize("number", ["7891000315507", "96385074", "036000291452", "17891000315504"])
def test_right_codes(number: str) -> None:
    assert gtin.is_right(number)


@pytest.mark.parametrize("number", ["7891000315508", "123", "789100031550X", "", "٧٨٩١٠٠٠٣١٥٥٠٧"])
def test_wrong_codes(number: str) -> None:
    assert not gtin.is_right(number)


@pytest.mark.parametrize("text", ["SEM GTIN", "sem gtin", "", "  "])
def test_a_product_without_code(text: str) -> None:
    assert gtin.number_of(text) == ""
