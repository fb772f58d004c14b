"""SQLite has no sessions: the lock console says so, and whether somebody writes right now."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from malote.accounts.audit import Actor
from malote.config import LocksSettings
from malote.erp.factory import open_erp
from malote.erp.protocol import Erp
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.factory import open_sessions, open_watch
from malote.erp.sessions.protocol import DbaLogin, SessionIdentity
from malote.locks.alarm import words
from malote.locks.lock_service import Locks
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import sale

IDENTITY = SessionIdentity("1", "2026-01-01T00:00:00+00")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, f"sqlite:///{tmp_path / 'erp.sqlite3'}", time.time) as opened:
        erp = opened.erp()
        erp.create_structure()
        erp.close()
        yield opened


@pytest.fixture
def locks(shop: Shop) -> Iterator[Locks]:
    opened = Locks(shop.engine, shop.erp_url, LocksSettings())
    yield opened
    opened.close()


def writing(shop: Shop) -> "closing[sqlite3.Connection]":
    connection = sqlite3.connect(shop.erp_url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return closing(connection)


def test_the_writers_state_is_shown_without_a_login(shop: Shop, locks: Locks) -> None:
    assert not locks.has_sessions
    with writing(shop):
        tree = locks.tree("visit")
        assert (tree.engine, tree.nodes, tree.busy) == ("sqlite", [], True)
    assert locks.tree("visit").busy is False


def test_nobody_is_ended(locks: Locks) -> None:
    for attempt in (
        lambda: locks.kill("visit", [IDENTITY], Actor("maria"), reason="vendas paradas"),
        lambda: locks.sign_in("visit", DbaLogin("dba", "x"), Actor("maria")),
    ):
        with pytest.raises(SessionsError) as refused:
            attempt()
        assert refused.value.code == "sessions_unsupported"


def test_a_busy_file_is_a_stop_by_somebody_unknown(shop: Shop, locks: Locks) -> None:
    shop.accept(sale(1))
    poster = shop.poster(erp=lambda: open_locked(shop))
    with writing(shop):
        poster.step()
        found = locks.stoppage()
        assert found is not None
        assert (found.blocker.session, found.tills, found.whole) == ("", {"caixa1": 1}, True)
        assert ": outro programa segura o banco do ERP; 1 caixa, 1 venda espera" in words(found, time.time())
        assert locks.tree("visit").unnamed.tills == {"caixa1": 1}
    poster.close()


def test_a_file_that_is_not_there_is_away(tmp_path: Path) -> None:
    with pytest.raises(SessionsError) as away:
        open_sessions(f"sqlite:///{tmp_path / 'absent.sqlite3'}", None).busy()
    assert away.value.code == "erp_away"
    assert not (tmp_path / "absent.sqlite3").exists()


@pytest.mark.parametrize("url", ["mysql://u:segredo@h/d", "nonsense segredo", "postgresql://u:segredo@h:porta/d"])
def test_an_engine_without_a_lock_console_is_said_without_its_address(url: str) -> None:
    with pytest.raises(SessionsError) as unsupported:
        open_sessions(url, DbaLogin("dba", "x"))
    assert unsupported.value.code == "sessions_unsupported"
    assert "segredo" not in str(unsupported.value)
    assert open_watch(url) is None


def test_a_login_is_needed_for_the_others() -> None:
    with pytest.raises(SessionsError) as needed:
        open_sessions("postgresql://u@h/d", None)
    assert needed.value.code == "dba_login_needed"


def open_locked(shop: Shop) -> Erp:
    return open_erp(shop.erp_url, lock_timeout_seconds=0.05)
