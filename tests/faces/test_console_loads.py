"""Cargas over HTTP: who may order what for which tills, what waits for a person, which price was when."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial
from html import unescape
from urllib.parse import quote

import msgspec
import pytest
from sqlalchemy import insert, update

from malote.accounts import audit
from malote.accounts.roles import Role
from malote.database.engine import writing
from malote.database.load_tables import load_hold, load_sale, load_sale_day
from malote.erp.factory import open_configured
from malote.loads.planning import Wanted
from malote.loads.staging import Staging
from tests.faces.console_loads_support import PATH, LoadingAgent, Shop, look_anew, over, store_with_loads
from tests.faces.console_support import csrf_of, field, send, settle, signed_in, till
from tests.faces.test_console_in_portuguese import read, wrong
from tests.unit.fiscal.notes import Line, build_note

KEY = "35261111222333000181650010000000011202611207"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Two tills of an agent that takes loads, one that never spoke; the tests below follow one day, in their order
    where they say so, and each makes what it looks at."""
    with store_with_loads(tmp_path_factory.mktemp("loads"), "11:00-14:00") as (services, erp):
        agents = [LoadingAgent(services, till(services, name)) for name in ("loja1-01", "loja1-02")]
        till(services, "loja2-01")
        for one in agents:
            one.contact()
        with signed_in(services, Role.SUPORTE) as ana:
            made = Shop(services, erp, ana, agents)
            assert "nada lido ainda" in made.page()
            send_partial(made)
            yield made


def send_partial(shop: Shop, **fields: str | list[str]) -> None:
    names = [one.till.name for one in shop.agents]
    answer = shop.post("loads/order", kind="partial", till=names, **fields)
    assert answer.status_code == 200, answer.text
    assert "Carga pedida para 2 caixas." in answer.text


def test_a_load_is_shown_before_it_is_ordered_and_followed_till_by_till(shop: Shop) -> None:
    over(shop.services)
    asked = shop.post("loads/check", kind="whole", selected=["loja1-01", "loja2-01"])
    assert re.findall(r'name="till" value="([^"]+)"', asked.text) == ["loja1-01", "loja2-01"]
    assert "1 destes caixas tem um agente que não recebe cargas" in asked.text
    assert "Códigos de barras" in asked.text
    send_partial(shop)
    done = over(shop.services)
    assert (done.state, done.tills, done.version) == ("done", 2, 1)
    first, second = shop.agents
    first.says("begun", 40, 100)
    second.says("failed", code="loads_no_room")
    page = shop.page()
    assert "40 de 100 linhas" in page
    assert re.search(r"falhou</span><span[^>]*>Sem espaço", page)
    assert page.index("loja1-02</a>") < page.index("loja1-01</a>"), "what a person must look at comes first"
    assert "pedida a 2 caixas" in page
    assert "falhou" in shop.page("?show=trouble")
    assert "loja1-01</a>" not in shop.page("?show=trouble")
    tab = unescape(shop.ana.get("/console/tills/loja1-02/loads").text)
    assert wrong(read(tab)) == []
    assert "sem carga" in tab
    first.says("done")
    assert re.search(r"loja1-01</a>.*?em dia.*?versão 1", shop.page(), re.S)
    assert "em dia" in shop.ana.get("/console/tills/loja1-01/loads").text
    assert {"load_made", "load_ordered"} <= set(shop.actions())


@pytest.mark.parametrize(
    ("fields", "chosen", "code"),
    [
        ({"items": "7 8", "items_of": "price"}, {"price": 2}, ""),
        ({"items": "no-such", "items_of": "price"}, {}, "load_item_unknown"),
        ({"since": "2020-01-01T00:00", "entity": "product"}, {"product": 50}, ""),
        ({"since": "2020-01-01T00:00", "until": "2020-01-02T00:00"}, {}, "load_nothing_changed"),
    ],
)
def test_some_items_alone_are_ordered(shop: Shop, fields: dict[str, str], chosen: dict[str, int], code: str) -> None:
    over(shop.services)
    send_partial(shop, **fields)
    done = over(shop.services)
    assert done.code == code
    if code:
        assert "A carga não foi feita" in shop.page()
        return
    order = shop.agents[0].says("begun")
    assert {name: len(some) for name, some in order.items.items() if name in chosen} == chosen
    shop.agents[0].says("done")


