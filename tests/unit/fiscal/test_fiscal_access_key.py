import pytest
from hypothesis import given
from hypothesis import strategies as st

from malote.fiscal import access_key

ALPHANUMERIC = "3526050X0J92JY000196570010000006041448679011"


def test_the_published_alphanumeric_key_checks_out() -> None:
    assert access_key.is_well_formed(ALPHANUMERIC)
    assert access_key.is_right(ALPHANUMERIC)


@pytest.mark.parametrize(
    "key",
    ["", "1" * 43, "1" * 45, "A" + "1" * 43, "1" * 43 + "X", ALPHANUMERIC.lower(), "١" * 44, f"{ALPHANUMERIC}\n"],
)
def test_what_is_no_key(key: str) -> None:
    assert not access_key.is_well_formed(key)


@given(st.integers(0, 42), st.integers(1, 9))
def test_a_changed_digit_is_noticed(place: int, change: int) -> None:
    if ALPHANUMERIC[place].isdigit():
        digit = str((int(ALPHANUMERIC[place]) + change) % 10)
        assert not access_key.is_right(ALPHANUMERIC[:place] + digit + ALPHANUMERIC[place + 1 :])


def test_parts_of_a_note_s_key() -> None:
    parts = access_key.split(ALPHANUMERIC)
    assert parts == access_key.KeyParts("35", "2605", "0X0J92JY000196", "57", 1, 604, 1, "44867901", "1")


def test_parts_of_a_sat_s_key() -> None:
    parts = access_key.split("35150708723218000186599000040190000215133408")
    assert (parts.model, parts.series, parts.number, parts.code) == ("59", 900004019, 21, "513340")


def test_a_composed_key_splits_into_what_it_was_made_of() -> None:
    key = access_key.compose(
        state="35", year_month="2611", issuer="12ABC34501DE35", model="65", series=7, number=42, emission=9, code="123"
    )
    assert access_key.is_right(key)
    assert access_key.split(key) == access_key.KeyParts(
        "35", "2611", "12ABC34501DE35", "65", 7, 42, 9, "00000123", key[-1]
    )
