"""``malote books damaged``, ``mend`` and ``accept-damaged``: a kept file that changed, as a person meets it."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update
from typer.testing import CliRunner, Result

from malote.app import services_for
from malote.cli.main import assemble
from malote.config import Settings
from malote.database.engine import reading, writing
from malote.database.tables import pouch as pouches
from malote.tills.till import create_till
from tests.faces.intake_support import file
from tests.unit.fiscal.notes import build_note

Run = Callable[..., Result]
NOTE = build_note(number=1)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A store with one note of one till, of whose pouch one byte is another."""
    with services_for(Settings(home=str(tmp_path), language="en")) as services:
        till, _ = create_till(services.engine, "caixa1")
        services.intake.take_files(till, [file(NOTE)])
        with reading(services.engine) as connection:
            body = bytearray(connection.execute(select(pouches.c.body)).scalar_one())
        body[len(body) // 2] ^= 4
        with writing(services.engine) as connection:
            connection.execute(update(pouches).values(body=bytes(body)))

    def invoke(*arguments: object, code: int = 0) -> Result:
        environment = {"MALOTE_HOME": str(tmp_path), "MALOTE_LANGUAGE": "en", "COLUMNS": "220"}
        result = CliRunner().invoke(assemble(), ["books", *(str(one) for one in arguments)], env=environment)
        assert result.exit_code == code, result.output
        return result

    return invoke


def test_what_changed_is_named_until_the_file_is_brought_back(run: Run, tmp_path: Path) -> None:
    assert "No file is damaged." in run("damaged").output, "not looked at yet"
    assert "caixa1 · 1/1 · " in run("damaged", "--now", code=1).output
    (listed,) = json.loads(run("damaged", "--json", code=1).output)
    assert (listed["what"], listed["accepted_at"]) == ("changed", None)
    run("damaged", "--till", "caixa11", code=3)
    run("accept-damaged", "caixa11", "--reason", "a till that nobody knows", code=3)
    (tmp_path / "other.xml").write_bytes(build_note(number=2))
    (tmp_path / "right.xml").write_bytes(NOTE)
    with (tmp_path / "huge.xml").open("wb") as huge:
        huge.truncate(300_000_000)
    tracemalloc.start()
    run("mend", tmp_path / "huge.xml", code=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000, "not read to its end"
    told = run("mend", tmp_path / "other.xml", tmp_path / "right.xml", code=1).output
    assert told.splitlines() == [
        "other.xml: it is the file of no damaged document",
        "right.xml: in the place of its damaged copy",
    ]
    assert "No file is damaged." in run("damaged", "--now").output


def test_what_somebody_answered_for_is_listed_only_when_asked_for(run: Run) -> None:
    run("damaged", "--now", code=1)
    assert "Accepted: 1, R$ " in run("accept-damaged", "caixa1", "--reason", "disk of the old server").output
    assert "No file is damaged." in run("damaged").output
    assert "(accepted)" in run("damaged", "--accepted").output
