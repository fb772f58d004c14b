"""Whatever people are told of is of one base: its code stands in the catalogue, and the catalogue says the rest."""

import ast
from pathlib import Path

import malote

SOURCE = Path(malote.__file__).parent
_PLAIN = {"Exception", "ValueError", "LookupError", "RuntimeError", "OSError"}


def _of_their_own(text: str) -> list[str]:
    """Errors that have a code without being an ``ExplainedError``."""
    return [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef)
        and node.bases
        and {ast.unparse(base) for base in node.bases} <= _PLAIN
        and any(_is_code(one) for one in ast.walk(node))
    ]


def _is_code(node: ast.AST) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(ast.unparse(target) in ("self.code", "code") for target in targets)


def test_every_error_with_a_code_is_of_the_one_base() -> None:
    found = {path.name: _of_their_own(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")}
    assert {name: errors for name, errors in found.items() if errors} == {"explained_error.py": ["ExplainedError"]}


def test_one_that_is_not_would_be_noticed() -> None:
    own = "class AwayError(Exception):\n    def __init__(self, code: str) -> None:\n        self.code = code\n"
    assert _of_their_own(own) == ["AwayError"]
    assert _of_their_own(own.replace("Exception", "ExplainedError")) == []
