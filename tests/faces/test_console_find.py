"""Ctrl K: from any page to any till, document or screen, and no further than the role."""

import re
from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from malote.accounts.roles import Role
from malote.app import Services
from malote.register.finding import key_of
from tests.faces.console_support import create_user, enter, send, store, till, visitor
from tests.unit.fiscal.notes import build_note
from tests.unit.fiscal.notes import key_of as key_of_note


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with store(tmp_path_factory.mktemp("find")) as opened:
        for name in ("loja1-caixa1", "loja2-caixa1"):
            sender = till(opened, name)
            series = 1 if name.startswith("loja1") else 2
            send(opened, sender, build_note(number=4711, series=series), names=[f"cupom_{series}.xml"])
        create_user(opened, "ana", Role.ADMINISTRADOR)
        create_user(opened, "low", Role.CONSULTA)
        yield opened


@pytest.fixture(scope="module")
def ana(services: Services) -> Iterator[TestClient[Litestar]]:
    with visitor(services) as client:
        enter(client, "ana")
        yield client


def found(client: TestClient[Litestar], wanted: str) -> str:
    answer = client.get("/console/find", params={"q": wanted}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    return answer.text


def test_a_pasted_key_lands_on_its_document_from_any_till(ana: TestClient[Litestar]) -> None:
    key = key_of_note(build_note(number=4711, series=2))
    blanks = " ".join(key[place : place + 4] for place in range(0, 44, 4))
    mask = f"{key[:2]}-{key[2:6]}/{key[6:8]}.{key[8:11]}.{key[11:14]}/{key[14:18]}-{key[18:20]}-{key[20:]}"
    receipt = f"Chave de acesso: {blanks}"
    code = f"https://www.homologacao.nfce.fazenda.sp.gov.br/qrcode?p={key}|2|1|1|7B6C9AF5B8E4D2A1C0"
    file = f"C:\\PDV\\notas autorizadas\\2026\\11\\28\\{key}-procNFe.xml"
    for pasted in (key, f" NFe{key} ", blanks, mask, receipt, code, file, f"/pdv/2026/11/28/{key}.xml"):
        assert key_of(pasted) == key
        answer = ana.get("/console/find", params={"q": pasted})
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/documents/2")
    assert "/console/documents/2" in found(ana, key)
    assert "Nada encontrado" in found(ana, "9" * 44)


@pytest.mark.parametrize(
    ("wanted", "documents"),
    [("4711", {1, 2}), ("4.711", {1, 2}), ("2/4711", {2}), ("9/4711", set()), ("CUPOM_1.xml", {1}), ("x", set())],
)
def test_numbers_and_files_are_found_in_all_tills(ana: TestClient[Litestar], wanted: str, documents: set[int]) -> None:
    page = found(ana, wanted)
    assert {number for number in (1, 2) if f'/console/documents/{number}"' in page} == documents


def test_tills_and_screens_are_found_by_their_names(ana: TestClient[Litestar]) -> None:
    page = found(ana, "LOJA2")
    assert "/console/tills/loja2-caixa1" in page
    assert "loja1" not in page
    assert "/console/locks" in found(ana, "551")
    assert "/console/users" in found(ana, "")


@pytest.mark.parametrize(
    ("wanted", "paths"),
    [
        ("sincronizar loja2-caixa1", {"/tills/loja2-caixa1"}),
        ("LOJA2 detalhamento", {"/tills/loja2-caixa1"}),
        ("numeracao do loja2", {"/tills/loja2-caixa1/numbering"}),
        ("estruturas da loja2", {"/tills/loja2-caixa1/structure", "/load-manager?search=loja2-caixa1"}),
        ("carga loja2", {"/tills/loja2-caixa1/loads", "/load-manager?search=loja2-caixa1"}),
        ("carga geral loja1", {"/load-manager?search=loja1-caixa1"}),
        ("sincronizar", set()),
        ("sincronizar loja9", set()),
    ],
)
def test_what_is_done_with_a_till_is_found_by_its_name(ana: TestClient[Litestar], wanted: str, paths: set[str]) -> None:
    part = found(ana, wanted).partition("De um caixa")[2].partition("<h2>")[0]
    assert set(re.findall(r'href="/console([^"]*)"', part)) == paths


def test_nobody_is_led_to_what_is_done_with_a_till_and_not_by_them(services: Services) -> None:
    with visitor(services) as low:
        enter(low, "low")
        assert "De um caixa" not in found(low, "sincronizar loja2")
        assert "/console/tills/loja2-caixa1/loads" in found(low, "carga loja2")


@pytest.mark.parametrize(
    ("action", "page"),
    [("sincronizar", "/tills"), ("matar", "/locks"), ("geral", "/load-manager"), ("evid", "/assistant")],
)
def test_actions_are_found_by_the_words_of_their_buttons(ana: TestClient[Litestar], action: str, page: str) -> None:
    assert f'href="/console{page}"' in found(ana, action)


def test_nobody_is_led_where_the_role_does_not_go(services: Services) -> None:
    with visitor(services) as low:
        enter(low, "low")
        page = found(low, "")
        assert "/console/dashboard" in page
        for path in ("/console/locks", "/console/audit", "/console/users"):
            assert path not in page
        assert "Nada encontrado" in found(low, "sincronizar")
