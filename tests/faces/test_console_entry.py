"""Coming in: only with the right password, from a form of this program, and after changing a given password."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from malote.accounts import sessions
from malote.accounts.roles import Role
from malote.app import Services
from tests.faces.console_support import LIVE, PASSWORD, create_user, csrf_of, enter, field, signed_in, store, visitor


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with store(tmp_path) as opened:
        yield opened


def test_whoever_is_not_signed_in_is_sent_to_the_form_and_back(services: Services) -> None:
    create_user(services, "ana", Role.CONSULTA)
    with visitor(services) as client:
        sent = client.get("/console/tills?search=caixa")
        assert sent.status_code == 303
        gate = client.get(sent.headers["location"])
        assert field(gate.text, "next") == "/console/tills?search=caixa"
        entered = client.post(
            "/console/sign-in",
            data={
                "form": field(gate.text, "form"),
                "next": field(gate.text, "next"),
                "name": "ana",
                "password": PASSWORD,
            },
        )
        assert entered.status_code == 303
        assert entered.headers["location"] == "/console/tills?search=caixa"
        assert client.get("/console/tills").status_code == 200


def test_whoever_comes_with_a_session_that_is_over_is_told_so_and_gets_back(services: Services) -> None:
    with signed_in(services) as client:
        csrf = csrf_of(client)
        assert "Sessão encerrada" not in client.get("/console/sign-in").text
        sessions.end(services.engine, client.cookies["malote_session"])
        gate = client.get(client.get("/console/tills?search=caixa").headers["location"]).text
        assert "Sessão encerrada" in gate
        assert field(gate, "next") == "/console/tills?search=caixa"
        for page, back in (
            (f"{client.base_url}/console/jobs?page=2", "/console/jobs%3Fpage%3D2"),
            ("https://evil.example/console/jobs", "/console"),
        ):
            pressed = client.post("/console/synchronise", data={"csrf": csrf}, headers={"Referer": page})
            assert pressed.status_code == 401
            assert f'href="/console/sign-in?next={back}"' in pressed.text
        client.cookies.delete("malote_session")
        assert "Sessão encerrada" not in client.get("/console/sign-in").text


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "/v1/pouches", "/consolex"],
)
def test_signing_in_leads_nowhere_else(services: Services, elsewhere: str) -> None:
    create_user(services, "ana", Role.CONSULTA)
    with visitor(services) as client:
        assert enter(client, "ana", next=elsewhere).headers["location"] == "/console"


def test_a_wrong_password_says_so_without_telling_who_exists(services: Services) -> None:
    create_user(services, "ana", Role.CONSULTA)
    with visitor(services) as client:
        wrong, unknown = enter(client, "ana", "nope"), enter(client, "bea", "nope")
        assert wrong.status_code == unknown.status_code == 401
        assert wrong.text.replace("ana", "?") == unknown.text.replace("bea", "?")
        assert "malote_session" not in client.cookies


def test_too_many_attempts_must_wait(services: Services) -> None:
    create_user(services, "ana", Role.CONSULTA)
    with visitor(services) as client:
        answers = [enter(client, "ana", "nope") for _ in range(6)]
        assert answers[-1].status_code == 429
        assert "Tentativas demais" in answers[-1].text
        assert enter(client, "ana").status_code == 429


def test_a_form_that_this_browser_was_not_given_is_refused(services: Services) -> None:
    create_user(services, "ana", Role.CONSULTA)
    with visitor(services) as client:
        forged = client.post("/console/sign-in", data={"form": "guessed", "name": "ana", "password": PASSWORD})
        assert forged.status_code == 403
        assert "Formulário vencido" in forged.text
        assert "malote_session" not in client.cookies


def test_the_cookie_is_kept_from_scripts_and_other_sites(services: Services) -> None:
    create_user(services, "ana", Role.CONSULTA)
    with visitor(services) as client:
        cookies = enter(client, "ana").headers.get_list("set-cookie")
        (session,) = [cookie for cookie in cookies if cookie.startswith("malote_session=")]
        assert "HttpOnly" in session
        assert "SameSite=lax" in session
        assert "Path=/console" in session


def test_a_given_password_must_be_changed_before_anything_else(services: Services) -> None:
    create_user(services, "novo", Role.CONSULTA, must_change_password=True)
    with visitor(services) as client:
        enter(client, "novo")
        assert client.get("/console/tills").headers["location"] == "/console/password"
        assert client.get("/console/tills", headers=LIVE).headers["HX-Redirect"] == "/console/password"
        page = client.get("/console/password").text
        form = {"csrf": field(page, "csrf"), "old": PASSWORD, "new": "outra-senha-bem-longa"}
        differs = client.post("/console/password", data=form | {"again": "outra"})
        assert differs.status_code == 422
        assert "são diferentes" in differs.text
        changed = client.post("/console/password", data=form | {"again": form["new"]})
        assert changed.status_code == 303
        assert client.get("/console/tills").status_code == 200


def test_a_password_is_not_changed_without_the_old_one(services: Services) -> None:
    with signed_in(services) as client:
        form = {
            "csrf": csrf_of(client),
            "old": "nope",
            "new": "outra-senha-bem-longa",
            "again": "outra-senha-bem-longa",
        }
        assert client.post("/console/password", data=form).status_code == 422
        assert client.get("/console/tills").status_code == 200


def test_signing_out_ends_the_session_for_good(services: Services) -> None:
    with signed_in(services) as client:
        token = client.cookies["malote_session"]
        assert client.post("/console/sign-out", data={"csrf": csrf_of(client)}).status_code == 303
        client.cookies.set("malote_session", token, path="/console")
        assert client.get("/console/tills").status_code == 303


def test_language_and_colours_are_the_persons_choice(services: Services) -> None:
    with signed_in(services) as client:
        assert '<html lang="pt-BR">' in client.get("/console/tills").text
        assert '<html lang="en">' in client.get("/console/tills", headers={"Accept-Language": "en-GB,en;q=0.9"}).text
        chosen = {"language": "en", "theme": "dark", "back": "/console/dashboard"}
        assert client.post("/console/preferences", data=chosen).headers["location"] == "/console/dashboard"
        client.post("/console/preferences", data={"theme": "dark"})
        page = client.get("/console/tills").text
        assert '<html lang="en">' in page
        assert re.search(r'/dark\.css[^"]*" media="screen">', page)
        client.post("/console/preferences", data={"theme": "light"})
        assert "/dark.css" not in client.get("/console/tills").text
        client.post("/console/preferences", data={"theme": "auto", "language": "pt"})
        page = client.get("/console/tills").text
        assert '<html lang="pt-BR">' in page
        assert re.search(r'/dark\.css[^"]*" media="screen and \(prefers-color-scheme: dark\)">', page)
