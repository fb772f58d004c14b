"""What the screens show, with the words that people know them by."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from malote.accounts.roles import Role
from malote.app import Services
from malote.tills.contact import record_contact
from malote.wire import Contact, RefusedFile
from tests.faces.console_support import LIVE, csrf_of, enter, sell, send, settle, signed_in, store, till, visitor
from tests.unit.fiscal.notes import Line, build_cancellation, build_note, key_of


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with store(tmp_path) as opened:
        yield opened


@pytest.fixture
def ana(services: Services) -> Iterator[TestClient[Litestar]]:
    with signed_in(services) as client:
        yield client


def words(page: str) -> str:
    """What a person reads of a page."""
    body = page[page.index("<main") :] if "<main" in page else page
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)).strip()


def shown(client: TestClient[Litestar], path: str) -> str:
    answer = client.get(f"/console{path}")
    assert answer.status_code == 200, path
    return words(answer.text)


PAGES = ["/tills", "/tills/caixa1", "/tills/caixa1/rejected", "/tills/caixa1/history", "/documents/1", "/dashboard"]


@pytest.mark.parametrize("path", PAGES)
def test_a_refresh_brings_the_changing_part_of_the_page_and_nothing_else(
    services: Services, ana: TestClient[Litestar], path: str
) -> None:
    sell(services, till(services))
    # Times on screen are those of the request: both are made from one context. What many see holds no session's token.
    whole = ana.get(f"/console{path}").text
    part = ana.get(f"/console{path}", headers=LIVE).text
    assert "<html" not in part
    assert "data-live" in whole
    without_times = re.compile(r'há .*?<|<time.*?</time>|data-value.*?</td>|<input type="hidden" name="csrf"[^>]*>')
    # The verdict stands elsewhere on the page, and comes along.
    part = re.sub(r'<div id="verdict".*?</section>\s*</div>', "", part, flags=re.DOTALL).strip()
    assert without_times.sub("", part) in without_times.sub("", whole)


def test_a_page_that_refreshes_itself_keeps_no_session_alive(
    services: Services, ana: TestClient[Litestar], monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.time() + 3000
    monkeypatch.setattr(time, "time", lambda: later)
    assert ana.get("/console/tills", headers=LIVE).status_code == 200
    monkeypatch.setattr(time, "time", lambda: later + 3000)
    assert ana.get("/console/tills", headers=LIVE).status_code == 401


def test_a_person_who_clicks_keeps_the_session_alive(
    services: Services, ana: TestClient[Litestar], monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.time() + 3000
    monkeypatch.setattr(time, "time", lambda: later)
    assert ana.get("/console/tills").status_code == 200
    monkeypatch.setattr(time, "time", lambda: later + 3000)
    assert ana.get("/console/tills").status_code == 200


def test_gerenciamento_shows_each_till_with_its_light_and_the_reason_in_words(
    services: Services, ana: TestClient[Litestar]
) -> None:
    good, bad = till(services, "caixa1", "Frente 1"), till(services, "caixa2", "Frente 2")
    till(services, "caixa3", "")
    sell(services, good, first=7)
    assert "1 venda a caminho – 1" in shown(ana, "/tills"), "no sentence denies the number beside it"
    send(services, bad, b"<broken")
    settle(services)
    page = shown(ana, "/tills")
    assert "Gerenciamento" in page
    assert "em dia caixa1 Frente 1 Tudo o que chegou foi lançado – 0 – 1 na última hora – 1/7" in page
    assert "Arquivo danificado 1 caixa · 1 venda" in page
    assert "atenção caixa2 Frente 2 1 rejeitado" in page
    assert "atenção caixa3 Ainda não falou com o servidor" in page
    assert page.index("caixa2") < page.index("caixa1")  # the worst first


def test_an_empty_store_says_what_to_do(services: Services, ana: TestClient[Litestar]) -> None:
    for path in ("/tills", "/load-manager"):
        assert 'class="button main" href="/console/till-accounts"' in ana.get(f"/console{path}").text
    with signed_in(services, Role.OPERADOR, "rui") as rui:
        assert "malote till create" in shown(rui, "/tills")


def test_a_search_that_finds_no_till_does_not_say_that_there_are_none(ana: TestClient[Litestar]) -> None:
    page = shown(ana, "/till-accounts?search=quiosque")
    assert "Nenhum caixa corresponde ao filtro" in page
    assert "Ainda não há caixas" not in page


def test_tills_are_filtered_sorted_searched_and_paged(services: Services, ana: TestClient[Litestar]) -> None:
    for number in range(1, 121):
        till(services, f"caixa{number:03}", f"Frente {number}")
    names = re.compile(r"caixa\d{3}")
    assert names.findall(shown(ana, "/tills?sort=name"))[:2] == ["caixa001", "caixa002"]
    assert names.findall(shown(ana, "/tills?sort=name&descending=1"))[0] == "caixa120"
    assert names.findall(shown(ana, "/tills?sort=name&page=3"))[-1] == "caixa120"
    assert names.findall(shown(ana, "/tills?sort=name&page=99"))[-1] == "caixa120"
    assert set(names.findall(shown(ana, "/tills?search=FRENTE+11"))) == {
        "caixa011",
        *(f"caixa11{n}" for n in range(10)),
    }
    assert "Nenhum caixa corresponde ao filtro" in shown(ana, "/tills?light=ok")
    assert "Nenhum caixa corresponde ao filtro" in shown(ana, "/tills?search=%25")  # no wildcard


@pytest.mark.parametrize("query", ["page=abc", "page=-1", "page=0", "sort=nothing", "light=blue", "page=" + "9" * 40])
def test_nonsense_in_an_address_is_left_out(services: Services, ana: TestClient[Litestar], query: str) -> None:
    till(services)
    assert "caixa1" in shown(ana, f"/tills?{query}")


def test_detalhamento_has_its_tabs_and_buttons(services: Services, ana: TestClient[Litestar]) -> None:
    till(services)
    page = shown(ana, "/tills/CAIXA1")
    for label in ("Detalhamento", "Atualizar", "Pendentes", "Enviadas", "Arquivos rejeitados", "Lixeira", "Histórico"):
        assert label in page


def test_the_tabs_show_where_each_document_is(services: Services, ana: TestClient[Litestar]) -> None:
    sender = till(services)
    sell(services, sender, first=1, count=2)
    assert settle(services, limit=1) == 1
    assert "Venda 1/2" in shown(ana, "/tills/caixa1/pending")
    assert "Venda 1/1" not in shown(ana, "/tills/caixa1/pending")
    assert "Venda 1/1" in shown(ana, "/tills/caixa1/sent")
    assert "Nenhum arquivo rejeitado" in shown(ana, "/tills/caixa1/rejected")
    assert "A lixeira está vazia" in shown(ana, "/tills/caixa1/trash")


def test_documents_are_found_by_number_key_and_file(services: Services, ana: TestClient[Litestar]) -> None:
    sender = till(services)
    note = build_note(number=4711)
    send(services, sender, build_note(number=1), note, names=["um.xml", "alvo.xml"])
    key = re.search(rb'Id="NFe(\w+)"', note)
    assert key is not None
    for search in ("4711", key.group(1).decode(), "ALVO"):
        page = shown(ana, f"/tills/caixa1/pending?search={search}")
        assert "Venda 1/4711" in page
        assert "Venda 1/1 " not in page
    assert "Nada encontrado" in shown(ana, "/tills/caixa1/pending?search=9999")


def test_older_documents_are_a_page_away(services: Services, ana: TestClient[Litestar]) -> None:
    sell(services, till(services), count=60)
    first = ana.get("/console/tills/caixa1/pending").text
    assert len(re.findall(r'id="document-', first)) == 50
    older = re.search(r'href="(/console/tills/caixa1/pending\?before=\d+)"', first)
    assert older is not None
    second = ana.get(older.group(1)).text
    assert len(re.findall(r'id="document-', second)) == 10
    assert not set(re.findall(r'id="(document-\d+)"', first)) & set(re.findall(r'id="(document-\d+)"', second))


def test_rejected_files_are_grouped_by_cause_with_the_remedy(services: Services, ana: TestClient[Litestar]) -> None:
    wrong = [build_note(number=number, total=1) for number in range(1, 13)]
    send(services, till(services), b"<broken", *wrong)
    page = shown(ana, "/tills/caixa1/rejected")
    assert "Arquivo danificado 1 " in page
    assert page.index("12 ") < page.index("Arquivo danificado 1 ")  # the most frequent first
    assert "Ver todos os 12 desta causa" in page
    one_cause = ana.get("/console/tills/caixa1/rejected?code=items_sum").text
    assert len(re.findall(r'id="document-', one_cause)) == 12
    # The light's cause stays the heaviest of all; the list has only what was asked for.
    assert "Arquivo danificado" not in one_cause[one_cause.index('id="document-') :]


def test_what_the_till_itself_could_not_read_is_said(services: Services, ana: TestClient[Litestar]) -> None:
    sender = till(services)
    contact = Contact("9.9", datetime.now(UTC), 2, 0, [RefusedFile("enorme.xml", 200_000_000, "file_too_large")])
    record_contact(services.engine, sender.id, contact, received_at=time.time())
    page = shown(ana, "/tills/caixa1")
    assert "enorme.xml" in page
    assert "9.9" in page


def test_a_document_is_shown_as_the_receipt_that_was_printed(services: Services, ana: TestClient[Litestar]) -> None:
    items = [Line(description="CAFÉ 500G", quantity="2.0000", price="15.90"), Line(code="2", description="PÃO")]
    note = build_note(number=42, series=3, items=items, payments=[("17", 6000)], change=230)
    send(services, till(services), note)
    page = shown(ana, "/documents/1")
    for text in (
        "Documento Auxiliar da Nota Fiscal de Consumidor Eletrônica",
        "CAFÉ 500G",
        "2 UN × 15,9",
        "Valor a pagar (R$) 57,70",
        "PIX 60,00",
        "Troco (R$) 2,30",
        "Nº 42 · Série 3",
        "CONSUMIDOR NÃO IDENTIFICADO",
        "Protocolo de autorização",
    ):
        assert text in page


def test_a_rejected_document_says_why_and_marks_the_place(services: Services, ana: TestClient[Litestar]) -> None:
    send(services, till(services), build_note(total=1))
    answer = ana.get("/console/documents/1").text
    marked = re.findall(r'<li class="marked"><code>(.*?)</code>', answer)
    assert any("vNF" in line for line in marked)
    assert 'class="sum wrong"' in answer
    assert "→" not in words(answer) or "remedy" in answer
    assert "items_sum" in words(answer)


def test_the_schema_advises_on_rejected_documents_only(services: Services, ana: TestClient[Litestar]) -> None:
    sender = till(services)
    broken = build_note(number=7, total=1).replace(b"<NCM>", b"<NCM>X")
    send(services, sender, broken)
    send(services, sender, build_note(number=8))
    rejected = shown(ana, "/documents/1")
    assert "O que o esquema oficial (XSD) diz" in rejected
    assert "nfeProc/NFe/infNFe/det/prod/NCM" in rejected
    assert "XSD" not in shown(ana, "/documents/2")


def test_a_file_that_is_no_xml_is_shown_with_its_broken_line(services: Services, ana: TestClient[Litestar]) -> None:
    send(services, till(services), b"<a>\n<b>\n</c>\n</a>")
    answer = ana.get("/console/documents/1").text
    assert re.findall(r'<li class="marked"><code>(.*?)</code>', answer) != []
    assert "não pôde ser lido por inteiro" in answer


def test_users_are_made_changed_and_stopped(services: Services, ana: TestClient[Litestar]) -> None:
    form = {"csrf": csrf_of(ana)}
    made = ana.post("/console/users", data=form | {"name": "Bia", "role": "operador", "display_name": "Bia Reis"})
    password = re.search(r'<p class="mono">([^<]+)</p>', made.text)
    assert password is not None
    with visitor(services) as bia:
        assert enter(bia, "bia", password.group(1)).status_code == 303
        assert bia.get("/console/tills").headers["location"] == "/console/password"
    changed = ana.post("/console/users/bia/role", data=form | {"role": "suporte"})
    assert "suporte" in changed.text
    stopped = ana.post("/console/users/bia/disabled", data=form | {"disabled": "1"})
    assert "desativado" in words(stopped.text)
    with visitor(services) as bia:
        assert enter(bia, "bia", password.group(1)).status_code == 401
    trail = shown(ana, "/audit?on=user:bia")
    for action in (
        "ana criou o usuário bia",
        "mudou o perfil do usuário bia",
        "Perfil: operador → suporte",
        "ana desativou o usuário",
    ):
        assert action in trail


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": "ana", "role": "consulta"}, "ana"),
        ({"name": "", "role": "consulta"}, "usuário"),
        ({"name": "x y", "role": "consulta"}, "usuário"),
        ({"name": "novo", "role": "rei"}, "Perfil desconhecido"),
        ({"name": "novo"}, "Perfil desconhecido"),
    ],
)
def test_a_user_that_can_not_be_made_is_said(ana: TestClient[Litestar], form: dict[str, str], said: str) -> None:
    answer = ana.post("/console/users", data={"csrf": csrf_of(ana)} | form)
    assert answer.status_code == 422
    assert said.lower() in words(answer.text).lower()


def test_the_last_administrator_stays_one(ana: TestClient[Litestar]) -> None:
    answer = ana.post("/console/users/ana/role", data={"csrf": csrf_of(ana), "role": "consulta"})
    assert answer.status_code == 422


def test_a_person_sees_only_the_screens_of_the_role(services: Services) -> None:
    with signed_in(services, Role.CONSULTA, "low") as client:
        page = client.get("/console/tills").text
        assert "/console/dashboard" in page
        assert "/console/audit" not in page
        assert "/console/users" not in page


def test_what_is_kept_has_a_tab_and_says_why_and_nobody_is_asked_to_act(
    services: Services, ana: TestClient[Litestar]
) -> None:
    sale = build_note(number=43)
    note = build_note(
        model="55", number=900, payments=[("90", 0)], items=[Line(cfop="5929")], references=[key_of(sale)]
    )
    send(services, till(services), sale, note, build_cancellation(key_of(sale), event="110110"))
    tab = shown(ana, "/tills/caixa1/kept")
    assert "Guardadas 2" in tab
    assert "Documenta venda já registrada" in tab
    assert "Rejeitadas 0" in tab
    of_note = shown(ana, "/documents/2")
    assert "Guardada, não lançada" in of_note
    assert "Documentos ligados a este" in of_note
    assert "é citado por este" in of_note
    of_sale = shown(ana, "/documents/1")
    assert "cita este" in of_sale
    assert "mesma chave" in of_sale
    assert "Carta de Correção" in of_sale
