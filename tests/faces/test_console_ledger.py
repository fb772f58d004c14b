"""While the ERP's ledger lacks what was booked, no page of the tills is quiet about it."""

from pathlib import Path

import pytest

from malote.spool import erp_memory
from malote.spool.erp_memory import Trouble
from tests.faces.console_support import LIVE, signed_in, store


@pytest.mark.parametrize("headers", [{}, LIVE])
def test_the_tills_page_says_that_nothing_is_booked_and_why(tmp_path: Path, headers: dict[str, str]) -> None:
    with store(tmp_path) as services, signed_in(services) as browser:
        erp_memory.note(services.engine, "public", Trouble(4, 7, 10360, 1.0), 2.0)
        seen = browser.get("/console/tills", headers=headers).text
        assert "O livro do ERP perdeu lançamentos" in seen
        assert "4 (R$ 103,60)" in seen
        assert "malote erp accept-ledger" in seen


def test_it_is_quiet_when_all_is_there(tmp_path: Path) -> None:
    with store(tmp_path) as services, signed_in(services) as browser:
        erp_memory.note(services.engine, "public", None, 3.0)
        seen = browser.get("/console/tills")
        assert seen.status_code == 200
        assert "perdeu lançamentos" not in seen.text
