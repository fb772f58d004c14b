"""Gerenciador de carga over HTTP: who may, what is shown, and what is refused rather than run unseen."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from httpx import Response
from litestar import Litestar
from litestar.testing import TestClient

from malote.accounts import audit
from malote.accounts.roles import Role
from malote.app import Services
from malote.spool.documents import Reason, Settlement
from malote.structures.wanted import erp_of_2025
from malote.tills.till import disable
from tests.engines.posting_support import until
from tests.engines.structures_support import create, run_sql
from tests.faces.console_load_support import Agents
from tests.faces.console_locks_support import store_with_erp
from tests.faces.console_support import LIVE, csrf_of, field, sell, settle, signed_in, till

PATH = "/console/load-manager"
PATIENCE = (
    "Aguarde! Em alguns minutos a carga será finalizada e a estrutura gerada no servidor de faturamento estará "
    "disponível nos caixas!"
)


@pytest.fixture
def erp_url(tmp_path: Path) -> str:
    """Last year's, in SQLite."""
    url = f"sqlite:///{tmp_path / 'erp.sqlite3'}"
    create(url, erp_of_2025())
    return url


@pytest.fixture
def services(tmp_path: Path, erp_url: str) -> Iterator[Services]:
    with store_with_erp(tmp_path, erp_url) as opened:
        yield opened


@pytest.fixture
def ana(services: Services) -> Iterator[TestClient[Litestar]]:
    with signed_in(services, Role.SUPORTE) as client:
        yield client


@pytest.fixture
def agents(services: Services) -> Agents:
    made = Agents(services, [till(services, f"caixa{number:02d}", "") for number in range(1, 13)])
    made.contact()
    return made


def post(client: TestClient[Litestar], act: str, **fields: str | list[str]) -> Response:
    return client.post(f"{PATH}/{act}", data={"csrf": csrf_of(client), **fields})


def ticks(page: str) -> list[str]:
    found = re.findall(r'type="checkbox" form="selection" name="selected" value="([^"]+)"', page)
    return [unescape(value) for value in found]


def named(page: str) -> list[str]:
    """The tills of the dialog."""
    return re.findall(r'name="till" value="([^"]+)"', page)


def actions(services: Services) -> list[str]:
    return [
        entry.action
        for entry in audit.entries(services.engine)
        if entry.action not in ("till_created", "series_learned")
    ]


# ---- Autosserviço and the ERP ----


def test_the_stores_structure_is_up_to_date(ana: TestClient[Litestar]) -> None:
    assert "A estrutura está em dia" in ana.get(f"{PATH}/store").text


def test_the_statements_are_shown_before_they_run_and_then_run(
    services: Services, ana: TestClient[Litestar], erp_url: str
) -> None:
    page = ana.get(f"{PATH}/erp").text
    plan = services.structures.plan("erp")
    assert len(ticks(page)) == len(plan.steps) > 5
    for step in plan.steps:
        assert step.sql in unescape(page)
    assert run_sql(erp_url, "SELECT count(*) FROM pragma_table_info('sale') WHERE name = 'ibs'") == [(0,)]
    begun = post(ana, "erp/update", selected=ticks(page))
    assert (begun.status_code, begun.headers["location"]) == (303, f"{PATH}/erp")
    until(lambda: "Última atualização: concluída" in ana.get(f"{PATH}/erp").text)
    page = ana.get(f"{PATH}/erp").text
    assert "A estrutura está em dia" in page
    assert ticks(page) == []
    assert run_sql(erp_url, "SELECT count(*) FROM pragma_table_info('sale') WHERE name = 'ibs'") == [(1,)]
    assert {"structure_update_begun", "structure_updated"} <= set(actions(services))


def test_only_the_whole_plan_runs(services: Services, ana: TestClient[Litestar]) -> None:
    some = ticks(ana.get(f"{PATH}/erp").text)[1:]
    refused = post(ana, "erp/update", selected=some)
    assert refused.status_code == 422
    assert "A estrutura é atualizada inteira" in refused.text
    assert services.structures.last_run("erp") is None


def test_a_plan_that_changed_since_it_was_shown_is_shown_again(
    services: Services, ana: TestClient[Litestar], erp_url: str
) -> None:
    shown = ticks(ana.get(f"{PATH}/erp").text)
    run_sql(erp_url, "ALTER TABLE sale ADD COLUMN ibs NUMERIC(15, 2)")
    refused = post(ana, "erp/update", selected=shown)
    assert refused.status_code == 422
    assert "mudou desde que foi mostrado" in refused.text
    assert post(ana, "erp/update", selected=["x"]).status_code == 422
    assert post(ana, "erp/update").status_code == 422
    assert services.structures.last_run("erp") is None


