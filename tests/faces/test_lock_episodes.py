"""Past locks on the lock screen and on the command line; the rule is let loose by who has read its rehearsal."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx import Response
from litestar import Litestar
from litestar.testing import TestClient
from typer.testing import CliRunner, Result

from malote.accounts.audit import entries
from malote.accounts.roles import Role
from malote.app import Services, services_for
from malote.cli.main import assemble
from malote.config import load
from malote.locks import automatic_rule, episodes
from malote.locks.lock_reports import Blocker, Root, Stoppage
from tests.faces.console_support import csrf_of, signed_in

PATH = "/console/locks/episodes"
HOSTILE = "<script>alert(1)</script>"
SETTINGS = """
[locks]
automatic = true
automatic_programs = ["retaguarda"]
dba_user = "dba"
dba_password = "segredo-do-dba"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "malote.toml"
    file.touch(mode=0o600)
    file.write_text(SETTINGS, encoding="utf-8")
    return file


@pytest.fixture
def services(config: Path) -> Iterator[Services]:
    """An episode of an hour ago that the rule would have ended, and one of a program with a hostile name."""
    with services_for(load(config, {})) as opened:
        began = time.time() - 3600
        automatic_rule.begin(opened.engine, opened.settings.locks, began - 1)
        idle = Root(Blocker("4711", "gerente", "retaguarda", "estoque"), 412, 4120790, "idle")
        active = Root(Blocker("99", "joao", HOSTILE, "estoque"), 3, 3000, "active")
        stop = Stoppage(began, idle.blocker, 1, {"caixa1": 415}, True, (idle, active))
        episodes.note(opened.engine, stop, began)
        episodes.choose(opened.engine, "4711", automatic_rule.definition(opened.settings.locks), began)
        episodes.note(opened.engine, stop, began + 60)
        episodes.note(opened.engine, None, began + 80)
        yield opened


def switch(client: TestClient[Litestar], state: str, rehearsed: str = "", reason: str = "ensaio lido") -> Response:
    form = {"csrf": csrf_of(client), "state": state, "rehearsed": rehearsed, "reason": reason}
    return client.post("/console/locks/rule", data=form)


def test_who_held_sales_up_is_ranked_and_whoever_may_not_act_sees_who_can(services: Services) -> None:
    with signed_in(services, Role.DBA, "bia"), signed_in(services, Role.SUPORTE, "sara") as client:
        page = client.get(PATH).text
        assert client.get("/console/locks").text.count(PATH) == 1, "a tab leads there"
        assert page.index("retaguarda") < page.index("&lt;script&gt;")
        assert HOSTILE not in page
        assert "412 minutos de venda" in page
        assert "R$ 41.207,90" in page.replace("\xa0", " ")
        assert "teria encerrado 1 sessão, poupado 412 minutos de venda" in page
        assert "Podem fazer: bia" in page
        assert 'action="/console/locks/rule"' not in page
        assert switch(client, "off").status_code == 403
    with signed_in(services, Role.OPERADOR, "edu") as client:
        assert client.get(PATH).status_code == 403


def test_the_rule_is_let_loose_by_who_types_what_the_rehearsal_said(services: Services) -> None:
    with signed_in(services, Role.DBA, "bia") as client:
        assert switch(client, "painted").status_code == 422
        assert "Diga o motivo" in switch(client, "on", "1", " ").text
        for number in ("", "7", "1e3", "9" * 400):
            answer = switch(client, "on", number)
            assert (answer.status_code, "Leia antes o resultado do ensaio" in answer.text) == (422, True), number
        assert services.locks.rule().state == "rehearsal"
        assert switch(client, "on", "1").status_code == 303
        assert services.locks.rule().state == "on"
        assert "encerrou 0 sessões" in client.get(PATH).text
        assert switch(client, "off").status_code == 303
        assert "Ligar a regra" not in client.get(PATH).text
    actions = [
        (one.actor, one.after["state"]) for one in entries(services.engine) if one.action == "lock_rule_switched"
    ]
    assert actions == [("bia", "off"), ("bia", "on"), ("system", "rehearsal")]
    with signed_in(services, Role.ADMINISTRADOR, "ana") as client:
        assert "mudou o encerramento automático" in client.get("/console/audit").text


def test_the_command_line_says_the_same(services: Services, config: Path) -> None:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(
            assemble("locks"), ["locks", *arguments, "--config", str(config)], env={"COLUMNS": "100"}
        )

    told = json.loads(run("episodes", "--json").stdout)
    assert [(one["program"], round(one["sales_seconds"])) for one in told["roots"]] == [
        ("retaguarda", 412 * 60),
        (HOSTILE, 180),
    ]
    assert [(one["session"], one["ending"], one["idle"]) for one in told["episodes"]][-1] == ("4711", "let_go", True)
    assert "41.207,90" in run("episodes").stdout
    shown = run("rule")
    assert "em ensaio" in shown.stdout
    assert "teria encerrado 1 sessão, poupado 412 minutos de venda" in shown.stdout
    for arguments, status, said in (
        (("rule", "on", "--reason", "lido"), 3, "lock_rule_unread"),
        (("rule", "on", "--rehearsed", "1"), 3, "lock_reason_needed"),
        (("rule", "loose"), 2, "rehearsal"),
        (("rule", "on", "--rehearsed", "1", "--reason", "lido", "--json"), 0, '"on"'),
    ):
        result = run(*arguments)
        assert (result.exit_code, said in result.output) == (status, True), result.output
