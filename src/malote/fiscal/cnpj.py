"""Check digits of the registration numbers of companies (CNPJ) and people (CPF).

Since July 2026 a CNPJ may hold letters: ``[A-Z0-9]{12}[0-9]{2}``. A character counts as its ASCII code minus 48.
"""

import re
from collections.abc import Sequence
from operator import mul

_CNPJ = re.compile(r"[A-Z0-9]{12}[0-9]{2}")
_CPF = re.compile(r"[0-9]{11}")
_ZERO = ord("0")
_CNPJ_WEIGHTS = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
_CPF_WEIGHTS = (10, 9, 8, 7, 6, 5, 4, 3, 2), (11, 10, 9, 8, 7, 6, 5, 4, 3, 2)


def weighted_digit(text: str, weights: Sequence[int]) -> str:
    """The modulo 11 digit of ``text``: one weight per character; a remainder of 0 or 1 gives 0."""
    remainder = (sum(map(mul, text.encode("ascii"), weights)) - _ZERO * sum(weights)) % 11
    return "0" if remainder < 2 else str(11 - remainder)


def is_cnpj(text: str) -> bool:
    """Whether ``text`` has the form of a CNPJ; its digits may still be wrong."""
    return _CNPJ.fullmatch(text) is not None


def is_cpf(text: str) -> bool:
    """Whether ``text`` has the form of a CPF; its digits may still be wrong."""
    return _CPF.fullmatch(text) is not None


def cnpj_digits(base: str) -> str:
    """Both check digits of a CNPJ's first twelve characters."""
    return _digits(base, _CNPJ_WEIGHTS)


def cpf_digits(base: str) -> str:
    """Both check digits of a CPF's first nine digits."""
    return _digits(base, _CPF_WEIGHTS)


def is_right(text: str) -> bool:
    """Whether ``text`` is a CNPJ or a CPF, by its form, with right check digits."""
    if is_cnpj(text):
        return text[12:] == cnpj_digits(text[:12])
    return is_cpf(text) and text[9:] == cpf_digits(text[:9])


def _digits(base: str, weights: tuple[Sequence[int], Sequence[int]]) -> str:
    first = weighted_digit(base, weights[0])
    return first + weighted_digit(base + first, weights[1])
