"""What is done from the screens: synchronise, delete without losing a sale, try again, restore, cure, take along."""

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import update

from malote.accounts import audit
from malote.accounts.roles import Role
from malote.app import Services
from malote.database.engine import writing
from malote.database.tables import pouch
from malote.register import contents, till_documents
from malote.tills.till import disable
from tests.faces.console_support import csrf_of, sell, send, settle, signed_in, store, till
from tests.faces.test_console_pages import words
from tests.unit.fiscal.notes import build_note

HTMX = {"HX-Request": "true"}
_numbers = count(1)


@contextmanager
def three_rejected(home: Path) -> Iterator[Services]:
    """A till with three rejected files: two for one cause, one for another."""
    with store(home) as opened:
        wrong = [build_note(number=number, total=1) for number in (1, 2)]
        send(opened, till(opened), *wrong, b"<broken", names=["um.xml", "dois.xml", "quebrado.xml"])
        yield opened


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with three_rejected(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """For what changes nothing."""
    with three_rejected(tmp_path_factory.mktemp("untouched")) as opened:
        yield opened


@pytest.fixture(scope="module")
def bia(untouched: Services) -> Iterator[TestClient[Litestar]]:
    with signed_in(untouched, name="bia") as client:
        yield client


@pytest.fixture
def ana(services: Services) -> Iterator[TestClient[Litestar]]:
    with signed_in(services) as client:
        yield client


def act(client: TestClient[Litestar], action: str, **fields: object) -> str:
    """Posts a form of the till's page; what a person then reads."""
    answer = client.post(f"/console/tills/caixa1/act/{action}", data={"csrf": csrf_of(client)} | fields)
    assert answer.status_code == 200, answer.text
    return words(answer.text)


def trail(services: Services) -> list[str]:
    return [
        entry.action
        for entry in audit.entries(services.engine)
        if entry.action not in ("till_created", "series_learned")
    ]


def test_nothing_is_deleted_that_may_be_the_last_copy(services: Services, ana: TestClient[Litestar]) -> None:
    asked = act(ana, "check", selected=["1", "2"])
    assert "2 documentos não são apagados: estas podem ser as últimas cópias das vendas" in asked
    assert "Venda 1/1" in asked
    assert "Saídas" in asked
    done = act(ana, "delete", selected=["1", "2"])
    assert "0 na lixeira" in done
    assert (
        till_documents.document(services.engine, 1).state
        == till_documents.document(services.engine, 2).state
        == "rejected"
    )


def test_the_last_copy_goes_to_the_trash_with_the_right_and_a_reason(
    services: Services, ana: TestClient[Litestar]
) -> None:
    without = ana.post(
        "/console/tills/caixa1/act/delete",
        data={"csrf": csrf_of(ana), "selected": "1", "last_copy": "1", "reason": "  "},
    )
    assert without.status_code == 422
    assert till_documents.document(services.engine, 1).state == "rejected"
    assert "1 na lixeira" in act(ana, "delete", selected="1", last_copy="1", reason="Nota de teste")
    assert till_documents.document(services.engine, 1).state == "discarded"
    page = words(ana.get("/console/tills/caixa1/trash").text)
    assert "Nota de teste" in page
    assert "decisão de uma pessoa" in page
    assert "1 de volta aos arquivos rejeitados" in act(ana, "restore", selected="1")
    assert till_documents.document(services.engine, 1).state == "rejected"
    history = words(ana.get("/console/documents/1").text)
    assert "ana" in history


def test_an_operator_can_not_delete_the_last_copy(services: Services) -> None:
    with signed_in(services, Role.OPERADOR, "oto") as client:
        form = {"csrf": csrf_of(client), "selected": "1", "last_copy": "1", "reason": "Porque sim"}
        assert client.post("/console/tills/caixa1/act/delete", data=form).status_code == 403
        assert till_documents.document(services.engine, 1).state == "rejected"
        assert "last_copy" not in client.post("/console/tills/caixa1/act/check", data=form).text


@pytest.mark.parametrize(
    ("method", "path", "least"),
    [
        ("POST", "/tills/caixa1/act/synchronise", Role.OPERADOR),
        ("POST", "/synchronise", Role.OPERADOR),
        ("POST", "/tills/caixa1/act/check", Role.OPERADOR),
        ("POST", "/tills/caixa1/act/delete", Role.OPERADOR),
        ("POST", "/tills/caixa1/act/replay", Role.OPERADOR),
        ("POST", "/tills/caixa1/act/restore", Role.OPERADOR),
        ("POST", "/tills/caixa1/act/download", Role.OPERADOR),
        ("POST", "/documents/1/replay", Role.OPERADOR),
        ("POST", "/documents/1/series", Role.SUPORTE),
        ("POST", "/documents/1/issuer", Role.SUPORTE),
        ("POST", "/documents/1/difference", Role.SUPORTE),
        ("POST", "/documents/1/product", Role.SUPORTE),
        ("POST", "/documents/1/payment", Role.SUPORTE),
        ("POST", "/documents/1/protocol", Role.SUPORTE),
    ],
)
def test_who_may_do_it(untouched: Services, method: str, path: str, least: Role) -> None:
    ladder = list(Role)
    with signed_in(untouched, ladder[ladder.index(least) - 1], f"low{next(_numbers)}") as client:
        form = {"csrf": csrf_of(client), "selected": "1"}
        before = trail(untouched)
        files = {"file": ("nota.xml", b"<x/>")} if path.endswith("protocol") else None
        assert client.request(method, f"/console{path}", data=form, files=files).status_code == 403
        assert trail(untouched) == before


def test_ids_of_another_tills_documents_choose_nothing(services: Services, ana: TestClient[Litestar]) -> None:
    other = till(services, "caixa2")
    send(services, other, build_note(number=9, total=1), names=["alheio.xml"])
    assert till_documents.document(services.engine, 4).till == "caixa2"
    asked = act(ana, "check", selected="4", last_copy="1", reason="x")
    assert "não são apagados" not in asked
    act(ana, "delete", selected="4", last_copy="1", reason="Porque sim")
    assert till_documents.document(services.engine, 4).state == "rejected"
    act(ana, "replay", selected="4")
    assert till_documents.document(services.engine, 4).state == "rejected"
    archive = ana.post("/console/tills/caixa1/act/download", data={"csrf": csrf_of(ana), "selected": "4"})
    assert zipfile.ZipFile(io.BytesIO(archive.content)).namelist() == []


@pytest.mark.parametrize("selected", [[], ["abc"], ["-1"], ["0"], ["9" * 30], ["1; DROP TABLE document"]])
@pytest.mark.parametrize("action", ["check", "delete", "replay", "restore", "download"])
def test_nothing_ticked_does_nothing(bia: TestClient[Litestar], action: str, selected: list[str]) -> None:
    form = {"csrf": csrf_of(bia), "selected": selected}
    answer = bia.post(f"/console/tills/caixa1/act/{action}", data=form)
    assert answer.status_code == 422
    assert "Nada selecionado" in answer.text


def test_what_is_still_wrong_is_rejected_again_and_said(services: Services, ana: TestClient[Litestar]) -> None:
    done = act(ana, "replay", everything="1", code="items_sum")
    assert "2: " in done
    assert (
        till_documents.document(services.engine, 1).state
        == till_documents.document(services.engine, 2).state
        == "rejected"
    )


def test_the_ticked_files_are_taken_along_as_they_came(services: Services, ana: TestClient[Litestar]) -> None:
    form = {"csrf": csrf_of(ana), "selected": ["1", "3"]}
    answer = ana.post("/console/tills/caixa1/act/download", data=form)
    assert answer.headers["content-disposition"] == 'attachment; filename="caixa1-rejeitados.zip"'
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.namelist() == ["1-um.xml", "3-quebrado.xml"]
    assert archive.read("1-um.xml") == contents.content(services.engine, 1)
    everything = ana.post("/console/tills/caixa1/act/download", data={"csrf": csrf_of(ana), "everything": "1"})
    assert len(zipfile.ZipFile(io.BytesIO(everything.content)).namelist()) == 3
    assert [(one.object, one.after) for one in audit.entries(services.engine, action="documents_downloaded")] == [
        ("till:caixa1", {"documents": 3}),
        ("till:caixa1", {"documents": 2}),
    ]


def test_files_that_can_not_be_opened_are_named_in_the_archive(services: Services, ana: TestClient[Litestar]) -> None:
    with writing(services.engine) as connection:
        connection.execute(update(pouch).where(pouch.c.id == 1).values(body=b"damaged"))
    answer = ana.post("/console/tills/caixa1/act/download", data={"csrf": csrf_of(ana), "everything": "1"})
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.namelist() == ["FALTAM.txt"]
    assert "1-um.xml" in archive.read("FALTAM.txt").decode()


def test_a_till_is_synchronised_and_the_screen_says_how_far_it_got(
    services: Services, ana: TestClient[Litestar]
) -> None:
    sell(services, services_till(services), first=50)
    settle(services, "waiting")
    done = act(ana, "synchronise", tab="rejected")
    assert "Sincronização pedida a 1 caixa." in done
    assert "por ana" in done
    assert "Arquivos rejeitados" in done
    assert "till_synchronised" in trail(services)


def services_till(services: Services):  # type: ignore[no-untyped-def]
    return services.tills()[0]


def test_ticked_tills_and_all_that_match_are_synchronised(services: Services, ana: TestClient[Litestar]) -> None:
    for number in range(2, 80):
        till(services, f"caixa{number}")
    disable(services.engine, "caixa79")
    form = {"csrf": csrf_of(ana)}
    ticked = ana.post("/console/synchronise", data=form | {"selected": ["caixa1", "caixa2"]}, headers=HTMX)
    assert "2 caixas" in ticked.headers["HX-Trigger"].encode().decode("unicode_escape")
    assert "<html" not in ticked.text
    every = ana.post("/console/synchronise", data=form | {"everything": "1", "search": "caixa7"})
    assert "Sincronização pedida a 10 caixas." in words(every.text)  # 7, 70 to 78; 79 is disabled
    assert ana.post("/console/synchronise", data=form).status_code == 422
    unknown = ana.post("/console/synchronise", data=form | {"selected": "nobody"})
    assert unknown.status_code == 422


def test_a_refused_action_says_why_where_only_a_part_was_asked_for(ana: TestClient[Litestar]) -> None:
    answer = ana.post("/console/tills/caixa1/act/replay", data={"csrf": csrf_of(ana)}, headers=HTMX)
    assert answer.status_code == 422
    assert "Nada selecionado" in answer.headers["HX-Trigger"].encode().decode("unicode_escape")
    assert answer.text == ""


def test_a_difference_is_accepted_with_a_reason_and_the_sale_goes_on(tmp_path: Path) -> None:
    with store(tmp_path) as services, signed_in(services, Role.SUPORTE, "sue") as sue:
        # One cent beyond the tolerance of one item.
        send(services, till(services), build_note(total=2592, payments=[("01", 2592)]))
        assert till_documents.document(services.engine, 1).state == "rejected"
        page = sue.get("/console/documents/1").text
        assert "Aceitar a diferença e reenviar" in page
        form = {"csrf": csrf_of(sue)}
        assert sue.post("/console/documents/1/difference", data=form).status_code == 422
        done = sue.post("/console/documents/1/difference", data=form | {"reason": "Arredondamento do PDV"})
        assert "Correção registrada em 1 documento." in words(done.text)
        assert till_documents.document(services.engine, 1).state == "accepted"
        assert "Arredondamento do PDV" in [entry.reason for entry in audit.entries(services.engine)]


def test_a_protocol_needs_a_file(ana: TestClient[Litestar]) -> None:
    for files in (None, {"file": ("nota.xml", b"")}):
        answer = ana.post("/console/documents/1/protocol", data={"csrf": csrf_of(ana)}, files=files)
        assert answer.status_code == 422
        assert "Falta o arquivo" in answer.text


def test_the_tills_history_tells_who_did_what(services: Services, ana: TestClient[Litestar]) -> None:
    act(ana, "delete", selected="1", last_copy="1", reason="Nota de teste")
    page = words(ana.get("/console/tills/caixa1/history").text)
    assert re.search(r"ana.*Venda 1/1", page)


def test_numbers_that_are_missing_are_shown(services: Services, ana: TestClient[Litestar]) -> None:
    sender = services_till(services)
    sell(services, sender, first=101, count=3)
    sell(services, sender, first=110)
    page = words(ana.get("/console/tills/caixa1/numbering").text)
    assert "104 – 109 (6)" in page
    for query in ("?since=2026-11-01&until=2026-11-30", "?since=nonsense&until=9999-12-31", "?number=abc&issuer=x"):
        assert ana.get(f"/console/tills/caixa1/numbering{query}").status_code == 200
