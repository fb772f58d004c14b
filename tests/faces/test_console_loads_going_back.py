"""One step back in a till's tab Cargas: shown, confirmed with a reason, followed, and released."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from malote import rejection
from malote.accounts.roles import Role
from malote.loads.planning import Wanted
from tests.faces.console_loads_support import LoadingAgent, Shop, look_anew, store_with_loads
from tests.faces.console_support import signed_in, till
from tests.faces.loads_fixtures import ANA
from tests.faces.test_console_in_portuguese import read, wrong


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """The first of two tills had version 1, and has version 2."""
    with store_with_loads(tmp_path) as (services, erp):
        agents = [LoadingAgent(services, till(services, name)) for name in ("loja1-01", "loja1-02")]
        with signed_in(services, Role.OPERADOR) as ana:
            made = Shop(services, erp, ana, agents)
            for price in ("11", "12.50"):
                erp.set_price(7, price)
                services.loads.staging.run(ANA)
                services.loads.order(Wanted(), ANA)
                look_anew(services)
                agents[0].says("done")
            yield made


def test_a_till_goes_back_by_its_tab_and_is_released_there(shop: Shop) -> None:
    first = shop.agents[0]
    tab = "/console/tills/loja1-01/loads"
    assert "Voltar à carga anterior" in shop.ana.get(tab).text
    asked = unescape(shop.post("back/check", what="back", till="loja1-01").text)
    assert "O caixa tem a carga 2 e volta à que você escolher, no próximo contato. Linhas que mudam até a 1" in asked
    shown = {"till": "loja1-01", "shown": "2 1"}
    assert rejection.title("reason_needed", "pt") in unescape(shop.post("back/order", **shown, reason="ok").text)
    assert '<option value="1">1, que tinha desde ' in asked
    for no_number in ("-1", "abc", "9" * 30):
        refused = shop.post("back/order", till="loja1-01", to=no_number, reason="preço errado")
        assert refused.status_code == 422, "and not the one before"
    wrong_version = shop.post("back/order", till="loja1-01", to="7", reason="preço errado").text
    assert rejection.title("load_back_unknown", "pt") in unescape(wrong_version)
    assert rejection.title("load_back_unknown", "pt") in unescape(
        shop.post("back/check", what="back", till="loja1-02").text
    )
    asked_for = {"till": "loja1-01", "to": "1", "reason": "preço errado", "until": "30/01/2096"}
    assert shop.post("back/order", **asked_for).status_code == 303
    page = unescape(shop.ana.get(tab).text)
    assert wrong(read(page)) == []
    assert "loja1-01 vai voltar da carga 2 à 1 por ordem de ana" in page
    assert first.says("done").back_from == 2
    page = unescape(shop.ana.get(tab).text)
    assert "loja1-01 voltou da carga 2 à 1 por ordem de ana" in page
    assert "Motivo: preço errado. Fica nela até 31/01/2096 00:00, ou até ser liberado." in page
    assert re.search(r"loja1-01</a>.*?da 2 à 1 · até 31/01/2096 00:00", shop.page(), re.S)
    assert "ou até ser liberado." in unescape(shop.post("back/check", what="release", till="loja1-01").text)
    assert shop.post("back/release", **shown, reason="corrigido").status_code == 303
    assert rejection.title("load_not_back", "pt") in unescape(
        shop.post("back/check", what="release", till="loja1-01").text
    )
    assert {"load_back_ordered", "load_back_released"} <= set(shop.actions())
    history = unescape(shop.ana.get("/console/tills/loja1-01/history").text)
    assert ("31/01/2096 00:00" in history, "2096-01-31T" in history) == (True, False)
