"""The access key: 44 characters that name one document for ever.

``cUF 2 | AAMM 4 | CNPJ 14 | mod 2 | série 3 | nNF 9 | tpEmis 1 | cNF 8 | cDV 1``; a CF-e (model 59) has, after the
model, the serial number of its SAT in 9, its number in 6 and its code in 6 digits. Letters stand only in the CNPJ.
"""

import re
from operator import mul

import msgspec

LENGTH = 44
SAT_MODEL = "59"
STATE_OF_CODE = {
    "11": "RO", "12": "AC", "13": "AM", "14": "RR", "15": "PA", "16": "AP", "17": "TO",
    "21": "MA", "22": "PI", "23": "CE", "24": "RN", "25": "PB", "26": "PE", "27": "AL", "28": "SE", "29": "BA",
    "31": "MG", "32": "ES", "33": "RJ", "35": "SP", "41": "PR", "42": "SC", "43": "RS",
    "50": "MS", "51": "MT", "52": "GO", "53": "DF",
}  # fmt: skip

_KEY = re.compile(r"[0-9]{6}[A-Z0-9]{12}[0-9]{26}")
# 2 to 9 from the right, repeating, over the first 43 characters.
_WEIGHTS = tuple((42 - position) % 8 + 2 for position in range(LENGTH - 1))
_OFFSET = ord("0") * sum(_WEIGHTS)


class KeyParts(msgspec.Struct, frozen=True):
    """What a well-formed key says. ``issuer`` is a CNPJ, or a CPF behind three zeros; for a CF-e, ``series`` is the
    serial number of the SAT and ``emission`` is 1.
    """

    state: str
    year_month: str  # AAMM
    issuer: str
    model: str
    series: int
    number: int
    emission: int
    code: str  # cNF
    digit: str


def is_well_formed(key: str) -> bool:
    return _KEY.fullmatch(key) is not None


def check_digit(key: str) -> str:
    """The digit that must end a key; ``key`` is well-formed, with or without its last digit."""
    # zip, and so map, stops at the 43 weights.
    remainder = (sum(map(mul, key.encode("ascii"), _WEIGHTS)) - _OFFSET) % 11
    return "0" if remainder < 2 else str(11 - remainder)


def is_right(key: str) -> bool:
    """Whether the key is well-formed and its check digit right."""
    return is_well_formed(key) and key[-1] == check_digit(key)


def split(key: str) -> KeyParts:
    """The parts of a well-formed key."""
    head = (key[:2], key[2:6], key[6:20], key[20:22])
    if key[20:22] == SAT_MODEL:
        return KeyParts(*head, int(key[22:31]), int(key[31:37]), 1, key[37:43], key[43])
    return KeyParts(*head, int(key[22:25]), int(key[25:34]), int(key[34]), key[35:43], key[43])


def compose(
    *, state: str, year_month: str, issuer: str, model: str, series: int, number: int, emission: int, code: str
) -> str:
    """The whole key of a note (not of a CF-e), with its check digit."""
    body = f"{state}{year_month}{issuer:0>14}{model}{series:03}{number:09}{emission}{code:0>8}"
    return body + check_digit(body)
