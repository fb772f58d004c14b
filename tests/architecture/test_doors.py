"""Nobody goes round the doors: what is known of tills and documents is changed by the rooms that keep it.

``structures`` knows the tables as what is wanted of the database; ``rebuild`` and ``database`` lay them anew.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import malote

SOURCE = Path(malote.__file__).parent
TABLES = {"till", "till_series", "document", "document_reference", "pouch", "tally", "open_sale"}
KEEPERS = {"tills", "spool", "register", "rebuild", "database"}
# Rooms that put questions of their own to these tables: joined with tables of theirs, or walking an index of their own.
READERS = KEEPERS | {
    "reconciliation", "findings", "books", "quarantine", "consumers", "archive", "runbook", "structures",
}  # fmt: skip
_STATEMENT = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+\"?(\w+)\"?\b")


def _names(tree: ast.AST) -> dict[str, str]:
    """The core tables that a module imports, by the names it calls them."""
    return {
        one.asname or one.name: one.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "malote.database.tables"
        for one in node.names
        if one.name in TABLES
    }


def _written(tree: ast.AST) -> Iterator[str]:
    names = _names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            given = node.args[0]
            if node.func.id in ("insert", "update", "delete") and isinstance(given, ast.Name) and given.id in names:
                yield names[given.id]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (table for table in _STATEMENT.findall(node.value) if table in TABLES)


def _rooms(asked: str) -> dict[str, set[str]]:
    """By room, or by file beside the rooms, the core tables that are ``written`` or ``read`` there."""
    found: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        text = path.read_text("utf-8")
        if "malote.database.tables" not in text and not _STATEMENT.search(text):
            continue
        tree = ast.parse(text)
        tables = set(_written(tree)) if asked == "written" else set(_names(tree).values())
        if tables:
            found.setdefault(path.relative_to(SOURCE).parts[0], set()).update(tables)
    return found


def test_only_their_keepers_change_tills_and_documents() -> None:
    assert {room: tables for room, tables in _rooms("written").items() if room not in KEEPERS} == {}


def test_only_these_rooms_ask_the_tables_themselves() -> None:
    assert set(_rooms("read")) == READERS, "the list may become shorter, never longer"


def test_it_would_be_noticed() -> None:
    began = "from malote.database.tables import document as documents\n"
    assert list(_written(ast.parse(began + "update(documents).where(x)"))) == ["document"]
    assert list(_written(ast.parse("text('UPDATE document SET kept = true')"))) == ["document"]
    assert list(_written(ast.parse("text('INSERT INTO till_day (day) VALUES (1)')"))) == []
    assert {"spool", "tills"} <= set(_rooms("written"))
