"""Rejected files as an inbox: causes with their value, the document beside the list, a cure on the spot, and undo."""

import json
import re
from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from malote.app import Services, services_for
from malote.config import Settings, StoreSettings
from malote.register.till_documents import documents_of
from malote.tills.till import find_till
from tests.faces.console_support import csrf_of, send, signed_in, till
from tests.unit.fiscal.notes import build_note

HX = {"HX-Request": "true"}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    settings = Settings(home=str(tmp_path_factory.mktemp("inbox")), store=StoreSettings(learn_series=False))
    with services_for(settings) as opened:
        # Nobody owns the series: its notes are refused until somebody assigns it.
        sender = till(opened, "caixa2")
        send(opened, sender, *(build_note(number=number) for number in (1, 2, 3)), build_note(number=9, total=1))
        yield opened


@pytest.fixture(scope="module")
def ana(services: Services) -> Iterator[TestClient[Litestar]]:
    with signed_in(services) as client:
        yield client


def test_causes_stand_beside_the_list_with_count_value_and_who_cures(ana: TestClient[Litestar]) -> None:
    page = ana.get("/console/tills/caixa2/rejected").text
    causes = page[page.index('class="causes') : page.index("</nav>", page.index('class="causes'))]
    assert "?code=series_unassigned" in causes
    assert "<b>3</b>" in causes
    assert "R$" in causes
    assert "Quem resolve" in causes
    assert page.count("data-preview=") == 4
    one = ana.get("/console/tills/caixa2/rejected?code=items_sum").text
    assert one.count('class="cause"') == 3  # the way back, and both causes, whichever is shown


def test_the_document_beside_the_list_has_receipt_reason_and_cure(ana: TestClient[Litestar]) -> None:
    part = ana.get("/console/documents/1/preview", headers=HX).text
    assert "<html" not in part
    assert 'class="receipt"' in part
    assert "Atribuir a série e reenviar" in part
    assert 'name="cause" value="1" checked' in part
    assert ana.get("/console/documents/999/preview", headers=HX).status_code == 404


def test_one_cure_takes_the_others_of_its_cause_along_and_stays_at_the_list(
    services: Services, ana: TestClient[Litestar]
) -> None:
    form = {"csrf": csrf_of(ana), "tab": "rejected", "cause": "1"}
    answer = ana.post("/console/documents/1/series", data=form, headers=HX)
    assert answer.status_code == 200
    assert "enquanto isso" not in answer.text
    said = json.loads(answer.headers["HX-Trigger"])["toast"]["text"]
    assert said.endswith("3 de volta à fila. Em caixa2 segue 1 rejeitado: Itens não somam o total: 1."), said
    assert [one.state for one in documents_of(services.engine, "caixa2")[:3]] == ["accepted"] * 3


def test_a_replay_tells_what_is_rejected_still_and_why(services: Services, ana: TestClient[Litestar]) -> None:
    form = {"csrf": csrf_of(ana), "selected": "4"}
    answer = ana.post("/console/tills/caixa2/act/replay", data=form, headers=HX)
    said = json.loads(answer.headers["HX-Trigger"])["toast"]["text"]
    assert said.startswith("0 de volta à fila. 1: Itens não somam o total. Em caixa2 segue 1 rejeitado: "), said
    assert said.endswith("Itens não somam o total: 1."), said


def test_what_fell_into_the_cause_meanwhile_is_told_and_the_bar_knows_what_all_come_to(
    services: Services, ana: TestClient[Litestar]
) -> None:
    sender = find_till(services.engine, "caixa2")
    send(services, sender, build_note(series=7), build_note(series=8), names=["a.xml", "b.xml"])
    first = next(one for one in documents_of(services.engine, "caixa2", "rejected") if one.series == 7)
    page = ana.get("/console/tills/caixa2/rejected").text
    cents = [int(one) for one in re.findall(r'data-cents="(\d+)"', page)]
    assert f'data-selected-cents="{sum(cents)}"' in page
    assert 'name="shown"' in ana.get(f"/console/documents/{first.id}/preview", headers=HX).text
    form = {"csrf": csrf_of(ana), "tab": "rejected", "cause": "1", "shown": str(int(first.accepted_at) - 1)}
    answer = ana.post(f"/console/documents/{first.id}/series", data=form, headers=HX)
    assert "1 novo entrou nesta causa" in json.loads(answer.headers["HX-Trigger"])["toast"]["text"]


def test_what_is_deleted_comes_back_by_the_message_that_tells_it(ana: TestClient[Litestar]) -> None:
    form = {"csrf": csrf_of(ana), "selected": "4", "last_copy": "1", "reason": "cupom de teste do PDV"}
    deleted = ana.post("/console/tills/caixa2/act/delete", data=form, headers=HX)
    undo = json.loads(deleted.headers["HX-Trigger"])["toast"]["undo"]
    assert undo == {"path": "/console/tills/caixa2/act/restore", "ids": [4]}
    back = ana.post(undo["path"], data={"csrf": form["csrf"], "selected": "4", "tab": "rejected"}, headers=HX)
    assert "data-preview=" in back.text
    assert "undo" not in json.loads(back.headers["HX-Trigger"])["toast"]