@pytest.mark.parametrize(
    ("path", "fields", "title"),
    [
        ("loads/check", {}, "nothing_selected"),
        ("loads/order", {"till": "nobody"}, "till_unknown"),
        ("loads/order", {"till": "loja1-01", "items": "1", "items_of": "<b>"}, "load_entity_unknown"),
        ("loads/order", {"till": "loja1-01", "since": "ontem"}, "moment_unreadable"),
        ("loads/order", {"till": "loja1-01", "since": "9999-12-31T23:59:59-23:59"}, "moment_unreadable"),
        (
            "loads/order",
            {"till": "loja1-01", "since": "2026-11-02T10:00", "until": "2026-11-01T10:00"},
            "moments_reversed",
        ),
        ("loads/order", {"till": "loja1-01", "since": "2091-11-02T10:00"}, "moments_reversed"),
        ("plans", {"all": "1", "time": "25:00"}, "moment_unreadable"),
        ("plans", {"all": "1", "cron": "every day"}, "load_cron_invalid"),
        ("plans/99/remove", {}, "load_plan_unknown"),
        ("held/price/refuse", {"reason": "no"}, "reason_needed"),
    ],
)
def test_what_makes_no_sense_is_refused(shop: Shop, path: str, fields: dict[str, str], title: str) -> None:
    over(shop.services)
    before = shop.services.asked_loads.last()
    answer = shop.post(path, **fields)
    assert answer.status_code == 422
    assert title in answer.text or "refused" not in answer.text
    assert shop.services.asked_loads.last() == before
    assert shop.services.loads.plans() == []


def test_a_load_is_planned_and_the_plan_removed(shop: Shop) -> None:
    asked = shop.post("plans/check", selected=["loja1-01"])
    assert 'value="loja1-01"' in asked.text
    made = shop.post("plans", till="loja1-01", kind="whole", time="06:30", day=["1", "4"], entity="price")
    assert made.headers["location"] == f"{PATH}/plans"
    (plan,) = shop.services.loads.plans()
    assert (plan.cron, plan.wanted.tills, plan.wanted.entities, plan.wanted.anew) == (
        "30 6 * * 1,4",
        ["loja1-01"],
        ["price"],
        True,
    )
    page = shop.page("/plans")
    assert "segunda, quinta às 06:30" in page
    assert len(re.findall(r"06:30</time>", page)) == 3
    shop.post(f"plans/{plan.id}/remove")
    assert "Nenhum agendamento" in shop.page("/plans")
    assert {"load_planned", "load_plan_removed"} <= set(shop.actions())


CONFIRM = 'data-press="confirm-held"'


@contextmanager
def nothing_left(shop: Shop) -> Iterator[None]:
    """What is held would leave the tills nothing of it, whatever its code."""
    with writing(shop.services.engine) as connection:
        connection.execute(update(load_hold).values(is_final=True))
    yield
    with writing(shop.services.engine) as connection:
        connection.execute(update(load_hold).values(is_final=False))


def test_what_is_held_is_shown_refused_and_confirmed(shop: Shop) -> None:
    over(shop.services)
    shop.erp.turn += 10
    shop.erp.do("UPDATE preco SET preco = 12.5, alterado = ? WHERE cod <= 30 AND loja = 3", [(shop.erp.turn,)])
    shop.erp.set_price(4, "0.5")
    shop.services.loads.staging.run(audit.command_line())
    assert "Carga que mudaria preços demais" in shop.page("/held")
    told = unescape(shop.ana.get("/console/tills").text)
    assert re.search(r"Entidade Preços: das 50 linhas.*?/load-manager/held\">Ver o que muda", told)
    page = shop.page("/held/price")
    assert re.search(r"Mudariam</dt><dd>30<span[^>]*>60 %", page)
    assert page.index("R$ 0,50") < page.index("R$ 12,50"), "the largest change first"
    assert "(−95 %)" in page
    assert CONFIRM in page
    with nothing_left(shop):
        final = shop.page("/held/price")
        assert CONFIRM not in final, "nobody can let it through"
        assert "Confirmar deixa" not in final
        assert "Recusar deixa tudo como está" in final
    shown = field(page, "shown")
    assert shop.post("held/price/confirm", shown="load_changed_many 0 29", reason="de ontem").status_code == 422
    shop.post("held/price/refuse", reason="reajuste errado")
    assert "recusou uma carga que estava retida: Preços: reajuste errado" in shop.page("/held/price")
    assert shop.services.loads.price("4").prices[0].values["price"] == "10.00"
    assert shop.post("held/price/confirm", shown=shown, reason="conferido").headers["location"] == f"{PATH}/held"
    assert over(shop.services).made
    assert "Nada retido" in shop.page("/held")
    assert shop.services.loads.price("4").prices[0].values["price"] == "0.50"
    assert shop.ana.get(f"{PATH}/held/price").status_code == 404
    assert {"load_hold_refused", "load_confirmed"} <= set(shop.actions())


