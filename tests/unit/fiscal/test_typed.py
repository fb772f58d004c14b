"""Numbers as people type and paste them."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from malote.config import SettingsError, load
from malote.fiscal import typed_input
from malote.fiscal.access_key import compose
from malote.fiscal.typed_input import TypedError

CNPJ = "11222333000181"
KEY = compose(state="35", year_month="2611", issuer=CNPJ, model="65", series=1, number=7, emission=1, code="12345678")


@pytest.mark.parametrize(
    "text",
    [
        "11.222.333/0001-81",
        " 11222333000181 ",
        "11 222 333 0001 81",
        "11.222.333/0001\u201181",  # a word processor's hyphen
        "\u00a011.222.333/0001-81\u00a0",
        "１１２２２３３３０００１８１",
        "\ufeff11222333000181",
    ],
)
def test_a_cnpj_is_taken_as_people_write_it(text: str) -> None:
    assert typed_input.taxpayer(text) == CNPJ


def test_small_letters_and_a_producers_cpf_are_taken() -> None:
    assert typed_input.taxpayer("12.abc.345/01de-35") == "12ABC34501DE35"
    assert typed_input.taxpayer("529.982.247-25") == "52998224725"


@pytest.mark.parametrize("text", ["11.222.333/0001-82", "529.982.247-26", "", "1122233300018", "CNPJ 11222333000181"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(TypedError):
        typed_input.taxpayer(text)


def test_a_key_pasted_in_groups_of_four_is_a_key() -> None:
    grouped = " ".join(KEY[at : at + 4] for at in range(0, 44, 4))
    assert [typed_input.access_key(one) for one in (KEY, grouped, f"NFe{KEY}", grouped.lower(), f"\n{grouped}\n")] == [
        KEY
    ] * 5
    assert typed_input.access_key(KEY[:43]) is None


def test_a_number_may_have_dots_and_zeros() -> None:
    assert [typed_input.number(one) for one in ("1234", "001.234", " 1 234 ", "000000007")] == [1234, 1234, 1234, 7]
    assert [typed_input.number(one) for one in ("venda7.xml", "", "1234567890", "²")] == [None, None, None, 2]


def test_the_stores_issuers_are_taken_as_people_write_them(tmp_path: Path) -> None:
    file = tmp_path / "malote.toml"
    file.write_text('[store]\nissuers = ["11.222.333/0001-81", "12.abc.345/01de-35", "529.982.247-25"]\n')
    assert load(file, {}).store.issuers == [CNPJ, "12ABC34501DE35", "52998224725"]
    environment = {"MALOTE_STORE_ISSUERS": "11.222.333/0001-81, 529.982.247-25"}
    assert load(file, environment).store.issuers == [CNPJ, "52998224725"]


def test_a_wrong_check_digit_is_refused_at_the_start_and_named(tmp_path: Path) -> None:
    file = tmp_path / "malote.toml"
    file.write_text('[store]\nissuers = ["11222333000181", "11.222.333/0001-99"]\n')
    with pytest.raises(SettingsError) as refused:
        load(file, {})
    assert (refused.value.code, refused.value.facts["setting"]) == ("setting_invalid", "store.issuers")
    assert "11.222.333/0001-99" in refused.value.facts["detail"]


def test_a_time_is_taken_as_people_of_the_trade_write_it() -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    same = ["27/11/2026 10:32", " 27/11/2026  10:32:00", "2026-11-27T10:32", "2026-11-27 10:32", "27/11/2026T10:32"]
    assert {typed_input.moment(one, zone).isoformat() for one in same} == {"2026-11-27T10:32:00-03:00"}
    assert typed_input.moment("7/1/2026 9:05", zone).isoformat() == "2026-01-07T09:05:00-03:00"
    assert typed_input.moment("27/11/2026", zone).isoformat() == "2026-11-27T00:00:00-03:00"
    assert typed_input.moment("2026-11-27T10:32+00:00", zone).isoformat() == "2026-11-27T10:32:00+00:00"
    assert typed_input.since("27/11/2026 10:32", zone) == "2026-11-27T10:32:00-03:00"


@pytest.mark.parametrize(
    "text",
    ["31/02/2026", "31/02/2026 10:32", "27/11/2026 25:00", "27/11", "10:32", "ontem", "", "9999-12-31T23:59-03:00"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(TypedError):
        typed_input.moment(text)


def test_a_month_is_one_of_twelve() -> None:
    assert [typed_input.month(one) for one in ("2026-11", "11/2026", " 1/2026 ")] == ["2026-11", "2026-11", "2026-01"]
    assert [typed_input.month(one) for one in ("2026-13", "0/2026", "2026", "27/11/2026", "")] == [None] * 5
