"""Orders for many at once, from the screens: the number on the button is the number acted on."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from malote.accounts.roles import Role
from malote.app import Services
from malote.quarantine.job_reports import AT_ONCE
from malote.register import till_documents
from tests.faces.console_support import csrf_of, field, send, signed_in, store, till
from tests.faces.test_console_pages import words
from tests.unit.fiscal.notes import build_note

HTMX = {"HX-Request": "true"}
MANY = AT_ONCE + 5


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A till with more rejected files than a person waits for: of a cent each, wrong in their sums."""
    with store(tmp_path_factory.mktemp("home")) as opened:
        sender = till(opened)
        notes = [build_note(number=number, total=1) for number in range(1, MANY + 1)]
        for start in range(0, MANY, 100):
            send(opened, sender, *notes[start : start + 100])
        yield opened


@pytest.fixture(scope="module")
def ana(services: Services) -> Iterator[TestClient[Litestar]]:
    with signed_in(services) as client:
        yield client


def rejected_page(client: TestClient[Litestar], query: str = "") -> str:
    return client.get(f"/console/tills/caixa1/rejected{query}").text


def everything(page: str, **changed: str) -> dict[str, str]:
    """What the browser sends when all that the filter matches is ticked on this page."""
    form = {name: field(page, name) for name in ("csrf", "code", "search", "until")}
    return form | {"everything": "1"} | changed


def offered(page: str) -> int:
    found = re.search(r'name="everything" value="1" data-count="(\d+)"', page)
    assert found is not None
    return int(found.group(1))


def post(client: TestClient[Litestar], path: str, form: dict[str, str]) -> str:
    answer = client.post(f"/console{path}", data=form, headers=HTMX)
    assert answer.status_code in (200, 204), answer.text
    return answer.text


def test_the_dialog_shows_the_frozen_number_and_its_value(services: Services, ana: TestClient[Litestar]) -> None:
    page = rejected_page(ana)
    assert offered(page) == MANY
    answer = ana.post("/console/tills/caixa1/act/check", data=everything(page), headers=HTMX)
    assert answer.headers["HX-Retarget"] == "#confirm-body"
    assert f"{MANY} documentos, R$ 2,05" in words(answer.text).replace("\u00a0", " ")
    assert f"Apagar {MANY}" in words(answer.text)


@pytest.mark.parametrize(("search", "count"), [("venda7.xml", 2), ("17", None)])
def test_all_that_the_search_matches_is_offered_and_acted_upon(
    services: Services, ana: TestClient[Litestar], search: str, count: int | None
) -> None:
    page = rejected_page(ana, f"?search={search}")
    number = offered(page)
    assert number == (count or number) < MANY
    asked = words(post(ana, "/tills/caixa1/act/check", everything(page)))
    assert f"{number} documento" in asked
    replayed = ana.post("/console/tills/caixa1/act/replay", data=everything(page), headers=HTMX)
    assert f" {number}: " in replayed.headers["HX-Trigger"]  # still wrong, each of them


def test_what_falls_in_after_the_page_was_shown_is_not_acted_upon(
    services: Services, ana: TestClient[Litestar]
) -> None:
    other = till(services, "caixa2")
    send(services, other, *(build_note(number=number, series=2, total=1) for number in range(1, 4)))
    page = ana.get("/console/tills/caixa2/rejected").text
    send(services, other, *(build_note(number=number, series=2, total=1) for number in range(4, 9)))
    assert offered(page) == 3
    asked = post(ana, "/tills/caixa2/act/check", everything(page))
    assert len(re.findall(r'name="selected"', asked)) == 3
    # What the dialog listed is what its button sends: by id, whatever has come since.
    assert 'name="everything"' not in asked


def test_a_large_order_is_followed_stopped_and_listed(services: Services, ana: TestClient[Litestar]) -> None:
    asked = post(ana, "/tills/caixa1/act/replay", everything(rejected_page(ana)))
    job_id = int(re.findall(r"/console/jobs/(\d+)/start", asked)[0])
    assert services.jobs.find(job_id).state == "draft"
    begun = ana.post(f"/console/jobs/{job_id}/start", data={"csrf": csrf_of(ana)}, headers=HTMX)
    assert begun.headers["HX-Redirect"] == f"/console/jobs/{job_id}"
    assert "em andamento" in words(ana.get(f"/console/jobs/{job_id}").text)
    assert f"0 de {MANY} documentos" in words(ana.get("/console/tills/caixa1/rejected").text)
    services.jobs.work(job_id)
    shown = words(ana.get(f"/console/jobs/{job_id}").text)
    assert "concluído" in shown
    assert f"{MANY} ficaram como estavam" in shown
    assert "Itens não somam" in shown or "items_sum" in services.jobs.refused(job_id).reasons
    assert f"/console/jobs/{job_id}?after=" in ana.get(f"/console/jobs/{job_id}").text
    assert f"/console/jobs/{job_id}" in ana.get("/console/jobs").text
    assert ana.post(f"/console/jobs/{job_id}/undo", data={"csrf": csrf_of(ana)}).status_code == 422
    again = ana.post(f"/console/jobs/{job_id}/start", data={"csrf": csrf_of(ana)})
    assert (again.status_code, services.jobs.find(job_id).state) == (422, "done")


