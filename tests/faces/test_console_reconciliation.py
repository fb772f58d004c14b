"""Conciliação: the page of all tills and the tab of one say the same two marks, by shape and in words."""

from contextlib import closing
from datetime import datetime
from pathlib import Path

from sqlalchemy import insert

from malote.database.engine import writing
from malote.database.till_tables import till_day
from malote.erp.factory import open_configured
from malote.reconciliation import erp_memory
from tests.faces.console_support import LIVE, send, settle, signed_in, store, till
from tests.unit.fiscal.notes import build_note


def test_every_cell_has_two_marks_and_opens_the_sales_behind_it(tmp_path: Path) -> None:
    with store(tmp_path) as services, signed_in(services) as browser:
        assert "Nenhum dia" in browser.get("/console/reconciliation").text
        now = datetime.now().astimezone().replace(microsecond=0)
        sender = till(services)
        send(services, sender, *(build_note(number=number, issued_at=now) for number in (1, 2, 3)))
        day = now.date()
        with writing(services.engine) as connection:
            told = {
                "till_id": sender.id,
                "day": day.isoformat(),
                "count": 4,
                "total": 99_000,
                "sha256": "",
                "told_at": 1,
            }
            connection.execute(insert(till_day), told)
        page = browser.get("/console/reconciliation").text
        assert f'aria-label="caixa1, {day:%d/%m}: chegou em parte, em aberto">◐…</a>' in page
        assert settle(services) == 3
        with closing(open_configured(services.settings)) as erp:
            erp_memory.look(services.engine, erp, 2.0)
        page = browser.get("/console/reconciliation").text
        assert f'href="/console/tills/caixa1/reconciliation?day={day}"' in page
        assert "chegou em parte, divergente" in page
        tab = browser.get("/console/tills/caixa1/reconciliation").text
        assert "◐ chegou em parte" in tab
        listed = browser.get(f"/console/tills/caixa1/reconciliation?day={day}").text
        assert listed.count("/console/documents/") == 3
        assert listed.count("fora do ERP") >= 3
        assert browser.get("/console/tills/caixa1/reconciliation?day=2026-13-45").status_code == 200
        assert "chegou em parte, divergente" in browser.get("/console/reconciliation", headers=LIVE).text
