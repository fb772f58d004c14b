"""Addresses of databases: read in one way or refused, and never repeated."""

import string
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from malote import address
from malote.address import AddressError
from malote.config import HIDDEN, Settings, SettingsError, load

SECRET = "M@lote2026!"


@pytest.mark.parametrize(
    ("password", "cure"),
    [
        ("M@lote2026!", "@ → %40"),
        ("lote#2026", "# → %23"),
        ("lote/2026", "/ → %2F"),
        ("lote?2026", "? → %3F"),
        ("lote%2026%", "% → %25"),
        ("lote 2026", "' ' → %20"),
        ("lote\t2026", "%09"),
        ("a@b/c", "%40"),
        ("x@[::1]:5432", "@ → %40"),
    ],
)
@pytest.mark.parametrize("scheme", ["postgresql", "oracle+oracledb", "postgresql+psycopg"])
def test_a_password_that_must_be_written_in_code_is_refused_with_the_cure(
    scheme: str, password: str, cure: str
) -> None:
    for given_address in (f"{scheme}://malote:{password}@127.0.0.1:8640/erp", f"{scheme}://{password}:p@host/erp"):
        with pytest.raises(AddressError) as refused:
            address.check(given_address)
        assert cure in refused.value.detail
        assert password not in str(refused.value)


@pytest.mark.parametrize(
    "wrong",
    [
        "postgresql://malote:segredo",  # no host: the password would be the port
        "postgresql://malote:segredo@/erp",
        "postgresql://malote:segredo@host:porta/erp",
        "postgresql://malote:segredo@host:0/erp",
        "postgresql://malote:segredo@host:65536/erp",
        "postgresql://malote:segredo@host:²/erp",
        "postgresql://malote:segredo@ho st/erp",
        "postgresql://malote:segredo@ho!st/erp",
        "postgresql:/malote:segredo@host/erp",
        "firebird://malote:segredo@host/erp",
        "host=banco user=malote password=segredo",
        "malote:segredo@host",
        "C:\\segredo\\erp.sqlite3",
        "sqlite://segredo/erp.sqlite3",
        "sqlite:///erp\x1b]0;segredo",
        "",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(wrong: str) -> None:
    with pytest.raises(AddressError) as refused:
        address.check(wrong)
    assert "segredo" not in str(refused.value)
    assert refused.value.detail


@pytest.mark.parametrize(
    "right",
    [
        "postgresql://malote:M%40lote2026!@127.0.0.1:8640/erp",
        "postgresql://malote:a:b@host/erp",
        "postgresql://malote:[x]@[::1]:5432/erp",
        "postgresql://malote@/erp?host=/run/postgresql",
        "postgresql://malote@host/erp?application_name=malote%20x",
        "oracle://h/?service_name=x",
        "oracle+oracledb://malote:s3cr3t@erp:1521/?service_name=WINT",
        "sqlite:///erp.sqlite3",
        "sqlite:////var/lib/malote/erp.sqlite3",
        "sqlite:///C:/Arquivos de Programas/joão@loja/erp #1.sqlite3",
        "sqlite:///C:\\Malote\\erp.sqlite3",
        "sqlite://",
    ],
)
def test_what_can_be_read_in_one_way_is_taken(right: str) -> None:
    address.check(right)
    make_url(right)


@given(st.text(string.printable + "éÇ€\u200b", min_size=1, max_size=12), st.sampled_from(["postgresql", "oracle"]))
def test_an_address_is_read_as_it_was_meant_or_not_at_all(password: str, scheme: str) -> None:
    """Whatever stands in the password, nothing of it becomes a host, a port or a database's name."""
    whole = f"{scheme}://malote:{password}@127.0.0.1:8640/erp"
    try:
        address.check(whole)
    except AddressError:
        return
    read = make_url(whole)
    assert (read.host, read.port, read.database, read.username) == ("127.0.0.1", 8640, "erp", "malote")
    assert read.password == unquote(password)


@given(st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable()))
def test_any_password_written_in_code_is_taken(password: str) -> None:
    coded = quote(password, safe="", errors="replace")
    whole = f"postgresql://malote:{coded}@127.0.0.1:8640/erp"
    address.check(whole)
    assert make_url(whole).password == password.encode("utf-8", "replace").decode()


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("erp.url", "erp_address_invalid"),
        ("database.url", "address_invalid"),
        ("structures.erp_url", "address_invalid"),
    ],
)
def test_a_setting_is_refused_at_the_start(tmp_path: Path, setting: str, code: str) -> None:
    section, _, name = setting.partition(".")
    file = tmp_path / "malote.toml"
    file.write_text(f'[{section}]\n{name} = "postgresql://malote:{SECRET}@127.0.0.1:8640/erp"\n', encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load(file, {})
    assert (refused.value.code, refused.value.facts["setting"]) == (code, setting)
    assert "%40" in refused.value.facts["detail"]
    assert "lote2026" not in f"{refused.value!r} {refused.value} {refused.value.facts}"
    assert refused.value.__cause__ is None


def test_settings_show_no_secret_to_whoever_prints_them(tmp_path: Path) -> None:
    file = tmp_path / "malote.toml"
    secret = "s3gr3do"
    file.write_text(
        f'[erp]\nurl = "postgresql://m:{secret}@h/d"\n[database]\nurl = "postgresql://m:{secret}@h/d"\n'
        f'[structures]\nerp_url = "postgresql://m:{secret}@h/d"\n[till]\ntoken = "{secret}"\n'
        f'[locks]\ndba_password = "{secret}"\n',
        encoding="utf-8",
    )
    settings = load(file, {})
    from rich.pretty import pretty_repr

    for shown in (repr(settings), str(settings), f"{settings.erp}", pretty_repr(settings), pretty_repr(settings.till)):
        assert secret not in shown
    assert f"url='{HIDDEN}'" in repr(settings.erp)
    assert repr(Settings().erp).startswith("ErpSettings(url='', name='ERP'")
