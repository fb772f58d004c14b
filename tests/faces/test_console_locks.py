"""551 - Lock de Banco over HTTP, with a real PostgreSQL behind it: who may, what is shown, what is refused and why."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from html import unescape
from pathlib import Path

import pytest
from httpx import Response
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import create_engine

from malote import rejection
from malote.accounts import audit, users
from malote.accounts.audit import Actor
from malote.accounts.roles import Role
from malote.app import Services
from malote.console.visits import SESSION_COOKIE
from tests.engines.locks_support import DBA, WEAK, People, Server
from tests.engines.posting_support import until
from tests.faces.console_locks_support import HOLD, PROGRAM, counted, posting, store_with_erp
from tests.faces.console_support import LIVE, csrf_of, enter, sell, signed_in, till

pytest_plugins = ["tests.engines.locks_fixtures"]
pytestmark = pytest.mark.postgresql

PATH = "/console/locks"
REASON = "vendas paradas, chamado 812"


@pytest.fixture
def services(tmp_path: Path, erp_address: str) -> Iterator[Services]:
    with store_with_erp(tmp_path, erp_address) as opened:
        yield opened


@contextmanager
def dba(services: Services, role: Role = Role.DBA, name: str = "ana") -> Iterator[TestClient[Litestar]]:
    """Somebody signed in here and in the ERP's database."""
    with signed_in(services, role, name) as client:
        assert enter_database(client).status_code == 303
        yield client


def enter_database(client: TestClient[Litestar], user: str = DBA.user, password: str = DBA.reveal()) -> Response:
    form = {"csrf": csrf_of(client), "user": user, "password": password}
    return client.post(f"{PATH}/sign-in", data=form)


def chosen(page: str) -> list[str]:
    """What may be ticked."""
    return [
        unescape(value)
        for value in re.findall(r'type="checkbox" form="selection" name="selected" value="([^"]+)"', page)
    ]


def post(client: TestClient[Litestar], act: str, *tokens: str, **fields: str) -> Response:
    form = {"csrf": csrf_of(client), "selected": list(tokens), **fields}
    return client.post(f"{PATH}/{act}", data=form)


def actions(services: Services) -> list[str]:
    return [
        entry.action
        for entry in audit.entries(services.engine)
        if entry.action not in ("till_created", "series_learned")
    ]


# ---- signing in to the database ----


def test_the_tree_needs_the_dbas_login(services: Services, people: People) -> None:
    people.holding(HOLD, PROGRAM)
    with signed_in(services, Role.SUPORTE) as client:
        page = client.get(PATH).text
        assert "551 - Lock de Banco" in page
        assert "Usuário do banco" in page
        assert PROGRAM not in page
        assert client.get(PATH, headers=LIVE).status_code == 401, "the page's script then loads the whole page"


def test_a_wrong_password_is_refused_in_words_and_never_shown_again(services: Services) -> None:
    with signed_in(services, Role.DBA) as client:
        answer = enter_database(client, password="senha-errada-1")
        assert answer.status_code == 422
        assert "não aceitou este usuário e senha" in answer.text
        assert 'value="dba"' in answer.text
        assert "senha-errada-1" not in answer.text
        for _ in range(3):
            answer = enter_database(client, password="senha-errada-1")
        assert "Senhas erradas demais" in answer.text
    assert actions(services).count("dba_login_refused") == 3


@pytest.mark.parametrize(
    ("user", "password"), [("", ""), ("dba", ""), ("", "x"), ("x" * 5000, "y" * 50_000), ("'; --", "\0")]
)
def test_odd_logins_are_refused_and_break_nothing(services: Services, user: str, password: str) -> None:
    with signed_in(services, Role.DBA) as client:
        assert enter_database(client, user, password).status_code == 422
        assert "Usuário do banco" in client.get(PATH).text


