"""What an operator is told of a till itself: that it is slowed down, and that its agent reads another till's folder."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from malote.app import Services
from malote.cli.main import assemble
from malote.database.engine import writing
from malote.register.change_marker import pulse
from malote.tills.till import note_slowed
from malote.tills.warnings import note_shared
from tests.faces.console_support import signed_in, store, till
from tests.faces.test_console_pages import words

SLOWED = "Caixa freado por rejeições"
SHARED = "Dois agentes leem a mesma pasta: caixa2, caixa1"


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """The first till is slowed; the second one reads its folder."""
    with store(tmp_path) as opened:
        first, second = till(opened), till(opened, "caixa2")
        quiet = pulse(opened.engine)
        note_slowed(opened.engine, first.id, 600)
        slowed = pulse(opened.engine)
        with writing(opened.engine) as connection:
            note_shared(connection, {second.id}, "caixa1", time.time())
        assert len({quiet, slowed, pulse(opened.engine)}) == 3, "open pages hear of both"
        yield opened


def said(services: Services, *arguments: str) -> str:
    environment = {"MALOTE_HOME": str(services.settings.home), "MALOTE_LANGUAGE": "pt", "COLUMNS": "220"}
    result = CliRunner().invoke(assemble(), ["status", *arguments], env=environment)
    assert result.exit_code == 1, "something is wrong"
    return result.stdout


def test_the_status_tells_both_with_what_to_do(services: Services) -> None:
    lines = said(services).splitlines()
    table = [line for line in lines if "atenção" in line]
    assert [line.split()[0] for line in table] == ["caixa1", "caixa2"]
    assert any(line.startswith(f"caixa1 · {SLOWED} [too_many_rejects]: ") for line in lines)
    assert "caixa2 · Dois agentes leem a mesma pasta [folder_shared]: caixa2, caixa1" in lines
    assert any("caixa1 ·   Nada se perde: o caixa tenta de novo sozinho." in line for line in lines)
    assert any("dê a cada agente a pasta do seu próprio PDV (till.folder)" in line for line in lines)
    first, second = json.loads(said(services, "--json"))["tills"]
    assert (first["slowed_at"] is not None, first["shared_with"]) == (True, None)
    assert (second["slowed_at"], second["shared_with"]) == (None, "caixa1")


def test_the_pages_tell_both(services: Services) -> None:
    with signed_in(services) as ana:
        management = words(ana.get("/console/tills").text)
        assert SLOWED in management
        assert SHARED in management
        assert "Nada se perde: o caixa tenta de novo sozinho." in words(ana.get("/console/tills/caixa1").text)
        page = words(ana.get("/console/tills/caixa2").text)
        assert SHARED in page
        assert "a venda é lançada uma vez, pelo caixa caixa1" in page
        english = words(ana.get("/console/tills", headers={"Accept-Language": "en"}).text)
        assert "Till slowed down for its rejections" in english
        assert "Two agents share a folder" in english
