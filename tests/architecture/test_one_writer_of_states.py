"""A document's state is written in one place, ``spool/state_changes.py`` alone, with its tally."""

import ast
from collections.abc import Iterator
from pathlib import Path

import malote

SOURCE = Path(malote.__file__).parent


def _writes(tree: ast.AST) -> Iterator[int]:
    """The lines that update documents and name ``state`` among the values."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "values":
            if "update(documents)" not in ast.unparse(node.func.value):
                continue
            said = [keyword.arg for keyword in node.keywords]
            given = " ".join(ast.unparse(argument) for argument in node.args)
            if "state" in said or "'state'" in given:
                yield node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = " ".join(node.value.lower().split())
            if "update document set" in text and "state =" in text.split(" where ")[0]:
                yield node.lineno


def _writers() -> set[str]:
    return {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if "migrations" not in path.parts and any(_writes(ast.parse(path.read_text("utf-8"))))
    }


def test_nobody_else_writes_a_state() -> None:
    assert _writers() <= {"spool/state_changes.py"}


def test_it_would_be_noticed() -> None:
    for source in (
        "connection.execute(update(documents).where(x).values(state='posting', lease=token))",
        "update(documents).values({'state': 'posted'})",
        "text('UPDATE document SET state = :state WHERE id = :id')",
    ):
        assert list(_writes(ast.parse(source))) == [1]
    assert list(_writes(ast.parse("update(documents).where(documents.c.state == 'x').values(kept=True)"))) == []
