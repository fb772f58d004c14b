"""Every code that the reader can give has its words, and its facts fill them in both languages."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from malote import fiscal, rejection
from malote.fiscal.problems import Problem

FOLDER = Path(fiscal.__file__).parent


def uttered() -> Iterator[tuple[str, frozenset[str], str]]:
    """The codes in the reader's source, each with the names of its facts and where it stands."""
    for file in sorted(FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("reject", "warning"):
                facts = frozenset(keyword.arg or "" for keyword in node.keywords)
                for code in ast.walk(node.args[0]):
                    if isinstance(code, ast.Constant) and isinstance(code.value, str):
                        yield code.value, facts, f"{file.name}:{node.lineno}"


UTTERED = [one for one in uttered() if one[0] != "zone"]
# A code chosen in an expression before it is given.
UTTERED += [(code, frozenset({"field", "found", "read"}), "findings.py") for code in ("time_zone_assumed", "time_form")]


def test_the_source_was_searched() -> None:
    assert len({code for code, _, _ in UTTERED}) > 45


@pytest.mark.parametrize(("code", "facts", "place"), UTTERED)
def test_each_code_has_words_for_its_facts(code: str, facts: frozenset[str], place: str) -> None:
    entry = rejection.catalogue().get(code)
    assert entry is not None, f"{place}: {code} has no words"
    for text in (entry.title, entry.cause, entry.remedy):
        for words in (text.pt, text.en):
            wanted = {name for _, name, _, _ in string.Formatter().parse(words) if name}
            assert wanted <= facts, f"{place}: {code} lacks {wanted - facts}"


@pytest.mark.parametrize("language", ["pt", "en"])
def test_both_languages_speak(language: rejection.Language) -> None:
    for code, facts, _ in UTTERED:
        problem = Problem(code, "reject", {name: f"«{name}»" for name in facts})
        said = rejection.message(problem, language) + rejection.remedy(code, problem.facts, language)
        assert "?" not in said
        assert said == said.strip()


def test_a_newer_version_s_code_is_said_to_be_one() -> None:
    assert "brand_new" in rejection.cause("brand_new", {}, "en")
