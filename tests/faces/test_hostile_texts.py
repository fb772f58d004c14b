"""Whatever a till, a document, a user's name or a database's words bring, no listing and no page passes it on raw."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.app import Services
from malote.cli.main import assemble
from malote.console.rendering import told
from malote.database.engine import writing
from malote.tills import till as tills
from malote.tills.contact import record_contact
from malote.wire import Contact, PouchFile, RefusedFile
from tests.faces.console_support import signed_in, store
from tests.unit.fiscal.notes import build_note

EVIL = "\x1b]0;dono\x07\x1b[2J\u202eok\u2066\u200b\x9b31m\rx"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
FORGED = "\ncaixa9 · tudo em dia"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def services(home: Path) -> Iterator[Services]:
    with store(home) as opened:
        sender = tills.create_till(opened.engine, "caixa1", f"Frente{EVIL}")[0]
        refused = [RefusedFile(f"nota{EVIL}{FORGED}.xml", 9_999_999, "file_too_large")]
        said = Contact(f"1.0{EVIL}", datetime.now(UTC), 1, 0, refused)
        record_contact(opened.engine, sender.id, said, received_at=datetime.now(UTC).timestamp())
        notes = [build_note(number=1, total=1), b"<broken", build_note(number=2)]
        names = [f"um{EVIL}{FORGED}.xml", f"dois{EVIL}.xml", f"tres{EVIL}.xml"]
        files = [PouchFile(name, hashlib.sha256(note).digest(), note) for name, note in zip(names, notes, strict=True)]
        opened.intake.take_files(sender, files)
        with writing(opened.engine) as connection:
            audit.record(
                connection, Actor(f"ana{EVIL}", f"10.0.0.1{EVIL}"), "signed_in", f"user:ana{EVIL}{FORGED}", reason=EVIL
            )
        yield opened


COMMANDS = [
    ("status",),
    ("till", "list"),
    ("rejected", "list"),
    ("rejected", "show", "1"),
    ("rejected", "show", "2"),
    ("trash", "list"),
    ("audit", "list"),
    ("user", "list"),
    ("numbering",),
    ("jobs", "list"),
    ("reasons",),
]


@pytest.mark.parametrize("json", [False, True])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_passes_it_on(services: Services, home: Path, command: tuple[str, ...], json: bool) -> None:
    environment = {"MALOTE_HOME": str(home), "MALOTE_LANGUAGE": "pt", "COLUMNS": "300"}
    given = [*command, *(["--json"] if json and command != ("reasons",) else [])]
    result = CliRunner().invoke(assemble(), given, env=environment)
    assert result.exit_code in (0, 1), result.output
    shown = "\n".join(line for line in result.output.split("\n") if not re.match(r"\d{4}-\d\d-\d\d .*\[", line))
    assert RAW.search(shown) is None, ascii(RAW.search(shown))
    assert not any(line.startswith("caixa9") for line in shown.split("\n"))


PAGES = [
    "/tills",
    "/tills/caixa1",
    "/tills/caixa1/rejected",
    "/tills/caixa1/trash",
    "/tills/caixa1/numbering",
    "/tills/caixa1/history",
    "/tills/caixa1/structure",
    "/documents/1",
    "/documents/2",
    "/documents/3",
    "/audit",
    "/users",
    "/jobs",
    "/load-manager",
    "/load-manager/price?product=%1b%5b2J%e2%80%ae",
    "/tills/caixa1/loads",
    "/locks",
    "/dashboard",
    "/tills?search=%1b%5b2J%e2%80%ae",
    "/nothing%1b%5b2J",
]


def test_no_page_passes_it_on(services: Services) -> None:
    with signed_in(services) as client:
        for page in PAGES:
            shown = client.get(f"/console{page}").text
            assert RAW.search(shown) is None, (page, ascii(RAW.search(shown)))


def test_no_toast_passes_it_on() -> None:
    assert str(told(f"nota{EVIL}")["toast"]["text"]).isprintable()


LOGS = """
import sys
from pathlib import Path
from malote import log
from malote.terminal.command import services_of
with services_of(Path(sys.argv[1])):
    log.get_logger("malote.any").warning("file_set_aside", file=sys.argv[2])
"""


def test_what_any_command_logs_is_cleaned_and_not_among_its_output(services: Services, home: Path) -> None:
    settings = home / "malote.toml"
    settings.write_text(f'home = "{home.as_posix()}"\n', encoding="utf-8")
    command = [sys.executable, "-c", LOGS, str(settings), f"um{EVIL}{FORGED}.xml"]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    said = json.loads(line)["file"]
    assert said.startswith("um")
    assert RAW.search(said) is None
    assert "\n" not in said
