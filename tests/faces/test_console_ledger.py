"""While the ERP lacks what was booked, no page of the tills is quiet about it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from malote.accounts import audit
from malote.accounts.roles import Role
from malote.app import Services
from malote.app_workers import build_poster
from malote.erp.factory import open_configured
from malote.reconciliation import erp_memory
from malote.register import till_documents
from tests.faces.console_support import LIVE, csrf_of, sell, settle, signed_in, store, till


def look(services: Services) -> None:
    with closing(open_configured(services.settings)) as erp:
        erp_memory.look(services.engine, erp, 2.0)


def lose(services: Services, count: int = 4) -> None:
    """Settled as posted here, and the ERP is an empty one."""
    sell(services, till(services), count=count)
    assert settle(services) == count
    look(services)


@pytest.mark.parametrize("headers", [{}, LIVE])
def test_the_tills_page_says_that_nothing_is_booked_and_why(tmp_path: Path, headers: dict[str, str]) -> None:
    with store(tmp_path) as services, signed_in(services) as browser:
        lose(services)
        total = till_documents.status(services.engine, now=services.spool.clock())[0].outside_total
        assert total == sum(one.total or 0 for one in till_documents.documents_of(services.engine))
        seen = browser.get("/console/tills", headers=headers).text
        value = f"R$ {total // 100},{total % 100:02d}"
        assert "O livro do ERP perdeu lançamentos" in seen
        assert f"4 documentos ({value})" in seen
        assert "botão Lançar de novo, em Gerenciamento" in seen
        assert "fora do ERP" in seen
        assert "4 documentos lançados não estão mais no ERP" in seen
        assert "em dia</span>" not in seen


def test_it_is_quiet_when_all_is_there(tmp_path: Path) -> None:
    with store(tmp_path) as services, signed_in(services) as browser:
        sell(services, till(services))
        seen = browser.get("/console/tills")
        assert seen.status_code == 200
        assert "perdeu lançamentos" not in seen.text
        assert "fora do ERP" not in seen.text


def test_one_button_says_how_many_and_how_much_and_books_just_them_again(tmp_path: Path) -> None:
    with store(tmp_path) as services, signed_in(services, Role.OPERADOR) as browser:
        lose(services)
        total = till_documents.status(services.engine, now=services.spool.clock())[0].outside_total
        page = browser.get("/console/tills").text
        assert "Lançar de novo 4 documentos" in page
        assert f"{total // 100},{total % 100:02d}" in page
        assert '<input type="hidden" form="rebook" name="count" value="4">' in page
        # Shared by all who look: no secret of a visitor may be in it.
        assert "csrf" not in browser.get("/console/tills", headers=LIVE).text
        csrf = csrf_of(browser)
        other = browser.post("/console/books/rebook", data={"csrf": csrf, "count": "3"})
        assert "mudou enquanto isso" in other.text
        assert till_documents.status(services.engine, now=services.spool.clock())[0].posted == 4
        done = browser.post("/console/books/rebook", data={"csrf": csrf, "count": "4"})
        assert "4 documentos voltaram à fila" in done.text
        [status] = till_documents.status(services.engine, now=services.spool.clock())
        assert (status.pending, status.posted, status.outside) == (4, 0, 4)
        page = browser.get("/console/tills").text
        assert "em dia</span>" not in page
        assert 'form="rebook"' not in page
        with closing(build_poster(services.settings, services)) as poster:
            assert poster.drain() == 4
        look(services)
        assert "em dia" in browser.get("/console/tills").text
        [entry] = audit.entries(services.engine, action="sales_booked_again")
        assert (entry.actor, entry.after["total_cents"]) == ("ana", total)


def test_conciliacao_has_one_button_for_what_is_lost_and_one_for_an_unguarded_number(tmp_path: Path) -> None:
    with store(tmp_path) as services, signed_in(services, Role.OPERADOR) as browser:
        sell(services, till(services), count=3)
        with closing(build_poster(services.settings, services)) as poster:
            assert poster.drain() == 3
        with closing(sqlite3.connect(tmp_path / "erp.sqlite3")) as erp, erp:
            [(lost,), (key,), _] = erp.execute("SELECT access_key FROM sale ORDER BY 1").fetchall()
            erp.execute("DELETE FROM posting_key WHERE identity LIKE 'number:' || substr(?, 7, 28) || '%'", (key,))
            erp.execute("DELETE FROM sale WHERE access_key = ?", (lost,))
        look(services)
        page = browser.get("/console/reconciliation").text
        assert "Lançar de novo 1 documento" in page
        assert "Refazer a guarda de 1 número" in page
        assert '<input type="hidden" form="guard" name="count" value="1">' in page
        assert "csrf" not in browser.get("/console/reconciliation", headers=LIVE).text
        csrf = csrf_of(browser)
        one, two = ({"csrf": csrf, "count": count} for count in "12")
        assert "mudou enquanto isso" in browser.post("/console/reconciliation/guard", data=two).text
        for act in ("guard", "rebook"):
            assert "1 documento voltou à fila" in browser.post(f"/console/reconciliation/{act}", data=one).text
        with closing(build_poster(services.settings, services)) as poster:
            assert poster.drain() == 2
        look(services)
        page = browser.get("/console/reconciliation").text
        assert "Refazer a guarda" not in page
        assert "Lançar de novo" not in page
        with closing(sqlite3.connect(tmp_path / "erp.sqlite3")) as erp:
            assert erp.execute("SELECT count(*) FROM sale").fetchone() == (3,)


def test_who_may_not_replay_may_not_book_again(tmp_path: Path) -> None:
    with store(tmp_path) as services, signed_in(services, Role.CONSULTA) as browser:
        lose(services)
        assert "Lançar de novo 4" not in browser.get("/console/tills").text
        refused = browser.post("/console/books/rebook", data={"csrf": csrf_of(browser), "count": "4"})
        assert refused.status_code == 403
        assert till_documents.status(services.engine, now=services.spool.clock())[0].posted == 4