def test_a_row_that_breaks_a_rule_is_told_with_its_cure(shop: Shop) -> None:
    over(shop.services)
    shop.erp.do("UPDATE operador SET senha = '1234'")
    shop.erp.do("INSERT INTO embalagem SELECT ean, 2 FROM embalagem WHERE cod = 1")
    shop.post("held/package/read")
    over(shop.services)
    shop.post("held/operator/read")
    over(shop.services)
    page = shop.page("/refused")
    assert "Na entidade Operadores, a coluna senha tem •••" in page
    assert "Mesma chave em duas linhas do ERP" in page
    assert "Maria" not in page
    assert "Operadores, a coluna" not in shop.page("/refused?entity=package")


def test_which_price_a_till_had_and_sold_at(shop: Shop) -> None:
    over(shop.services)
    shop.erp.set_price(9, "25.90")
    shop.services.loads.staging.run(audit.command_line())
    look_anew(shop.services)
    send_partial(shop)
    over(shop.services)
    shop.agents[0].says("done")
    now = datetime.now(timezone(timedelta(hours=-3))).replace(microsecond=0)
    note = build_note(number=77, issued_at=now, items=[Line("9", price="24.90")])
    send(shop.services, shop.agents[0].till, note)
    settle(shop.services)
    # In the second of its sale the till may not have had its load, by the server's clock.
    asked = now + timedelta(seconds=50)
    address = f"/price?product=7890000000009&till=loja1-01&at={quote(asked.isoformat())}"
    page = shop.page(address)
    assert "Produto 9" in page
    assert re.search(r'<p class="price"><strong>R\$ (25,90|10,00)</strong>', page)
    assert re.search(r"1/77</a>.*?R\$ 24,90", page, re.S)
    assert "light attention" not in page, "it may have been right by the list of its own minute"
    key = re.findall(r"NFe(\d{44})", note.decode())[0]
    line = {"access_key": key, "line": 1, "till_id": shop.agents[0].till.id, "day": "", "issued_at": "", "version": 2}
    prices = {"product": "9", "quantity": "1", "sold": "24.9", "listed": "25.9", "cents": -100}
    with writing(shop.services.engine) as connection:
        connection.execute(insert(load_sale).values(**line, **prices))
    assert re.search(r"1/77</a>.*?light attention.*?R\$ 24,90", shop.page(address), re.S)
    assert "R$ 10,00" in shop.page("/price?product=3") or "R$ 12,50" in shop.page("/price?product=3")
    assert "A lista não tinha preço válido" in shop.page("/price?product=no-such")
    assert "O caixa não tinha carga" in shop.page("/price?product=3&till=loja1-01&at=2020-01-01T10:32")
    assert "loja9" not in shop.page("/price?product=3&till=nobody")


def test_a_price_that_rises_is_shown_with_from_when_it_is_valid(shop: Shop) -> None:
    over(shop.services)
    settings = msgspec.structs.replace(shop.services.settings.loads, rise_after_minutes=90)
    connect = partial(open_configured, shop.services.settings)
    shop.erp.set_price(21, "30.00")
    Staging(shop.services.engine, settings, shop.services.loads.entities, connect, None).run(audit.command_line())
    look_anew(shop.services)
    page = shop.page("/price?product=21")
    assert '<p class="price"><strong>R$ ' in page
    assert '<p class="price"><strong>R$ 30,00' not in page
    assert re.search(r"R\$ 30,00: vale a partir de .{10,20}, porque sobe na gôndola primeiro", page)
    assert "1 preço sobe na gôndola primeiro: no caixa vale a partir de" in shop.page()
    assert "sobe na gôndola primeiro" in unescape(shop.ana.get("/console/tills/loja1-02/loads").text)
    shop.services.loads.staging.run(audit.command_line(), whole=True)
    look_anew(shop.services)
    assert "gôndola" not in shop.page("/price?product=21")


