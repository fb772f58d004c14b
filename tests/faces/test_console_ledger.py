"""While the ERP lacks what was booked, no page of the tills is quiet about it."""

from contextlib import closing
from pathlib import Path

import pytest

from malote.app import Services
from malote.erp.engines import open_configured
from malote.spool import erp_memory
from tests.faces.console_support import LIVE, sell, settle, signed_in, store, till


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
        total = services.spool.status()[0].outside_total
        assert total == sum(one.total or 0 for one in services.spool.documents())
        seen = browser.get("/console/tills", headers=headers).text
        value = f"R$ {total // 100},{total % 100:02d}"
        assert "O livro do ERP perdeu lançamentos" in seen
        assert f"4 documentos ({value})" in seen
        assert "malote books rebook" in seen
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
