"""kill -9 before every statement of a staging: the old version or the new one, never half; the next look makes it."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from malote.database.engine import open_database, reading
from malote.database.load_tables import load_version
from malote.database.migrations import migrate
from tests.engines.loads_support import Erp, Shop

EVERY = 1 if os.environ.get("MALOTE_SOAK") else 7  # by how many statements the next kill comes later


def _killed_at(url: str, erp: Erp, count: int) -> bool:
    """Stages in a process of its own that is killed before its statement of this number; whether it was."""
    child = os.fork()
    if not child:
        _stage_and_die(url, erp, count)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _stage_and_die(url: str, erp: Erp, count: int) -> None:
    left = [count]

    def passed(*_: Any) -> None:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        engine = open_database(url)
        event.listen(engine, "before_cursor_execute", passed)
        event.listen(engine, "commit", passed)
        Shop(engine, erp).stage()
        passed()  # after all of it
    finally:
        os._exit(0)


@pytest.mark.skipif(sys.platform == "win32", reason="no fork, and no SIGKILL")
def test_half_a_version_is_never_seen(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    engine = open_database(url)
    migrate(engine)
    erp = Erp(tmp_path / "erp.sqlite3", 30)
    shop = Shop(engine, erp)
    shop.stage()
    erp.set_price(7, "70")
    erp.do("DELETE FROM embalagem WHERE cod = 3")
    erp.do("UPDATE produto SET ncm = '1' WHERE cod = 5")
    engine.dispose()
    seen, count = set(), 1
    while _killed_at(url, erp, count):
        with reading(engine) as connection:
            versions = list(connection.scalars(select(load_version.c.id)))
        price, packages = shop.prices()["7"], len(shop.rows("package"))  # proven by their digests
        seen.add((len(versions), price, packages))
        assert (price, packages) == (("10.00", 30) if len(versions) == 1 else ("70.00", 29))
        engine.dispose()
        count += EVERY
    assert count > 3 * EVERY, "it was killed within"
    shop.stage()
    assert (shop.prices()["7"], len(shop.rows("package")), len(shop.rows("product"))) == ("70.00", 29, 30)
    with reading(engine) as connection:
        assert list(connection.scalars(select(load_version.c.id))) == [1, 2]
    assert (1, "10.00", 30) in seen
    erp.connection.close()
    engine.dispose()