def test_a_job_is_stopped_from_its_page(services: Services, ana: TestClient[Litestar]) -> None:
    asked = post(ana, "/tills/caixa1/act/check", everything(rejected_page(ana)))
    job_id = int(re.findall(r"/console/jobs/(\d+)/start", asked)[0])
    post(ana, f"/jobs/{job_id}/start", {"csrf": csrf_of(ana)})
    post(ana, f"/jobs/{job_id}/stop", {"csrf": csrf_of(ana)})
    assert services.jobs.work(job_id).state == "stopped"
    assert till_documents.document(services.engine, 1).state == "rejected"


def test_many_deleted_come_back_with_one_click(services: Services, ana: TestClient[Litestar]) -> None:
    asked = post(ana, "/tills/caixa1/act/check", everything(rejected_page(ana)))
    job_id = int(re.findall(r"/console/jobs/(\d+)/start", asked)[0])
    form = {"csrf": csrf_of(ana), "last_copy": "1", "reason": "caixa de teste"}
    post(ana, f"/jobs/{job_id}/start", form)
    assert services.jobs.work(job_id).done == MANY
    trash = ana.get("/console/tills/caixa1/trash").text
    assert offered(trash) == MANY
    assert "Desfazer" in words(ana.get(f"/console/jobs/{job_id}").text)
    answer = ana.post(f"/console/jobs/{job_id}/undo", data={"csrf": csrf_of(ana)}, headers=HTMX)
    undone = services.jobs.work(int(answer.headers["HX-Redirect"].rpartition("/")[2]))
    assert (undone.kind, undone.done) == ("restore", MANY)


def test_who_may_not_delete_can_neither_begin_nor_stop_it(services: Services, ana: TestClient[Litestar]) -> None:
    asked = post(ana, "/tills/caixa1/act/check", everything(rejected_page(ana)))
    job_id = int(re.findall(r"/console/jobs/(\d+)/start", asked)[0])
    with signed_in(services, Role.CONSULTA, "lia") as reader:
        form = {"csrf": csrf_of(reader)}
        for action in ("start", "stop", "undo"):
            assert reader.post(f"/console/jobs/{job_id}/{action}", data=form).status_code == 403
        assert reader.get(f"/console/jobs/{job_id}").status_code == 200
    with signed_in(services, Role.OPERADOR, "oto") as operator:
        form = {"csrf": csrf_of(operator), "last_copy": "1", "reason": "porque sim"}
        assert operator.post(f"/console/jobs/{job_id}/start", data=form).status_code == 403
        # Not theirs: they never saw this list.
        assert operator.post(f"/console/jobs/{job_id}/start", data={"csrf": csrf_of(operator)}).status_code == 422
    assert services.jobs.find(job_id).state == "draft"


@pytest.mark.parametrize("path", ["/jobs/99999", "/jobs/0"])
def test_there_is_no_such_job(ana: TestClient[Litestar], path: str) -> None:
    assert ana.get(f"/console{path}").status_code == 404
    assert ana.post(f"/console{path}/stop", data={"csrf": csrf_of(ana)}).status_code == 404


def test_many_tills_are_synchronised_by_a_job(tmp_path: Path) -> None:
    with store(tmp_path) as services, signed_in(services) as client:
        for number in range(AT_ONCE + 3):
            till(services, f"t{number:03}")
        form = {"csrf": csrf_of(client), "everything": "1", "search": "", "light": ""}
        asked = client.post("/console/synchronise", data=form, headers=HTMX)
        assert f"{AT_ONCE + 3} caixas" in words(asked.text)
        job_id = int(re.findall(r"/console/jobs/(\d+)/start", asked.text)[0])
        client.post(f"/console/jobs/{job_id}/start", data={"csrf": csrf_of(client)}, headers=HTMX)
        assert services.jobs.work(job_id).done == AT_ONCE + 3
        assert "203 de 203 caixas" in words(client.get(f"/console/jobs/{job_id}").text)
