import pytest

from malote.fiscal import cnpj


@pytest.mark.parametrize("number", ["12ABC34501DE35", "0X0J92JY000196", "11222333000181", "11144477735"])
def test_right_numbers(number: str) -> None:
    assert cnpj.is_right(number)


@pytest.mark.parametrize(
    "number",
    [
        "", "11222333000182", "11222333000191", "12abc34501de35", "11.222.333/0001-81", "11144477736", "1114447773",
        "12ABC34501DEXX", "١١٢٢٢٣٣٣٠٠٠١٨١", "XXXXXXXXXXXXXXXX", "11222333000181\n",
    ],
)  # fmt: skip
def test_wrong_numbers(number: str) -> None:
    assert not cnpj.is_right(number)


def test_digits_of_both_kinds() -> None:
    assert cnpj.cnpj_digits("12ABC34501DE") == "35"
    assert cnpj.cpf_digits("111444777") == "35"
