"""A function fits on a screen, a file holds one idea: nothing in program, tests and benches is longer than this."""

import ast
from collections.abc import Iterator
from pathlib import Path

import malote

SOURCE = Path(malote.__file__).parent
TESTS = Path(__file__).parents[1]
MOST_LINES_OF_A_FILE = 350
MOST_LINES_OF_A_FUNCTION = 50
WRITTEN_TOO = (".css", ".js", ".html", ".toml")
NOT_OURS = {"vendor": "others wrote it, and it is kept as it came"}
# One file by gettext's own form: a text is looked up in it, and nobody reads it from top to bottom.
BY_ITS_FORM = "messages.po"


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
    files = [(path, root) for root in (SOURCE, TESTS, TESTS.parent / "bench") for path in sorted(root.rglob("*.py"))]
    assert len(files) > 700
    names = [(path.relative_to(root.parent).as_posix(), path.read_text("utf-8")) for path, root in files]
    assert [one for name, text in names for one in _too_long(name, text)] == []


def _of_other_kinds() -> list[Path]:
    files = (path for path in SOURCE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc"))
    return sorted(path for path in files if path.name != BY_ITS_FORM and not NOT_OURS.keys() & set(path.parts))


def test_style_sheets_scripts_pages_and_tables_are_no_longer_either() -> None:
    files = _of_other_kinds()
    assert {path.suffix for path in files} >= set(WRITTEN_TOO)
    assert [path.name for path in files if len(path.read_text("utf-8").splitlines()) > MOST_LINES_OF_A_FILE] == []


def test_one_that_is_would_be_noticed() -> None:
    body = "    pass\n" * MOST_LINES_OF_A_FUNCTION
    assert _too_long("a.py", f"def long():\n{body}") == ["a.py: long: 51 lines"]
    assert _too_long("a.py", f"class One:\n    def long(self):\n{body.replace('    ', '        ')}") != []
    assert _too_long("a.py", "x = 1\n" * 351) == ["a.py: 351 lines"]
    assert _too_long("a.py", "x = 1\n" * 350) == []