def test_what_a_person_must_decide_is_said_and_what_is_extra_stays(ana: TestClient[Litestar], erp_url: str) -> None:
    run_sql(erp_url, "ALTER TABLE sale ADD COLUMN ibs TEXT", "ALTER TABLE sale ADD COLUMN minha TEXT")
    page = ana.get(f"{PATH}/erp").text
    assert "O que exige a decisão de uma pessoa" in page
    assert "exige decisão" in page
    assert "a mais: fica como está" in page
    assert "Winthor" in page


def test_an_erp_that_is_away_is_said(tmp_path: Path) -> None:
    away = "postgresql://malote:segredo-do-erp@127.0.0.1:1/erp"
    with store_with_erp(tmp_path, away) as services, signed_in(services, Role.SUPORTE) as client:
        page = client.get(f"{PATH}/erp")
        assert page.status_code == 200
        assert "ERP fora do ar" in page.text
        assert "segredo-do-erp" not in page.text
        refused = post(client, "erp/update", selected=["x"])
        assert refused.status_code == 422
        assert "ERP fora do ar" in refused.text


@pytest.mark.parametrize("tab", ["till", "nothing", "..%2f", "ERP"])
def test_there_is_no_other_tab(ana: TestClient[Litestar], tab: str) -> None:
    assert ana.get(f"{PATH}/{tab}").status_code == 404
    assert post(ana, f"{tab}/update", selected=["x"]).status_code == 404


# ---- Caixa ----


def test_every_till_is_listed_with_what_it_has(ana: TestClient[Litestar], services: Services, agents: Agents) -> None:
    disable(services.engine, "caixa12")
    till(services, "caixa13", "")
    page = ana.get(PATH).text
    assert len(ticks(page)) == 12
    assert page.count("desatualizada</span>") == 11
    assert "ainda não disse<" in page
    for label in ("Seleção", "Selecionar Todos", "Geral", "Parcial", "Agendar", "Atualizar", "Fechar"):
        assert f"{label}<" in page
    for label in ("Caixas Selecionados", "Atualizar Estrutura do Banco", "Nenhuma entidade de carga no perfil"):
        assert label in page
    assert ticks(ana.get(f"{PATH}?show=silent").text) == ["caixa13"]
    assert ticks(ana.get(f"{PATH}?search=CAIXA03").text) == ["caixa03"]
    assert "Nenhum caixa corresponde" in ana.get(f"{PATH}?show=current").text
    assert len(ticks(ana.get(f"{PATH}?show=<script>&search=").text)) == 12


def test_the_chosen_tills_are_named_before_anything_is_ordered(
    services: Services, ana: TestClient[Litestar], agents: Agents
) -> None:
    asked = post(ana, "tills/check", selected=["caixa01", "caixa02"])
    assert asked.status_code == 200
    assert named(asked.text) == ["caixa01", "caixa02"]
    assert services.structures.rollout() is None
    assert len(named(post(ana, "tills/check", everything="1").text)) == 12
    assert named(post(ana, "tills/check", everything="1", search="caixa1").text) == ["caixa10", "caixa11", "caixa12"]


def test_a_roll_out_is_followed_till_by_till(services: Services, ana: TestClient[Litestar], agents: Agents) -> None:
    begun = post(ana, "tills/update", till=[one.name for one in agents.tills])
    assert "Atualização pedida a 12 caixas." in begun.text
    assert PATIENCE in begun.text
    rollout = services.structures.rollout()
    assert rollout is not None
    assert rollout.everyone, "all of them: those created later too"
    agents.contact()
    assert "o caixa está atualizando" in ana.get(PATH).text
    assert ana.get("/console/tills").text.count("estrutura desatualizada</span>") == 12
    agents.fail("caixa01")
    page = ana.get(PATH).text
    assert "Parada no caixa caixa01: Disco do caixa cheio" in page
    assert PATIENCE not in page
    assert "falhou" in ana.get("/console/tills/caixa01/structure").text
    resumed = post(ana, "tills/resume", rollout=str(rollout.id))
    assert "são tentados de novo" in resumed.text
    agents.succeed_all()
    page = ana.get(PATH, headers=LIVE).text
    assert "<html" not in page
    assert "Atualização concluída" in page
    assert page.count("em dia</span><div") == 12
    assert "estrutura desatualizada" not in ana.get("/console/tills").text
    assert "em dia" in ana.get("/console/tills/caixa01/structure").text
    assert {"rollout_started", "rollout_resumed"} <= set(actions(services))


def test_a_roll_out_is_cancelled_and_a_new_one_replaces_it(
    services: Services, ana: TestClient[Litestar], agents: Agents
) -> None:
    post(ana, "tills/update", till=["caixa01"])
    first = services.structures.rollout()
    assert first is not None
    assert not first.everyone
    assert "é cancelada por esta" in post(ana, "tills/check", selected=["caixa02"]).text
    assert "Cancelado" in post(ana, "tills/cancel", rollout=str(first.id)).text
    again = post(ana, "tills/cancel", rollout=str(first.id))
    assert again.status_code == 422
    for number in ("0", "-1", "x", "9" * 30):
        assert post(ana, "tills/cancel", rollout=number).status_code == 422
        assert post(ana, "tills/resume", rollout=number).status_code == 422


