"""Evidence for Support: what was wrong goes out, and whatever was planted of people and secrets stays."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from malote import recent_log
from malote.accounts import audit
from malote.accounts.roles import Role
from malote.app import Services
from malote.cli.main import assemble
from malote.config import AlertsSettings, ErpSettings, LocksSettings, Settings, StoreSettings
from malote.database.engine import writing
from malote.database.tables import till as tills
from malote.erp.sessions.protocol import ErpSession, SessionIdentity
from malote.locks import episodes
from malote.locks.lock_reports import Behind, Blocker, Node, Root, Stoppage, Tree
from malote.runbook import evidence, redaction, settings_summary
from malote.runbook.evidence_reading import LARGEST_PART, EvidenceError, read
from malote.spool.documents import Reason, Settlement
from malote.tills.contact import record_contact
from malote.tills.till import Till
from malote.wire import Contact, RefusedFile, TillTrouble
from tests.engines.quarantine_support import MARIA
from tests.faces.console_support import sell, send, settle, signed_in, store, till
from tests.unit.fiscal.notes import MORNING, build_note

CPF = "52998224725"
NAME = "MARIA APARECIDA DOS SANTOS"
PASSWORD = "Segredo-do-Banco-123"
TOKEN = "9f8QmT2xLr7Kp0WzVb4Nc6Hd1Sj5Ya3E"
EMAIL = "maria.santos@example.com"
CARD, PHONE = "4111-1111-1111-1111", "11-98765-4321"
PLANTED = (CPF, "529.982.247-25", "529-982-247-25", CARD, PHONE, NAME, "APARECIDA", PASSWORD, TOKEN, EMAIL)
EVERYTHING = " ".join(PLANTED)
MOMENT = 1_800_000_000.0


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A store in which somebody's name, CPF, password and token stand wherever a text can stand."""
    with store(tmp_path_factory.mktemp("store")) as opened:
        one = till(opened)
        sell(opened, one, count=2)
        settle(opened)
        whole = build_note(number=7, consumer=CPF, total=100)
        send(opened, one, whole, names=[f"cupom {NAME} {CPF}.xml"])
        facts = dict.fromkeys(("detail", "name", "count", "table", "user", "path", "object"), NAME) | {
            "table": "APARECIDA"
        }
        trouble = TillTrouble("folder_missing", 3.0, facts=facts)
        refused = [RefusedFile(f"{NAME}.xml", 3, "file_too_large")]
        said = Contact(f"1.0 {NAME}", MORNING, 3, 0, refused=refused, troubles=[trouble])
        record_contact(opened.engine, one.id, said, received_at=1_800_000_000.0)
        with writing(opened.engine) as connection:
            connection.execute(update(tills).values(label=EVERYTHING))
        _in_what_the_erp_and_people_said(opened, one)
        yield opened


def _in_what_the_erp_and_people_said(services: Services, one: Till) -> None:
    """An ERP's words, file names, typed reasons, and sessions that are called like a person or a card."""
    sell(services, one, first=20, count=2)
    refused = Reason("erp_constraint", dict.fromkeys(("detail", "table", "column", "constraint"), EVERYTHING))
    leased = services.spool.lease("test", 10, 60.0)
    services.spool.settle([Settlement(one.id, one.lease, "rejected", refused) for one in leased])
    send(services, one, b"<cut", names=[f"nota-{NAME.replace(' ', '-')}-{CARD}.xml"])
    with writing(services.engine) as connection:
        audit.record(connection, MARIA, "till_synchronised", "till:caixa1", reason=EVERYTHING)
    for number, planted in enumerate((EVERYTHING, CARD, PHONE, CPF, EMAIL)):
        root = Root(Blocker(f"47{number}", planted, planted, planted), 3, 900, "idle")
        stop = Stoppage(MOMENT, root.blocker, 0, {"caixa1": 3}, whole=True, roots=(root,))
        episodes.note(services.engine, stop, MOMENT + 1)


