"""A function fits on a screen, a file holds one idea: nothing in the program and its tests is longer than this."""

import ast
from collections.abc import Iterator
from pathlib import Path

import malote

SOURCE = Path(malote.__file__).parent
TESTS = Path(__file__).parents[1]
TESTS = Path(__file__).parents[1]
MOST_LINES_OF_A_FILE = 350
MOST_LINES_OF_A_FUNCTION = 50


def _functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def _too_long(name: str, text: str) -> list[str]:
    lines = len(text.splitlines())
    found = [f"{name}: {lines} lines"] if lines > MOST_LINES_OF_A_FILE else []
    functions = _functions(ast.parse(text))
    return found + [f"{name}: {one}: {length} lines" for one, length in functions if length > MOST_LINES_OF_A_FUNCTION]


def test_no_file_and_no_function_is_too_long() -> None:
    files = [(path, root) for root in (SOURCE, TESTS) for path in sorted(root.rglob("*.py"))]
    assert len(files) > 700
    names = [(path.relative_to(root.parent).as_posix(), path.read_text("utf-8")) for path, root in files]
    assert [one for name, text in names for one in _too_long(name, text)] == []


def test_one_that_is_would_be_noticed() -> None:
    body = "    pass\n" * MOST_LINES_OF_A_FUNCTION
    assert _too_long("a.py", f"def long():\n{body}") == ["a.py: long: 51 lines"]
    assert _too_long("a.py", f"class One:\n    def long(self):\n{body.replace('    ', '        ')}") != []
    assert _too_long("a.py", "x = 1\n" * 351) == ["a.py: 351 lines"]
    assert _too_long("a.py", "x = 1\n" * 350) == []
