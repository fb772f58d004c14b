"""From the ERP to what a POS reads: the real server's loads, and the real courier of a till, over real HTTP."""

import sqlite3
from contextlib import closing
from pathlib import Path

from malote.till.courier import Courier
from malote.till.loads import loads_report
from malote.till.outbox import Outbox
from malote.till.server_client import ServerClient
from tests.faces.loads_fixtures import ANA, Place
from tests.unit.till_support import Clock, Ears, till_settings

pytest_plugins = ("tests.faces.loads_fixtures",)


def _price(folder: Path, code: str) -> list[tuple[str]]:
    with closing(sqlite3.connect(folder / "loads.sqlite3")) as connection:
        return connection.execute("SELECT price FROM price_now WHERE product_code = ?", (code,)).fetchall()


def test_a_changed_price_reaches_the_pos_and_one_taken_back_is_told(place: Place, tmp_path: Path) -> None:
    clock, token = Clock(), str(place.till.speaker.http.headers["Authorization"]).removeprefix("Bearer ")
    with Outbox(tmp_path / "outbox.sqlite3") as outbox, ServerClient(place.address, token) as server:
        settings = till_settings(tmp_path, server=place.address, poll_seconds=1.0)
        courier = Courier(
            outbox, server, settings, Ears().voice, ask_for_rescan=lambda: None, monotonic=clock, now=clock
        )

        def follow() -> None:
            for _ in range(30):
                clock.pass_by(max(courier.step(), 0.01))

        place.stage()
        follow()
        before = _price(tmp_path, "7")
        place.erp.set_price(7, "12.50")
        place.stage()
        follow()
        assert (len(before), _price(tmp_path, "7")) == (1, [("12.50",)])
        assert loads_report.status(outbox.path).clock_skew_seconds < -3600, "this clock is far behind the server's"
        state = place.services.loads.status().tills[0]
        assert (state.state, state.version, state.missing, state.differing) == ("current", 2, [], [])
        loads_report.roll_back(outbox.path, clock(), dry_run=False)
        follow()
        assert _price(tmp_path, "7") == before
        assert place.services.loads.status().tills[0].rolled_back_from == 2
        place.erp.set_price(7, "13.00")
        place.stage()
        follow()
        assert _price(tmp_path, "7") == before, "it stays there until it is released"
        place.services.loads.back.release(["caixa1"], ANA)
        follow()
        assert _price(tmp_path, "7") == [("13.00",)]
        place.services.loads.back.order(["caixa1"], ANA)
        follow()
        assert (_price(tmp_path, "7"), place.services.loads.status().tills[0].state) == (before, "back")
        (tmp_path / "loads.sqlite3").unlink()
        follow()
        assert (_price(tmp_path, "7"), place.services.loads.status().tills[0].state) == (before, "back")
        place.services.loads.back.release(["caixa1"], ANA)
        follow()
        assert _price(tmp_path, "7") == [("13.00",)]
        assert place.services.loads.status().tills[0].state == "current"
