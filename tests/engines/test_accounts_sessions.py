"""Sessions: in the database alone, bound to their tokens, and ended in time."""

import hashlib

import pytest
from sqlalchemy import Engine, func, select

from malote.accounts import sessions
from malote.accounts.sessions import SessionLimits
from malote.database.account_tables import user_account, user_session
from malote.database.engine import open_database, reading, writing
from tests.engines.accounts_support import HERE, NOON, add_user, enter

pytest_plugins = ("tests.engines.accounts_store",)

HOUR = 3600.0


@pytest.fixture
def token(accounts: Engine) -> str:
    add_user(accounts)
    return enter(accounts).session_token


def test_a_session_knows_its_user(accounts: Engine, token: str) -> None:
    session = sessions.find(accounts, token, now=NOON + 1)
    assert session is not None
    assert (session.user.name, session.expires_at) == ("maria", NOON + 12 * HOUR)


def test_any_server_knows_it_and_any_server_ends_it(accounts: Engine, accounts_url: str, token: str) -> None:
    other = open_database(accounts_url)
    assert sessions.find(other, token, now=NOON + 1) is not None
    sessions.end(other, token, now=NOON + 2)
    assert sessions.find(accounts, token, now=NOON + 3) is None
    other.dispose()


def test_only_a_hash_of_the_token_is_kept(accounts: Engine, token: str) -> None:
    with reading(accounts) as connection:
        row = connection.execute(select(user_session)).one()
    assert row.token_hash == hashlib.sha256(token.encode()).digest()
    assert token not in str(row)
    assert sessions.csrf_of(token) not in str(row)


@pytest.mark.parametrize("forged", ["", "x", "x" * 43, "\0", "\ud800", "😀", "x" * 10_000_000, "' OR 1=1 --"])
def test_a_forged_token_is_nobody(accounts: Engine, token: str, forged: str) -> None:
    assert sessions.find(accounts, forged, now=NOON) is None
    sessions.end(accounts, forged, now=NOON)
    assert sessions.find(accounts, token[:-1], now=NOON) is None
    assert sessions.find(accounts, token, now=NOON) is not None


def test_the_hash_from_a_stolen_database_opens_nothing(accounts: Engine, token: str) -> None:
    with reading(accounts) as connection:
        stolen = connection.execute(select(user_session.c.token_hash)).scalar_one()
    assert sessions.find(accounts, stolen.hex(), now=NOON) is None


def test_an_idle_session_expires_and_a_used_one_does_not(accounts: Engine, token: str) -> None:
    assert sessions.find(accounts, token, now=NOON + 0.9 * HOUR) is not None
    assert sessions.find(accounts, token, now=NOON + 1.8 * HOUR) is not None
    assert sessions.find(accounts, token, now=NOON + 2.9 * HOUR) is None


def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(accounts: Engine, token: str) -> None:
    for step in range(10):
        assert sessions.find(accounts, token, now=NOON + step * 350, touch=False) is not None
    assert sessions.find(accounts, token, now=NOON + HOUR + 1, touch=False) is None


def test_no_session_outlives_a_shift(accounts: Engine, token: str) -> None:
    for step in range(24):
        assert sessions.find(accounts, token, now=NOON + step * HOUR / 2) is not None
    assert sessions.find(accounts, token, now=NOON + 12 * HOUR) is None


def test_the_limits_can_be_set(accounts: Engine, token: str) -> None:
    assert sessions.find(accounts, token, now=NOON + 30, limits=SessionLimits(idle=20.0)) is None
    assert sessions.find(accounts, token, now=NOON + 30, limits=SessionLimits(idle=40.0)) is not None


def test_looking_often_writes_seldom(accounts: Engine, token: str) -> None:
    for second in range(0, 150, 10):
        sessions.find(accounts, token, now=NOON + second)
    with reading(accounts) as connection:
        assert connection.execute(select(user_session.c.seen_at)).scalar_one() == NOON + 140
    sessions.find(accounts, token, now=NOON + 150)
    with reading(accounts) as connection:
        assert connection.execute(select(user_session.c.seen_at)).scalar_one() == NOON + 140


def test_a_session_of_a_user_disabled_behind_its_back_is_dead(accounts: Engine, token: str) -> None:
    with writing(accounts) as connection:
        connection.execute(user_account.update().values(disabled=True))
    assert sessions.find(accounts, token, now=NOON + 1) is None


def test_the_csrf_token_belongs_to_one_session(accounts: Engine, token: str) -> None:
    one, other = (sessions.find(accounts, each, now=NOON) for each in (token, enter(accounts).session_token))
    assert one is not None
    assert other is not None
    assert one.csrf != other.csrf
    assert one.csrf == sessions.csrf_of(token)
    assert sessions.is_genuine(one, one.csrf)
    for forged in (other.csrf, "", token, one.csrf[:-1], one.csrf.upper(), "\ud800", "ç"):
        assert not sessions.is_genuine(one, forged)


def test_signing_out_ends_one_session_of_several(accounts: Engine, token: str) -> None:
    second = enter(accounts).session_token
    sessions.end(accounts, token, now=NOON)
    assert sessions.find(accounts, token, now=NOON) is None
    assert sessions.find(accounts, second, now=NOON) is not None


def test_a_user_has_so_many_open_sessions_and_no_more(
    accounts: Engine, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOST_OF_ONE_USER", 3)
    tokens = [token, *(enter(accounts, now=NOON + second).session_token for second in range(1, 5))]
    found = [sessions.find(accounts, each, now=NOON + 5) is not None for each in tokens]
    assert found == [False, False, True, True, True]


def test_a_known_place_is_remembered_for_a_month(accounts: Engine, token: str) -> None:
    sessions.end(accounts, token, now=NOON)
    with reading(accounts) as connection:
        assert sessions.is_known(connection, "maria", HERE, now=NOON + 29 * 86400)
        assert not sessions.is_known(connection, "maria", HERE, now=NOON + 31 * 86400)
        assert not sessions.is_known(connection, "maria", "203.0.113.9", now=NOON)
        assert not sessions.is_known(connection, "jose", HERE, now=NOON)


def test_old_sessions_are_dropped_and_open_ones_are_not(accounts: Engine, token: str) -> None:
    assert sessions.purge(accounts, now=NOON + 20 * 86400) == 0
    fresh = enter(accounts, now=NOON + 40 * 86400).session_token
    assert sessions.purge(accounts, now=NOON + 40 * 86400) == 1
    with reading(accounts) as connection:
        assert connection.execute(select(func.count()).select_from(user_session)).scalar_one() == 1
    assert sessions.find(accounts, fresh, now=NOON + 40 * 86400) is not None
