"""What is said in two languages is said in one way: ``Bilingual``, whose ``of`` alone looks which one is wanted."""

import ast
from collections.abc import Iterator
from pathlib import Path

import malote

SOURCE = Path(malote.__file__).parent
# Where a language is asked for, read or written, and not said something in: each with what it does there.
ELSEWHERE = {
    "bilingual.py": "the one way itself",
    "rejection.py": "a comma in figures, and facts that have words of their own in English",
    "cli/init.py": "asks which language",
    "cli/evidence.py": "takes a language as it was typed",
    "cli/reasons.py": "both languages, for programs",
    "console/rendering.py": "chooses between the two environments of templates",
    "console/language.py": "the pages' own way: gettext, for their templates",
}


def _other_ways(text: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Compare(comparators=[ast.Constant(value="en" | "pt")]):
                yield node.lineno
            case ast.Dict(keys=[ast.Constant(value="pt"), ast.Constant(value="en")]):
                yield node.lineno
            case ast.Subscript(slice=ast.Name(id="language") | ast.Attribute(attr="language")):
                yield node.lineno
            case ast.Name(id="english" | "portuguese") | ast.arg(arg="english" | "portuguese"):
                yield node.lineno
            case ast.MatchValue(value=ast.Constant(value="en" | "pt")):
                yield node.lineno


def test_there_is_one_way_to_be_bilingual() -> None:
    found = {
        path.relative_to(SOURCE).as_posix(): sorted(set(_other_ways(path.read_text("utf-8"))))
        for path in sorted(SOURCE.rglob("*.py"))
    }
    assert {name: lines for name, lines in found.items() if lines and name not in ELSEWHERE} == {}
    assert all(found[name] or name == "cli/reasons.py" for name in ELSEWHERE if name != "console/language.py")


def test_another_way_would_be_noticed() -> None:
    for text in (
        'said = "yes" if language == "en" else "sim"',
        'said = {"pt": "sim", "en": "yes"}[language]',
        'said = ("sim", "yes")[english]',
        "def said(*, english: bool) -> None: ...",
    ):
        assert list(_other_ways(text)), text
    assert list(_other_ways('said = Bilingual("sim", "yes").of(language)')) == []
