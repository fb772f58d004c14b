"""Tills: names that are safe anywhere, tokens that are told once, signs of life."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select

from malote.database.engine import reading
from malote.database.tables import till as till_table
from malote.tills import till as tills
from malote.tills.contact import record_contact
from malote.tills.till import Till, TillError, check_name
from malote.trust.principals import CredentialError
from malote.wire import Contact, RefusedFile
from tests.engines.spool_support import authenticated

pytest_plugins = ("tests.engines.spool_fixtures",)


@pytest.mark.parametrize("name", ["caixa1", "PDV-01", "0", "a_b-c", "x" * 40, "CONSOLE", "com10"])
def test_names_that_are_safe(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "..",
        ".",
        "a/b",
        "a\\b",
        "../x",
        "-x",
        "_x",
        "a.b",
        "a b",
        "caixa1\n",
        "ação",
        "x" * 41,
        "a\0b",
        "C:x",
        "CON",
        "con",
        "Prn",
        "AUX",
        "nul",
        "COM1",
        "lpt9",
        "com0",
        "٣",
    ],
)
def test_names_that_are_not(name: str) -> None:
    with pytest.raises(TillError) as caught:
        check_name(name)
    assert caught.value.code == "till_name_invalid"


def test_a_till_and_its_token(spool_engine: Engine) -> None:
    till, token = tills.create_till(spool_engine, "caixa1", "Caixa da frente")
    assert (till.name, till.label, till.disabled_at) == ("caixa1", "Caixa da frente", None)
    assert authenticated(spool_engine, token) == till
    assert tills.find_till(spool_engine, "CAIXA1") == till
    assert tills.list_tills(spool_engine) == [till]


def test_the_database_holds_no_token(spool_engine: Engine) -> None:
    _, token = tills.create_till(spool_engine, "caixa1")
    secret = token.partition(".")[2]
    with reading(spool_engine) as connection:
        row = connection.execute(select(till_table)).one()
    assert len(secret) >= 43
    assert secret not in repr(tuple(row))
    assert len(row.token_hash) == 32


def test_no_two_tills_of_one_name(spool_engine: Engine) -> None:
    tills.create_till(spool_engine, "caixa1")
    with pytest.raises(TillError) as caught:
        tills.create_till(spool_engine, "CAIXA1")
    assert caught.value.code == "till_exists"
    with pytest.raises(TillError) as caught:
        tills.create_till(spool_engine, "../caixa1")
    assert caught.value.code == "till_name_invalid"
    with pytest.raises(TillError) as caught:
        tills.create_till(spool_engine, "caixa2", "x" * 81)
    assert (caught.value.code, caught.value.facts["longest"]) == ("till_label_too_long", "80")
    assert len(tills.list_tills(spool_engine)) == 1
    assert tills.create_till(spool_engine, "caixa2", "é" * 80)[0].label == "é" * 80


def test_a_wrong_token_is_nobody(spool_engine: Engine, till_one: Till, till_two: Till) -> None:
    _, token = tills.create_till(spool_engine, "caixa3")
    secret = token.partition(".")[2]
    wrong = ["", ".", "1", "1.", "1.x", secret, f"{till_one.id}.{secret}", f"99.{secret}", f"-1.{secret}", token + "x"]
    wrong += [token.upper(), f" {token}", f"٣.{secret}", f"{'9' * 50}.{secret}", "\ud800.\ud800", "3.\ud800", "3.\0"]
    for attempt in wrong:
        with pytest.raises(CredentialError) as caught:
            authenticated(spool_engine, attempt)
        assert caught.value.code == "token_invalid", attempt


def test_a_new_token_ends_the_old_one(spool_engine: Engine) -> None:
    till, old = tills.create_till(spool_engine, "caixa1")
    new = tills.new_token(spool_engine, "caixa1")
    assert authenticated(spool_engine, new) == till
    with pytest.raises(CredentialError):
        authenticated(spool_engine, old)


def test_a_disabled_till_is_told_so(spool_engine: Engine) -> None:
    till, token = tills.create_till(spool_engine, "caixa1")
    tills.disable(spool_engine, "caixa1")
    with pytest.raises(CredentialError) as caught:
        authenticated(spool_engine, token)
    assert caught.value.code == "till_disabled"
    # Who doesn't know the token isn't told even that.
    with pytest.raises(CredentialError) as caught:
        authenticated(spool_engine, f"{till.id}.x")
    assert caught.value.code == "token_invalid"
    tills.enable(spool_engine, "caixa1")
    assert authenticated(spool_engine, token) == till


def test_an_unknown_till(spool_engine: Engine) -> None:
    for act in (tills.find_till, tills.new_token, tills.disable, tills.enable):
        with pytest.raises(TillError) as caught:
            act(spool_engine, "nobody")
        assert caught.value.code == "till_unknown"


def test_a_contact_of_any_length_is_kept_short(spool_engine: Engine, till_one: Till) -> None:
    refused = [RefusedFile("x" * 10_000, 1, "file_unreadable")] * 5000
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    recorded = record_contact(
        spool_engine, till_one.id, Contact("9", now, 1, 2, refused), received_at=now.timestamp() + 400
    )
    assert recorded.skew_seconds == -400
    with reading(spool_engine) as connection:
        row = connection.execute(select(till_table)).one()
    assert len(row.refused) < 50_000
    assert (row.pending, row.unproven, row.clock_skew_seconds) == (1, 2, -400)
