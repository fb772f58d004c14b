"""The language layer: no page shows a raw code, a decimal point in money, a driver's English or a second clock.

Every reason of the catalogue stands on a page, every state, every finding, every act of the audit trail, everything
that can happen to a document. What is technical is folded away, and is left out here.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import insert, select, update
from sqlalchemy.dialects import sqlite

import malote
from malote import rejection
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.console import trail_words
from malote.console.formats import Formats
from malote.console.language import LOCALES
from malote.database.engine import writing
from malote.database.tables import document, tally, till
from malote.findings.kinds import KINDS
from malote.runbook import treatments
from malote.spool import history
from malote.spool.documents import Reason
from malote.spool.history import HistoryLine
from tests.faces.console_support import send, signed_in, store
from tests.faces.console_support import till as new_till
from tests.unit.fiscal.notes import build_note

# What a database said, in its own language; and what stands in a fact where money, fields or lists do.
DRIVER = 'connection to server at "10.0.0.7" failed: ERROR: relation "sale_item" does not exist'
FACTS = {
    "detail": "99817",
    "difference": "1234.50",
    "expected": "1234.50",
    "found": "31.90",
    "limit": "0.10",
    "fields": "total",
    "products": "99817",
    "payments": "23",
    "line": "3",
    "column": "7",
    "count": "12",
    "others": "2",
}
SAID = {"speaker": "database", "said": DRIVER}  # a server's own words


def facts_of(code: str) -> dict[str, str]:
    entry = rejection.entry(code)
    # What is verbatim (a layout's version) is no amount, and keeps its point.
    return FACTS | SAID | ({"detail": DRIVER} if entry.technical else {}) | ({"found": "PL"} if entry.verbatim else {})


SNAKE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
POINT = re.compile(r"\b\d+\.\d\d\b(?!\.\d)(?!\d)")
ENGLISH = re.compile(r"\b(?:failed|does not exist|the|server at|relation|True|False|None)\b")
# Names of settings with their values, of files and of options are what they are in every language.
NAMES = re.compile(
    r"\b[a-z]+\.[a-z_]+\b|\b[a-z_]+\.(?:xml|zip|toml)\b|MALOTE_\w+|--code \w+|\w+ = (?:(?:\"|&#34;)keep|true)"
    r"|access_key em \[sale\.columns\]"
)
LIST = re.compile(r"\[['\"]|\{['\"]")


def actions() -> set[str]:
    """Every act that any part of the program writes into the trail."""
    found = set()
    for file in Path(malote.__file__).parent.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        for call in re.findall(r"audit\.record\(([^)]*)", text):
            found |= set(re.findall(r"[^:\w]\"([a-z]+(?:_[a-z]+)+)\"(?!:)", call))
    return found


def read(page: str) -> str:
    """What a person reads without opening a fold; names of settings and files, which are what they are, left out."""
    body = page[page.index("<main") : page.index('<div class="toasts"')] if "<main" in page else page
    body = re.sub(r'<details class="technical">.*?</details>', " ", body, flags=re.DOTALL)
    body = re.sub(r'<(\w+) class="[^"]*\bmono\b[^"]*">.*?</\1>', " ", body, flags=re.DOTALL)
    body = re.sub(r'<div class="xml".*?</ol>', " ", body, flags=re.DOTALL)  # the file, as it is
    body = re.sub(r"Detalhes técnicos: .*?(?=</blockquote>)", " ", body, flags=re.DOTALL)  # for the DBA, to be copied
    titles = " ".join(re.findall(r'(?:title|aria-label|placeholder)="([^"]*)"', body))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)) + titles


def wrong(text: str) -> list[str]:
    plain = NAMES.sub(" ", text)
    found = [*SNAKE.findall(plain), *POINT.findall(plain), *LIST.findall(plain)]
    return found + ENGLISH.findall(plain)


@pytest.fixture(scope="module")
def ana(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient[Litestar]]:
    with store(tmp_path_factory.mktemp("portuguese")) as services:
        sender = new_till(services)
        send(services, sender, b"<broken", build_note(number=7, total=1), build_note(number=8))
        with writing(services.engine) as connection:
            plant(connection, sender.id)
        with signed_in(services) as client:
            yield client


def plant(connection: Any, till_id: int) -> None:
    now = time.time()
    first = connection.execute(select(document).order_by(document.c.id).limit(1)).mappings().one()
    rows, counts = [], []
    for number, code in enumerate(rejection.catalogue(), start=100):
        reason = msgspec.json.encode(Reason(code, facts_of(code))).decode()
        state = ("rejected", "waiting", "kept", "posted")[number % 4] if number % 8 else "rejected"
        rows.append(
            dict(first)
            | {
                "id": number,
                "position": number,
                "reason_code": code,
                "reason": reason,
                "state": state,
                "number": number,
            }
            | {"kind": "sale", "series": 1, "total": 123450, "issued_at": "2026-11-20T10:00:00-03:00"}
        )
        counts.append({"till_id": till_id, "state": state, "reason_code": code, "count": 1, "total": 123450})
    connection.execute(insert(document), rows)
    # Of the two that were refused, the tally is there.
    connection.execute(sqlite.insert(tally).on_conflict_do_nothing(), counts)
    lines = [HistoryLine(1, what, FACTS | {"grounds": "till"}) for what in get_args(history.What)]
    history.record(connection, lines, "system", now)
    facts: audit.Facts = {
        "state": "rejected",
        "reason": "items_sum",
        "total_cents": 123450,
        "documents": ["1", "2"],
        "label": "",
    }
    for action in sorted(actions()):
        audit.record(connection, Actor("bia"), action, "till:caixa1", before={"state": "idle"}, after=facts, now=now)
    connection.execute(
        update(till).values(clock_skew_seconds=90.5, last_contact_at=now - 5000, pending=3, uncaptured=2)
    )


PAGES = [
    "/tills",
    "/tills/caixa1",
    *(
        f"/tills/caixa1/{tab}"
        for tab in ("sent", "kept", "rejected", "trash", "numbering", "reconciliation", "loads", "structure")
    ),
    "/tills/caixa1/history",
    *(f"/documents/{number}" for number in (1, 2, 100, 131, 162)),
    "/load-manager",
    "/load-manager/store",
    "/load-manager/erp",
    *(f"/load-manager/{page}" for page in ("held", "refused", "plans", "price?product=1&till=caixa1", "sold")),
    "/mappings",
    "/locks",
    "/locks/episodes",
    "/jobs",
    "/reconciliation",
    "/dashboard",
    "/audit",
    "/consumers",
    "/users",
    "/alerts",
    "/till-accounts",
    "/find?q=caixa",
    "/assistant",
    "/assistant?till=caixa1",
]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_in_portuguese_shows_no_code_no_decimal_point_and_no_english(
    ana: TestClient[Litestar], path: str
) -> None:
    answer = ana.get(f"/console{path}")
    assert answer.status_code == 200, path
    assert wrong(read(answer.text)) == [], path
    assert "Horários da loja: −03:00" in answer.text
    # One blue button says what is next, and one Sincronizar is enough; a dialog is a page of its own.
    page = re.sub(r"<dialog.*?</dialog>", " ", answer.text, flags=re.DOTALL)
    assert len(re.findall(r'class="button main"', page)) <= 1, path
    assert len(re.findall(r'data-press="synchronise"', page)) <= 1, path


def test_every_reason_reads_as_portuguese() -> None:
    for code in rejection.catalogue():
        text = " ".join(
            (
                rejection.title(code),
                rejection.cause(code, facts_of(code), technical=False),
                rejection.remedy(code, FACTS, on_page=True),
            )
        )
        assert [one for one in wrong(text) if one != "?"] == [], (code, text)


def test_what_lights_and_assistant_say_is_done_on_a_page_and_asks_for_no_command() -> None:
    told = {kind.code for kind in KINDS if kind.code} | set(treatments.BY_CODE)
    commands = {code: rejection.remedy(code, FACTS, on_page=True) for code in told}
    assert {code: text for code, text in commands.items() if re.search(r"\bmalote [a-z]", text)} == {}


def test_the_trail_has_a_sentence_for_every_act() -> None:
    written = actions()
    assert len(written) > 30
    assert written <= set(trail_words.SENTENCES)


def test_what_a_newer_version_wrote_into_the_trail_is_told_without_its_code() -> None:
    entry = audit.AuditEntry(1, 0.0, "bia", "", "tills_painted", "till:x", {}, {"some_colour": "dark_red"}, "", "")
    told = trail_words.told(entry, "pt", Formats("pt", LOCALES["pt"]))
    assert wrong(told.sentence) == []
    assert told.changes == []
    assert "tills_painted" in told.technical