@pytest.mark.parametrize("names", [[], ["nobody"], ["caixa01", "nobody"], ["<script>"]])
def test_tills_that_there_are_not_get_nothing(
    services: Services, ana: TestClient[Litestar], agents: Agents, names: list[str]
) -> None:
    assert post(ana, "tills/update", till=names).status_code == 422
    assert post(ana, "tills/check", selected=names).status_code == 422
    assert services.structures.rollout() is None


def test_a_thousand_tills_fit(services: Services, ana: TestClient[Litestar]) -> None:
    for number in range(1, 602):
        till(services, f"c{number:04d}", "")
    page = ana.get(PATH).text
    assert ticks(page) == [], "equal ones are one line"
    assert page.count('class="group ') == 1
    assert "601 caixas" in page
    assert len(page) < 20_000
    opened = re.search(r'<a class="name" data-row href="([^"]+)" aria-expanded="false">Ainda não falou', page)
    assert opened is not None
    page = ana.get(unescape(opened.group(1))).text
    assert len(ticks(page)) == 50
    assert "50 de 601" in page
    assert len(page) < 90_000
    assert len(ticks(ana.get(f"{PATH}?group=none&opened=150").text)) == 150
    asked = post(ana, "tills/check", everything="1")
    assert named(asked.text) == []  # they would be more than a form may hold
    form = {"everything": "1", "digest": field(asked.text, "digest")}
    till(services, "one-more", "")
    assert post(ana, "tills/update", **form).status_code == 422
    assert services.structures.rollout() is None
    form["digest"] = field(post(ana, "tills/check", everything="1").text, "digest")
    assert post(ana, "tills/update", **form).status_code == 200
    rollout = services.structures.rollout()
    assert rollout is not None
    assert (rollout.total, rollout.everyone) == (602, True)


def test_tills_in_the_same_state_are_one_line_and_can_be_ordered_for_alone(
    services: Services, ana: TestClient[Litestar], agents: Agents
) -> None:
    for number in range(1, 16):
        till(services, f"loja2-{number:02d}", "")
    page = unescape(ana.get(PATH).text)
    assert page.index("Estrutura 1 de 2 · Agente sem cargas") < page.index("Ainda não falou com o servidor")
    assert len(ticks(page)) == 12, "twelve are shown, fifteen are a line"
    alone = f"{PATH}?state=unheard.silent"
    assert len(ticks(ana.get(alone).text)) == 15
    assert field(ana.get(alone).text, "state") == "unheard.silent"
    assert len(named(post(ana, "tills/check", everything="1", state="unheard.silent").text)) == 15
    stores = ana.get(f"{PATH}?group=store").text
    assert stores.count('class="group ') == 2
    assert "12 por atualizar" in stores


# ---- who may ----


ACTS = ["tills/check", "tills/update", "tills/cancel", "tills/resume", "store/update", "erp/update"]


def test_everybody_sees_it_and_only_some_may_act(services: Services, agents: Agents) -> None:
    with signed_in(services, Role.OPERADOR, "otto") as client:
        for path in (PATH, f"{PATH}/store", f"{PATH}/erp", "/console/tills/caixa01/structure"):
            page = client.get(path)
            assert page.status_code == 200
            assert ticks(page.text) == [] or path == PATH  # where loads are ordered too
        assert re.search(r"disabled [^>]*perfil suporte[^>]*>Atualizar Estrutura do Banco", client.get(PATH).text)
        for act in ACTS:
            assert post(client, act, selected=["caixa01"], till=["caixa01"], rollout="1").status_code == 403
    assert services.structures.rollout() is None


def test_every_act_wants_the_sessions_token(ana: TestClient[Litestar], agents: Agents) -> None:
    for act in ACTS:
        for form in ({}, {"csrf": "0" * 64}):
            assert ana.post(f"{PATH}/{act}", data=form).status_code == 403


def test_where_tables_that_held_sales_are_gone_a_backup_comes_before_the_update(
    services: Services, ana: TestClient[Litestar], erp_url: str
) -> None:
    sell(services, till(services, "caixa1"), count=2)
    settle(services, limit=1)
    run_sql(erp_url, "DROP TABLE payment", "DROP TABLE sale")
    (left,) = services.spool.lease("test", 10, 60.0)
    outdated = Reason("structure_outdated", {"object": "sale"})
    services.spool.settle([Settlement(left.id, left.lease, "rejected", outdated)])
    strip = ana.get("/console/tills").text
    verdict = strip[strip.index('id="verdict"') : strip.index('class="ribbon"')]
    assert "Sumiram do ERP tabelas que tinham vendas" in verdict
    assert "Atualizar Estruturas do Banco" not in verdict
    assert 'class="button main" href="/console/assistant"' in verdict
    assert "Primeiro o DBA" in ana.get("/console/load-manager/erp").text
