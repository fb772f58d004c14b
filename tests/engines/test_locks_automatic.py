"""The automatic measure on a real PostgreSQL: off by default, by rule, with a login of its own, and in the trail."""

import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.app_building import build_locks
from malote.config import LocksSettings, Settings
from malote.locks import automatic
from malote.locks.lock_service import Locks
from tests.engines.locks_support import DBA, People
from tests.engines.posting_support import Shop, until
from tests.engines.sales import supermarket
from tests.engines.test_locks_posting import stopped, working

pytest_plugins = ["tests.engines.locks_fixtures"]
pytestmark = pytest.mark.postgresql

ANA = Actor("ana")
RULE = LocksSettings(
    automatic=True,
    automatic_minutes=0.01,
    automatic_programs=["retag*"],
    grace_seconds=0.3,
    dba_user=DBA.user,
    dba_password=DBA.reveal(),
)


def test_who_fits_the_rule_is_ended_once_it_was_rehearsed_and_sales_go_up(shop: Shop, people: People) -> None:
    holder = people.holding("LOCK TABLE stock IN EXCLUSIVE MODE", "retaguarda")
    locks = Locks(shop.engine, shop.erp_url, RULE)
    with working(shop):
        shop.accept(*supermarket(30))
        stopped(locks)
        end = time.monotonic() + 300
        while not locks.rule().sessions:
            assert automatic.step(locks) == [], "a rehearsal ends nobody"
            assert time.monotonic() < end
            time.sleep(0.1)
        assert holder.connection.execute("SELECT 1").fetchone() == (1,)
        (episode,) = locks.episodes()
        assert (episode.session, episode.program, episode.head) == (holder.key, "retaguarda", "idle")
        locks.switch_rule("on", ANA, reason="ensaio lido", rehearsed=1)
        while not (killed := automatic.step(locks)):
            assert time.monotonic() < end
            time.sleep(0.1)
        assert [(one.identity.key, one.outcome) for one in killed] == [(holder.key, "ended")]
        until(lambda: shop.counted() == {"posted": 30})
    entry = audit.entries(shop.engine)[0]
    assert (entry.actor, entry.action, entry.reason) == (
        "system",
        "session_killed",
        "settings.locks.automatic: 0.01 min",
    )
    (episode,) = locks.episodes()
    assert (episode.ending, episode.most_sales, locks.rule().sessions) == ("rule", 30, 1)
    assert episode.sales_seconds > 0
    locks.close()


@pytest.mark.parametrize(
    "settings",
    [
        LocksSettings(dba_user=DBA.user, dba_password=DBA.reveal()),
        replace(RULE, automatic_programs=["outro"]),
        replace(RULE, automatic_minutes=10.0),
    ],
)
def test_otherwise_nobody_is(shop: Shop, people: People, settings: LocksSettings) -> None:
    holder = people.holding("LOCK TABLE stock IN EXCLUSIVE MODE", "retaguarda")
    locks = Locks(shop.engine, shop.erp_url, settings)
    with working(shop):
        shop.accept(*supermarket(10))
        stopped(locks)
        assert locks.sample(), "also while the poster tries, and none has given up yet"
        for _ in range(5):
            assert automatic.step(locks) == []
        assert holder.connection.execute("SELECT 1").fetchone() == (1,)
        holder.connection.rollback()
        until(lambda: shop.counted() == {"posted": 10})
    locks.close()


def test_its_password_file_is_looked_for_from_home(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service starts in any folder; ``malote check`` looks there too."""
    (tmp_path / "dba").write_text(f"{DBA.reveal()}\n", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    chosen = replace(RULE, dba_password="", dba_password_file="dba")
    locks = build_locks(Settings(home=str(tmp_path), locks=chosen), shop.engine)
    assert automatic.login_of(locks.settings).reveal() == DBA.reveal()
    locks.close()