def test_what_was_sold_at_another_price_is_told_by_store_with_its_receipts(shop: Shop) -> None:
    assert "Nada comparado ainda" in shop.page("/sold")
    found = {"access_key": KEY, "line": 1, "till_id": shop.agents[1].till.id, "day": "2026-11-28", "product": "7"}
    prices = {"issued_at": "2026-11-28T10:32:00-03:00", "quantity": "1.500", "sold": "9.9", "listed": "10.00"}
    counts = {"lines": 1200, "unlisted": 0, "unknown": 2, "differing": 1, "cents": -123456}
    with writing(shop.services.engine) as connection:
        connection.execute(insert(load_sale).values(**found, **prices, cents=-123456, version=1))
        connection.execute(insert(load_sale_day).values(till_id=shop.agents[1].till.id, day="2026-11-28", **counts))
    page = shop.page("/sold")
    assert re.search(r"loja1</th>.*?-R\$\s1\.234,56.*?1\.200", page, re.S)
    assert f'href="/console/find?q={KEY}"' in page
    assert "1,5" in page
    assert shop.ana.get(f"{PATH}/sold?till=nobody").status_code == 404
    tab = unescape(shop.ana.get("/console/tills/loja1-02/loads").text)
    assert "Vendido a preço que não era o da lista do caixa" in tab


def test_a_load_goes_out_in_waves_and_a_person_lets_the_next_one_through(shop: Shop) -> None:
    """As ``malote loads rollout start`` begins one: ``loads.waves`` is off here."""
    over(shop.services)
    for one in shop.agents:
        if one.contact() is not None:
            one.says("done")
    shop.erp.set_price(11, "3.21")
    shop.services.loads.staging.run(audit.command_line())
    begun = shop.services.loads.rollouts.start(Wanted(), audit.command_line())
    look_anew(shop.services)
    page = shop.page()
    assert f"Carga em ondas: onda 1 de {begun.waves}" in page
    assert "espera a onda" in page
    first = next(one for one in shop.agents if one.contact() is not None)
    first.says("done")
    assert "a próxima espera uma pessoa" in shop.page()
    assert "Liberado" in shop.post("loads/approve", rollout=str(begun.id)).text
    assert f"onda 2 de {begun.waves}" in shop.page()
    assert shop.post("loads/approve", rollout=str(begun.id)).status_code == 422
    assert "Cancelado" in shop.post("loads/cancel", rollout=str(begun.id)).text
    assert "são tentados de novo" in shop.post("loads/resume", rollout=str(begun.id)).text
    shop.post("loads/cancel", rollout=str(begun.id))
    assert "Carga em ondas: cancelada" in shop.page()
    acts = {"load_rollout_approved", "load_rollout_cancelled", "load_rollout_resumed"}
    assert acts <= set(shop.actions())


ACTS = ("loads/check", "loads/order", "loads/cancel", "plans/check", "plans", "plans/1/remove", "held/price/read")
DECISIONS = ("loads/approve", "held/price/confirm", "held/price/refuse")


def test_who_may_not_sees_it_and_who_can(shop: Shop) -> None:
    with (
        signed_in(shop.services, Role.CONSULTA, "nina") as nina,
        signed_in(shop.services, Role.OPERADOR, "otto") as otto,
    ):
        for page in ("", "/plans", "/held", "/refused", "/price", "/sold"):
            assert nina.get(f"{PATH}{page}").status_code == 200
        assert "Só pode mandar cargas quem tem o perfil operador ou acima." in nina.get(PATH).text
        assert 'name="selected"' not in nina.get(PATH).text
        for who, acts in ((nina, (*ACTS, *DECISIONS)), (otto, DECISIONS)):
            for act in acts:
                refused = who.post(f"{PATH}/{act}", data={"csrf": csrf_of(who), "selected": "loja1-01"})
                assert refused.status_code == 403, act
        assert 'data-press="load-partial"' in otto.get(PATH).text


def test_a_general_load_at_peak_time_must_be_meant(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = over(shop.services)
    monkeypatch.setattr(shop.services.loads, "store_clock", lambda _: "12:00")
    assert "Mandar assim mesmo" in shop.post("loads/check", kind="whole", selected="loja1-01").text
    assert shop.post("loads/order", kind="whole", till="loja1-01").status_code == 422
    assert shop.services.asked_loads.last() == before
    assert shop.post("loads/order", kind="whole", till="loja1-01", peak="1").status_code == 200
    assert over(shop.services).asked.wanted.anew
