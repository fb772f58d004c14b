"""Clock and disk are given at the till, not taken: a test can give others.

``clock.py`` and ``disk.py`` are where they are taken. A name of theirs as a parameter's default is given.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import malote

SOURCE = Path(malote.__file__).parent
GIVEN = [*sorted((SOURCE / "till").rglob("*.py")), SOURCE / "durable.py", SOURCE / "schema" / "till_update.py"]
# Files that may still take one themselves. It may become shorter, never longer.
TAKERS: set[str] = set()
_TAKEN = {
    ("time", "time"), ("time", "monotonic"), ("time", "sleep"), ("datetime", "now"), ("datetime", "utcnow"),
    ("os", "fsync"), ("os", "replace"), ("os", "rename"), ("shutil", "disk_usage"),
}  # fmt: skip


def _taken(tree: ast.AST) -> Iterator[int]:
    """Lines of calls that take one, or hand it on; defaults of parameters aside."""
    defaults = {
        id(one)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.Lambda)
        for one in (*node.args.defaults, *node.args.kw_defaults)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and id(node) not in defaults:
            is_taken = (node.value.id, node.attr) in _TAKEN or node.value.id in ("CLOCK", "DISK")
            yield from [node.lineno] if is_taken else []
        if isinstance(node, ast.ImportFrom) and node.module in ("time", "os", "shutil"):
            yield from (node.lineno for one in node.names if (node.module, one.name) in _TAKEN)


def test_nobody_at_the_till_takes_clock_or_disk() -> None:
    assert len(GIVEN) > 30
    found = {path.relative_to(SOURCE).as_posix() for path in GIVEN if list(_taken(ast.parse(path.read_text("utf-8"))))}
    assert found == TAKERS


def test_one_that_did_would_be_noticed() -> None:
    assert list(_taken(ast.parse("import time\nuntil = time.monotonic() + 1"))) == [2]
    assert list(_taken(ast.parse("from time import sleep"))) == [1]
    assert list(_taken(ast.parse("start(clock=time.time)"))) == [1]
    assert list(_taken(ast.parse("CLOCK.now()"))) == [1]
    assert list(_taken(ast.parse("def __init__(self, *, now=time.time): ..."))) == []
