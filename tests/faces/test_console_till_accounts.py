"""Tills are created, re-tokened and disabled on a page, by whoever may."""

import re
from pathlib import Path

from malote.accounts.roles import Role
from malote.tills.till import by_token, find_till
from malote.trust.principals import Credential
from tests.faces.console_support import csrf_of, signed_in, store


def test_a_till_is_created_gets_a_new_token_and_is_disabled(tmp_path: Path) -> None:
    with store(tmp_path) as services, signed_in(services) as ana:
        form = {"csrf": csrf_of(ana)}

        def token_of(page: str) -> str:
            found = re.search(r'<code class="mono">([^<]+)</code>', page)
            assert found is not None
            return found.group(1)

        first = token_of(ana.post("/console/till-accounts", data=form | {"name": "caixa9", "label": "Frente"}).text)
        found = by_token(services.engine, Credential("bearer", first))
        assert found is not None
        assert found.name == "caixa9"
        assert first not in ana.get("/console/till-accounts").text
        assert "[till]" not in ana.get("/console/till-accounts").text
        again = token_of(ana.post("/console/till-accounts/caixa9/token", data=form).text)
        assert again != first
        assert ana.post("/console/till-accounts", data=form | {"name": "CAIXA9"}).status_code == 422
        long = ana.post("/console/till-accounts", data=form | {"name": "caixa8", "label": "x" * 81})
        assert (long.status_code, "81 letras; cabem 80" in long.text) == (422, True)
        assert "desativado" in ana.post("/console/till-accounts/caixa9/disabled", data=form | {"disabled": "1"}).text
        assert find_till(services.engine, "caixa9").disabled_at is not None
        trail = ana.get("/console/audit?on=till:caixa9").text
        for told in ("ana cadastrou o caixa caixa9", "ana trocou o token", "ana desativou o caixa"):
            assert told in trail


def test_who_may_not_manage_tills_sees_nothing_of_it(tmp_path: Path) -> None:
    with store(tmp_path) as services, signed_in(services, Role.DBA, "low") as low:
        assert low.get("/console/till-accounts").status_code == 403
        assert low.post("/console/till-accounts", data={"csrf": csrf_of(low), "name": "x1"}).status_code == 403
        assert "till-accounts" not in low.get("/console/tills").text