def test_the_login_is_written_nowhere(services: Services, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with dba(services) as client:
        assert DBA.reveal() not in client.get(PATH).text
    services.engine.dispose()
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert DBA.reveal().encode() not in file.read_bytes(), file
    captured = capfd.readouterr()
    assert DBA.reveal() not in captured.out + captured.err


def test_the_login_goes_with_its_button_and_with_the_sign_out(services: Services) -> None:
    with dba(services) as client:
        assert post(client, "sign-out").status_code == 303
        assert "Usuário do banco" in client.get(PATH).text
        assert enter_database(client).status_code == 303
        token = client.cookies[SESSION_COOKIE]
        assert services.locks.signed_in(token) is not None
        client.post("/console/sign-out", data={"csrf": csrf_of(client)})
        assert services.locks.signed_in(token) is None


def test_the_login_ends_after_its_minutes(tmp_path: Path, erp_address: str) -> None:
    with store_with_erp(tmp_path, erp_address, login_minutes=0.02) as services, dba(services) as client:
        until(lambda: "Usuário do banco" in client.get(PATH).text, seconds=10)
        assert client.get(PATH, headers=LIVE).status_code == 401


def test_one_persons_login_is_not_anothers(services: Services, people: People) -> None:
    people.holding(HOLD, PROGRAM)
    with dba(services) as client, signed_in(services, Role.DBA, "bia") as other:
        assert PROGRAM in client.get(PATH).text
        assert PROGRAM not in other.get(PATH).text


def test_missing_privileges_are_named(services: Services) -> None:
    with signed_in(services, Role.DBA) as client:
        enter_database(client, WEAK.user, WEAK.reveal())
        page = client.get(PATH).text
        assert "faltam privilégios" in page
        assert "pg_read_all_stats, pg_signal_backend" in page


# ---- what is shown ----


def test_nobody_blocks(services: Services) -> None:
    with dba(services) as client:
        assert "Nenhum bloqueio" in client.get(PATH).text
        sell(services, till(services), count=2)
        page = client.get(PATH).text
        assert "Ninguém as segura: são lançadas na sua vez." in page
        assert "Não se sabe por qual sessão." not in page


def test_the_tree_names_who_blocks_and_the_sales_behind(services: Services, people: People) -> None:
    holder = people.holding(HOLD, PROGRAM)
    sell(services, till(services), count=7)
    with posting(services), dba(services) as client:
        until(lambda: "7 vendas" in client.get(PATH, headers=LIVE).text)
        part = client.get(PATH, headers=LIVE).text
        assert "<html" not in part
        assert PROGRAM in part
        assert "parada no meio de uma transação" in part
        assert "LOCK TABLE stock" in part
        assert [token.partition("@")[0] for token in chosen(part)] == [holder.key], "Malote's own can't be chosen"
        words = f"a sessão {holder.key} (gerente, {PROGRAM}) segura a tabela stock; 1 caixa, 7 vendas esperam."
        until(lambda: words in client.get("/console/tills").text)
        banner = client.get("/console/tills").text
        assert re.search(r"Vendas paradas há \d+ s: a sessão", banner)
        assert "Abrir 551 - Lock de Banco" in banner
        holder.connection.rollback()
        until(lambda: counted(services) == {"posted": 7})
        until(lambda: "Vendas paradas" not in client.get("/console/tills").text)


def test_literals_and_markup_in_what_sessions_say_stay_harmless(services: Services, people: People) -> None:
    evil = "<script>alert(1)</script>"
    holder = people.person(evil)
    holder.does("INSERT INTO stock VALUES ('0', 'segredo-123', 1)", "LOCK TABLE stock", f"SELECT '{evil} segredo-123'")
    with dba(services) as client:
        page = client.get(PATH).text
        assert holder.key in page
        assert evil not in page
        assert "segredo-123" not in page


def test_everybody_is_told_of_a_stop_but_only_some_are_led_to_the_locks(services: Services, people: People) -> None:
    people.holding(HOLD, PROGRAM)
    sell(services, till(services), count=3)
    with posting(services), signed_in(services, Role.CONSULTA) as client:
        until(lambda: "Vendas paradas" in client.get("/console/tills").text)
        assert "/console/locks" not in client.get("/console/tills").text


# ---- Matar Sessão ----


def test_killing_asks_first_and_wants_a_reason(services: Services, people: People) -> None:
    holder = people.holding(HOLD, PROGRAM)
    people.person("outro").tries(HOLD)
    with dba(services) as client:
        until(lambda: bool(chosen(client.get(PATH).text)))
        (token,) = chosen(client.get(PATH).text)
        asked = post(client, "check", token)
        assert asked.status_code == 200
        assert PROGRAM in asked.text
        refused = post(client, "kill", token, reason=" ")
        assert refused.status_code == 422
        assert "Motivo" in refused.text
        assert holder.connection.execute("SELECT 1").fetchone() == (1,)
        done = post(client, "kill", token, reason=REASON)
        assert f"Sessão {holder.key}: encerrada" in done.text
        entry = next(one for one in audit.entries(services.engine) if one.action == "session_killed")
        assert (entry.actor, entry.reason) == ("ana", REASON)
        again = post(client, "kill", token, reason=REASON)
        assert "já tinha terminado" in again.text


def test_a_refused_kill_stays_in_its_dialog(services: Services, people: People) -> None:
    people.holding(HOLD, PROGRAM)
    people.person("outro").tries(HOLD)
    with dba(services) as client:
        until(lambda: bool(chosen(client.get(PATH).text)))
        form = {"csrf": csrf_of(client), "selected": chosen(client.get(PATH).text), "reason": "x"}
        part = client.post(f"{PATH}/kill", data=form, headers=LIVE)
        assert (part.status_code, part.headers["hx-retarget"]) == (200, "#confirm-body")
        assert ">x</textarea>" in part.text


def test_one_that_waits_is_chosen_only_when_asked_for(services: Services, people: People) -> None:
    people.holding(HOLD, PROGRAM)
    waiter = people.person("quem espera")
    waiter.tries(HOLD)
    with dba(services) as client:
        until(lambda: len(chosen(client.get(f"{PATH}?any=1").text)) == 2)
        token = next(one for one in chosen(client.get(f"{PATH}?any=1").text) if one.startswith(f"{waiter.key}@"))
        assert token not in chosen(client.get(PATH).text)
        refused = post(client, "kill", token, reason=REASON)
        assert "não é a que bloqueia" in refused.text
        assert f"Sessão {waiter.key}" in post(client, "kill", token, reason=REASON, any="1").text


def test_what_no_page_offered_is_refused(services: Services, people: People) -> None:
    with dba(services) as client:
        for tokens in ([], ["x"], ["1@2@"], ["@"]):
            assert post(client, "kill", *tokens, reason=REASON).status_code == 422
        gone = post(client, "kill", "99999999@2020-01-01T00:00:00+00:00", reason=REASON)
        assert gone.status_code in (200, 422)
        assert "session_kill_ordered" not in actions(services)


def test_who_may_see_and_who_may_kill(services: Services, people: People) -> None:
    people.holding(HOLD, PROGRAM)
    people.person("outro").tries(HOLD)
    with signed_in(services, Role.OPERADOR, "otto") as client:
        assert client.get(PATH).status_code == 403
        assert enter_database(client).status_code == 403
        assert PATH not in client.get("/console/tills").text
    with dba(services, Role.SUPORTE, "sonia") as client:
        page = client.get(PATH).text.partition("</main>")[0]  # behind it stands the help on keys
        assert PROGRAM in page
        assert "Matar Sessão" not in page
        for act in ("check", "kill"):
            assert post(client, act, "1@2020-01-01T00:00:00+00:00", reason=REASON).status_code == 403


# ---- an ERP that is away, and one without sessions ----


def test_an_erp_that_goes_away_is_said(services: Services, server: Server, erp_address: str) -> None:
    with dba(services) as client:
        name = erp_address.partition("?")[0].rsplit("/", 1)[-1]
        admin = create_engine(
            server.address("postgres", "postgres").replace("postgresql:", "postgresql+psycopg:"),
            isolation_level="AUTOCOMMIT",
        )
        with closing(admin.raw_connection()) as connection:
            connection.cursor().execute(f"ALTER DATABASE {name} RENAME TO {name}_away")
        admin.dispose()
        page = client.get(PATH)
        assert page.status_code == 200
        assert rejection.title("erp_away", "pt") in page.text
        assert rejection.remedy("erp_away", {}, "pt") in page.text


def test_sqlite_has_no_sessions_and_shows_its_writer(tmp_path: Path) -> None:
    with store_with_erp(tmp_path, f"sqlite:///{tmp_path / 'erp.sqlite3'}") as services:
        file = create_engine(f"sqlite:///{tmp_path / 'erp.sqlite3'}")
        with file.connect() as writer, signed_in(services, Role.DBA) as client:
            writer.exec_driver_sql("CREATE TABLE t (x)")
            writer.commit()
            page = client.get(PATH).text
            assert "O SQLite não tem sessões" in page
            assert "ninguém está gravando" in page
            assert "Usuário do banco" not in page
            writer.exec_driver_sql("BEGIN IMMEDIATE")
            assert "um programa está gravando" in client.get(PATH, headers=LIVE).text
            writer.rollback()
            assert "não tem sessões" in enter_database(client).text
        file.dispose()


def test_a_lost_session_loses_the_tree_too(services: Services, people: People) -> None:
    people.holding(HOLD, PROGRAM)
    with dba(services) as client:
        users.set_role(services.engine, Actor("test"), "ana", Role.CONSULTA)  # ends the session
        assert client.get(PATH).status_code == 303
        enter(client, "ana")
        assert client.get(PATH).status_code == 403
