"""What somebody with bad intentions tries: refused or escaped, each of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from malote.accounts import audit, users
from malote.accounts.audit import Actor
from malote.accounts.roles import Role
from malote.app import Services
from malote.console.pages.document import safe_name
from malote.console.rendering import HEADERS, static_files
from tests.faces.console_support import (
    LIVE,
    application,
    create_user,
    csrf_of,
    enter,
    sell,
    send,
    signed_in,
    store,
    till,
    visitor,
)
from tests.unit.fiscal.notes import Line, build_note

SCRIPT = "<script>alert('x')</script>"
SAFE = {"GET", "HEAD", "OPTIONS"}


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with store(tmp_path) as opened:
        yield opened


def routes(app: Litestar) -> list[tuple[str, str]]:
    """Every method and path of the console."""
    return [
        (method, route.path)
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/console")
        for method in sorted(route.methods)
    ]


def filled(path: str) -> str:
    filled = path.replace("{name:str}", "ana").replace("{tab:str}", "sent")
    return re.sub(r"\{\w+:int\}", "1", filled)


def test_there_are_routes_to_test(services: Services) -> None:
    assert len(routes(application(services))) > 20


def test_every_page_asks_who_is_there(services: Services) -> None:
    public = {"/console/sign-in", "/console/preferences", "/console/static/{name:path}"}
    with visitor(services) as client:
        for method, path in routes(application(services)):
            if path in public or method == "OPTIONS":
                continue
            answer = client.request(method, filled(path))
            to_sign_in = answer.status_code == 303 and answer.headers["location"].startswith("/console/sign-in")
            assert to_sign_in or answer.status_code == 401, (method, path, answer.status_code)


SEEN_BY_ALL = {
    "/console/alerts",
    "/console/assistant",
    "/console/reconciliation",
    "/console",
    "/console/{rest:path}",
    "/console/changes",
    "/console/dashboard",
    "/console/documents",
    "/console/documents/{document_id:int}",
    "/console/jobs",
    "/console/jobs/{job_id:int}",
    "/console/load-manager",
    "/console/mappings",
    "/console/load-manager/{tab:str}",
    *(f"/console/load-manager/{page}" for page in ("held", "held/{name:str}", "refused", "plans", "price", "sold")),
    "/console/password",
    "/console/preferences",
    "/console/sign-in",
    "/console/sign-out",
    "/console/documents/{document_id:int}/preview",
    "/console/find",
    "/console/static/{name:path}",
    "/console/tills",
    "/console/tills/{name:str}",
    "/console/tills/{name:str}/{tab:str}",
}


def unknown(path: str, number: int) -> str:
    names = path.replace("{name:str}", "nobody").replace("{tab:str}", "nowhere")
    return re.sub(r"\{\w+:int\}", str(number), names)


def test_who_may_not_is_told_that_and_nothing_of_what_there_is(services: Services) -> None:
    """Of the least role, whatever the address names and the form holds: never that there is no such thing."""
    asked = 0
    with signed_in(services, Role.CONSULTA, "low") as client:
        csrf = csrf_of(client)
        for method, path in routes(application(services)):
            if path in SEEN_BY_ALL or method == "OPTIONS":
                continue
            for number in (999_999, 2**63):
                for form in ({"csrf": csrf, "selected": "x", "last_copy": "1", "everything": "1"}, {}):
                    answer = client.request(method, unknown(path, number), data=None if method in SAFE else form)
                    assert answer.status_code == 403, (method, path, number, form, answer.status_code)
                    asked += 1
    assert asked > 80


def test_the_right_to_delete_a_last_copy_is_asked_before_there_is_such_a_job(services: Services) -> None:
    with signed_in(services, Role.OPERADOR, "low") as client:
        form = {"csrf": csrf_of(client), "last_copy": "1", "reason": "nobody has it"}
        assert client.post("/console/jobs/999/start", data=form).status_code == 403
        assert client.post("/console/jobs/999/start", data=form | {"last_copy": ""}).status_code == 404


def test_everything_that_changes_something_asks_for_the_sessions_own_token(services: Services) -> None:
    with signed_in(services) as client, signed_in(services, Role.ADMINISTRADOR, "bia") as other:
        stolen = csrf_of(other)
        for method, path in routes(application(services)):
            if method in SAFE or path in ("/console/sign-in", "/console/preferences"):
                continue
            for form in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": stolen}):
                answer = client.request(method, filled(path), data=form)
                assert answer.status_code == 403, (method, path, form)
                assert "Pedido não reconhecido" in answer.text


@pytest.mark.parametrize("path", ["/console/users", "/console/preferences", "/console/sign-in", "/console/sign-out"])
def test_a_request_that_another_site_made_the_browser_send_is_refused(services: Services, path: str) -> None:
    with signed_in(services) as client:
        form = {"csrf": csrf_of(client), "name": "mallory", "role": "administrador"}
        answer = client.post(path, data=form, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
        assert [user.name for user in users.listed(services.engine)] == ["ana"]


def test_an_expired_session_says_so_and_does_nothing(services: Services) -> None:
    with signed_in(services) as client:
        csrf = csrf_of(client)
        create_user(services, "bia", Role.ADMINISTRADOR)
        users.set_role(services.engine, Actor("bia"), "ana", Role.CONSULTA)  # ends ana's sessions
        assert client.get("/console/tills").status_code == 303
        assert client.get("/console/tills", headers=LIVE).status_code == 401
        refused = client.post("/console/users", data={"csrf": csrf, "name": "mallory", "role": "administrador"})
        assert refused.status_code == 401
        assert "Sessão encerrada" in refused.text
        assert len(users.listed(services.engine)) == 2


@pytest.mark.parametrize("token", ["", "x", "x" * 5000, "é", "'; DROP TABLE user_session; --"])
def test_an_invented_session_is_none(services: Services, token: str) -> None:
    with visitor(services) as client:
        answer = client.get("/console/tills", headers={b"Cookie": f"malote_session={token}".encode()})
        assert answer.status_code == 303


ONLY_FOR = [
    ("GET", "/console/audit", Role.DBA),
    ("GET", "/console/users", Role.ADMINISTRADOR),
    ("POST", "/console/users", Role.ADMINISTRADOR),
    ("POST", "/console/users/ana/role", Role.ADMINISTRADOR),
    ("POST", "/console/users/ana/disabled", Role.ADMINISTRADOR),
    ("POST", "/console/users/ana/password", Role.ADMINISTRADOR),
    ("GET", "/console/documents/1/file", Role.OPERADOR),
]


@pytest.mark.parametrize(("method", "path", "least"), ONLY_FOR)
def test_a_role_that_may_not_is_refused_and_one_that_may_is_not(
    services: Services, method: str, path: str, least: Role
) -> None:
    sell(services, till(services))
    ladder = list(Role)
    below = ladder[ladder.index(least) - 1]
    with signed_in(services, below, "low") as client:
        answer = client.request(method, path, data={"csrf": csrf_of(client)} if method == "POST" else None)
        assert answer.status_code == 403
        assert "Sem permissão" in answer.text
        assert f"Seu perfil, {below}, não permite esta ação: pode quem tem o perfil {least}" in answer.text
    with signed_in(services, least, "high") as client:
        answer = client.request(method, path, data={"csrf": csrf_of(client)} if method == "POST" else None)
        assert answer.status_code in (200, 422)


def test_a_consumers_data_is_for_those_who_may_download(services: Services) -> None:
    send(services, till(services), build_note(consumer="52998224725"))
    with signed_in(services, Role.CONSULTA, "low") as client:
        page = client.get("/console/documents/1").text
        assert "52998224725" not in page
        assert "529.982.247-25" not in page
        assert "982.247" in page
        assert "&lt;infNFe" not in page
    with signed_in(services, Role.OPERADOR, "high") as client:
        page = client.get("/console/documents/1").text
        assert "52998224725" in page
        assert "&lt;infNFe" in page


def test_markup_in_what_a_till_says_stays_text(services: Services) -> None:
    sender = till(services, label=SCRIPT)
    hostile = build_note(items=[Line(description="ARROZ &lt;script&gt;alert('x')&lt;/script&gt;")])
    send(services, sender, hostile, b"<a>" + SCRIPT.encode() + b"</b>", names=[SCRIPT, f"x{SCRIPT}.xml"])
    with signed_in(services) as client:
        for path in ("/tills", "/tills/caixa1", "/tills/caixa1/rejected", "/documents/1", "/documents/2"):
            page = client.get(f"/console{path}")
            assert page.status_code == 200
            assert SCRIPT not in page.text, path
            assert "<script>" not in page.text, path
        assert "&lt;script&gt;alert" in client.get("/console/documents/1").text


def test_markup_in_an_address_stays_text(services: Services) -> None:
    with signed_in(services) as client:
        for path in (f"/tills?search={SCRIPT}", f"/audit?on={SCRIPT}", f"/tills?sort={SCRIPT}&page={SCRIPT}"):
            page = client.get(f"/console{path}")
            assert page.status_code == 200
            assert "<script>alert" not in page.text


@pytest.mark.parametrize(
    "path",
    [
        "/tills/nobody",
        "/tills/nobody/rejected",
        "/tills/caixa1/secrets",
        "/tills/..%2f..%2fetc",
        "/documents/0",
        "/documents/999999",
        "/documents/-1",
        "/documents/99999999999999999999999999",
        "/documents/abc",
        "/documents/999999/file",
        "/nothing",
        "/static/../../config.py",
        "/static/..%2f..%2frouter.py",
        "/static/%2e%2e/%2e%2e/router.py",
        "/static//etc/passwd",
        "/static/vendor/htmx.LICENSE",
    ],
)
def test_what_does_not_exist_is_not_found(services: Services, path: str) -> None:
    till(services)
    with signed_in(services) as client:
        answer = client.get(f"/console{path}")
        assert answer.status_code in (303, 404)  # 303: the path was led out of the console, to its first page
        assert "root:" not in answer.text
        assert "import " not in answer.text


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("venda.xml", "venda.xml"),
        ("../../etc/passwd", "passwd"),
        ("C:\\PDV\\venda.xml", "venda.xml"),
        ("a\r\nSet-Cookie: x=1.xml", "aSet-Cookie x=1.xml"),
        ('a"; filename="b.exe', "a; filename=b.exe"),
        ("", "documento.xml"),
        ("..", "documento.xml"),
        ("venda\u202exml.exe", "vendaxml.exe"),
        ("x" * 300 + ".xml", "x" * 96 + ".xml"),
        ("ação.xml", "ação.xml"),
    ],
)
def test_a_download_has_a_name_in_which_no_path_hides(name: str, kept: str) -> None:
    assert safe_name(name) == kept


def test_a_download_is_the_file_byte_for_byte_and_never_a_page(services: Services) -> None:
    content = build_note()
    send(services, till(services), content, names=["../../vendas/nota\n.xml"])
    with signed_in(services, Role.OPERADOR) as client:
        answer = client.get("/console/documents/1/file")
        assert answer.content == content
        assert answer.headers["content-type"].startswith("application/octet-stream")
        assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
        assert "/" not in answer.headers["content-disposition"].split("''")[1]
        assert "sandbox" in answer.headers["content-security-policy"]
    taken = audit.entries(services.engine, limit=1)[0]
    assert (taken.actor, taken.action, taken.object) == ("ana", "document_downloaded", "document:1")


def test_every_answer_forbids_what_it_does_not_need(services: Services) -> None:
    with signed_in(services) as client:
        for path in ("/tills", "/dashboard", "/nothing", "/sign-in", "/static/console.js"):
            answer = client.get(f"/console{path}")
            for name, value in HEADERS.items():
                assert answer.headers[name] == value, (path, name)
        assert client.get("/console/tills").headers["cache-control"] == "no-store"


def test_pages_hold_no_script_or_style_of_their_own_and_nothing_from_elsewhere(services: Services) -> None:
    send(services, till(services), build_note(), b"<broken")
    with signed_in(services) as client:
        for path in ("/tills", "/tills/caixa1/rejected", "/documents/1", "/documents/2", "/dashboard", "/users"):
            page = client.get(f"/console{path}").text
            assert " style=" not in page, path
            assert "<style" not in page, path
            assert "<script>" not in page, path
            assert " onclick" not in page, path
            assert not re.search(r'(src|href|action|content)="(https?:)?//', page), path


def test_static_files_ask_nothing_from_elsewhere() -> None:
    for name, data in static_files().items():
        text = data.decode()
        assert "url(http" not in text, name
        assert "@import" not in text, name


def test_a_session_of_one_person_is_not_anothers(services: Services) -> None:
    create_user(services, "bia", Role.CONSULTA)
    with signed_in(services) as client, visitor(services) as other:
        enter(other, "bia")
        assert other.cookies["malote_session"] != client.cookies["malote_session"]
        assert "Usuários" not in other.get("/console/tills").text
        assert "Usuários" in client.get("/console/tills").text