def contents(zipped: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def logged() -> list[dict[str, Any]]:
    """Lines as a careless future line would be."""
    texts = dict.fromkeys(("detail", "path", "name", "user", "url", "access_key", "password", "message"), EVERYTHING)
    return [
        {"event": "rejected", "level": "warning", "till": "caixa1", "code": "items_sum", "documents": 3, **texts},
        {"event": f"signed in {NAME}", "level": "info", "timestamp": EVERYTHING, "error": NAME, "till": CPF},
        {"event": NAME.lower(), "timestamp": "529.982.247-25", "documents": int(CPF), "code": CARD, "port": PHONE},
        {"event": "worker_failed", "code": TOKEN, "worker": EMAIL, "incident": "a1b2c3d4", "outcome": PASSWORD},
    ]


def test_nothing_of_what_was_planted_goes_out_and_what_was_wrong_does(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    stoppage = Stoppage(5.0, Blocker("4711", NAME, EVERYTHING, CPF), 0, {"caixa1": 2}, whole=False)
    monkeypatch.setattr(services.locks, "stoppage", lambda: stoppage)
    view = services.runbook.view("caixa1", MARIA)
    words = {"sql": EVERYTHING, "objects": (NAME, "estoque"), "lock_type": EVERYTHING}
    session = ErpSession(SessionIdentity("4711", ""), NAME, EVERYTHING, TOKEN, "idle in transaction", 9.0, **words)  # type: ignore[arg-type]
    node = Node(session, 0, marked=True, root=True, waiters=2, behind=Behind(), killable=True, killable_anyway=True)
    tree = Tree("postgresql", 5.0, [node])
    found = contents(evidence.make(services.runbook, view, logged(), "pt", MARIA, tree))
    assert audit.entries(services.engine, limit=1)[0].action == "evidence_made"
    assert [one["objects"] for one in json.loads(found["locks.json"])["tree"]] == [[redaction.HIDDEN, "estoque"]]
    for name, text in found.items():
        for planted in PLANTED:
            assert planted.lower() not in text.lower(), f"{planted} in {name}"
    assert "folder_missing" in found["situation.json"]
    assert '"items_sum"' in found["counts.json"]
    assert [one["sales"] for one in json.loads(found["lock_episodes.json"])["episodes"]] == [3] * 5
    assert "a1b2c3d4" in found["log.json"]
    assert '"till": "caixa1"' in found["log.json"]
    assert found["LEIAME.txt"].startswith("Malote ")
    assert "1. Olhar o caixa e o servidor (depende de outra pessoa): " in found["LEIAME.txt"]
    assert ": caixa1 [folder_missing]\n" in found["LEIAME.txt"]
    assert json.loads(found["locks.json"])["stoppage"]["blocker"]["session"] == "4711"


def test_settings_go_out_as_numbers_and_choices_and_secrets_as_being_set() -> None:
    settings = Settings(
        store=StoreSettings(name=NAME, issuers=[CPF]),
        erp=ErpSettings(url=f"postgresql://malote:{PASSWORD}@banco/erp", name=NAME),
        locks=LocksSettings(dba_user=NAME, dba_password=PASSWORD, automatic_users=[NAME]),
        alerts=AlertsSettings(targets=f"mailto://{EMAIL}:{PASSWORD}@x"),
    )
    told = settings_summary.told(settings)
    text = json.dumps(told, ensure_ascii=False)
    assert all(planted not in text for planted in PLANTED)
    assert told["erp"]["url"] == "postgresql:(set)"
    assert (told["locks"]["dba_password"], told["language"]) == ("(set)", "pt")
    assert told["locks"]["grace_seconds"] == settings.locks.grace_seconds


@pytest.mark.parametrize(
    "text",
    [
        *PLANTED,
        "529,982,247,25",
        "5299 8224 725",
        "João",
        "dois nomes",
        "a" * 201,
        f"x{CPF}",
        "eyJhbGciOiJIUzI1NiIsInR5",
        "x@y",
        "C:\\Users\\maria silva",
    ],
)
def test_a_text_goes_out_only_in_the_form_of_a_thing(text: str) -> None:
    assert redaction.facts({"count": text}) == {}
    assert redaction.facts({"detail": text, "name": text}) == {}
    if " " in text or any(one.isdigit() for one in text) or "@" in text:
        assert redaction.text(text) == redaction.HIDDEN


def test_what_was_received_says_the_same_again(services: Services, tmp_path: Path) -> None:
    view = services.runbook.view("caixa1", MARIA)
    file = tmp_path / "e.zip"
    file.write_bytes(evidence.make(services.runbook, view, [], "pt", MARIA))
    received = read(file)
    assert received.procedure.verdict == view.procedure.verdict
    assert [one.state for one in received.procedure.steps] == [one.state for one in view.procedure.steps]
    assert [one.code for one in received.seen.causes] == [one.code for one in view.seen.causes]
    ended = CliRunner().invoke(assemble("evidence"), ["evidence", "read", str(file), "--language", "en"])
    assert ended.exit_code == 0
    lines = ended.stdout.splitlines()
    led_to = next(place for place, line in enumerate(lines) if line.endswith("The cause is here:"))
    assert lines[led_to + 1].startswith("   - "), "it is named there, and not only at the end"
    assert "   - POS folder not found: caixa1 [folder_missing]" in lines
    assert ended.stdout.splitlines()[0].endswith("· caixa1")
    file.write_bytes(evidence.make(services.runbook, services.runbook.view("", MARIA), [], "pt", MARIA))
    ended = CliRunner().invoke(assemble("evidence"), ["evidence", "read", str(file), "--language", "en"])
    assert ended.stdout.splitlines()[0].endswith("· all tills")


def zipped(**files: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_json", ".json"), content)
    return target.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 cut",
        b"no zip at all" * 100,
        zipped(other_json=b"{}"),
        zipped(manifest_json=b"["),
        zipped(manifest_json=b'{"format": 1, "malote": "x", "files": {}}', situation_json=b"{}", marks_json=b"null"),
        zipped(manifest_json=b'{"format": 9, "malote": "x", "files": {}}'),
        zipped(manifest_json=b" " * (LARGEST_PART + 10)),
        zipped(manifest_json=b"x" * 500).replace(b"\xab\xa8\x18", b"\xff\xff\xff"),
        zipped(**{f"f{number}": b"" for number in range(200)}, manifest_json=b"{}"),
    ],
    ids=[
        "empty",
        "cut",
        "no zip",
        "no manifest",
        "no JSON",
        "altered",
        "newer",
        "a bomb",
        "broken within",
        "too many files",
    ],
)
def test_a_hostile_zip_is_refused_before_it_costs_anything(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / f"{NAME}.zip"
    file.write_bytes(content)
    with pytest.raises(EvidenceError) as refused:
        read(file)
    assert refused.value.code == "evidence_unreadable"
    assert "Error" not in str(refused.value.facts), "in words, and no library's"


def test_an_altered_part_is_told(services: Services, tmp_path: Path) -> None:
    found = contents(evidence.make(services.runbook, services.runbook.view("", MARIA), [], "pt", MARIA))
    file = tmp_path / "e.zip"
    for altered in ("situation.json", "LEIAME.txt", "log.json"):  # what is analysed, and what only people read
        with zipfile.ZipFile(file, "w") as archive:
            for name, text in found.items():
                archive.writestr(name, text + " " if name == altered else text)
        with pytest.raises(EvidenceError):
            read(file)


def test_the_drawers_last_button_hands_the_zip_out_and_the_trail_says_so(services: Services) -> None:
    recent_log.keep(None, "", {"event": "rejected", "till": "caixa1", "detail": NAME})
    with signed_in(services, Role.OPERADOR, "edu") as client:
        answer = client.get("/console/assistant/evidence?till=caixa1")
    assert answer.headers["content-type"] == "application/zip"
    found = contents(answer.content)
    assert '"event": "rejected"' in found["log.json"]
    assert all(planted not in text for text in found.values() for planted in PLANTED)
    with signed_in(services, Role.ADMINISTRADOR, "ana") as client:
        assert "juntou evidências para o Suporte" in client.get("/console/audit").text
    with signed_in(services, Role.CONSULTA, "dora") as client:
        assert client.get("/console/assistant/evidence").status_code == 403


def test_the_command_alone_makes_one(services: Services, tmp_path: Path) -> None:
    settings = services.settings.home_path / "malote.toml"
    settings.write_text('home = "."\n', encoding="utf-8")
    target = tmp_path / "evidencias.zip"
    ended = CliRunner().invoke(assemble("evidence"), ["evidence", "-o", str(target), "-c", str(settings)])
    assert (ended.exit_code, ended.stdout.strip()) == (0, str(target))
    assert CliRunner().invoke(assemble("evidence"), ["evidence", "read", str(target)]).exit_code == 0


def test_logs_on_disk_are_read_from_their_end_and_only_as_json(tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    file.write_bytes(b"no json " + NAME.encode() + b"\n[1]\n" + b'{"event": "rejected", "till": "caixa1"}\n' * 3)
    assert evidence.lines_of(file) == [{"event": "rejected", "till": "caixa1"}] * 3
