"""Docs that fail the build: every reason, setting and command is described."""

import ast
import string
from pathlib import Path

import msgspec
import pytest

from malote import rejection
from malote.cli.pages import commands_page
from malote.cli.reasons import page
from malote.config import Settings

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "malote").rglob("*.py"))

# Calls whose first argument is a code of the catalogue.
UTTERERS = {
    "AccountError",
    "ErpError",
    "OrderError",
    "PouchUnreadableError",
    "Reason",
    "SessionsError",
    "SignInError",
    "StoreError",
    "StructureError",
    "CredentialError",
    "fail",
    "reject",
    "warning",
}


def uttered(source: Path) -> set[str]:
    codes: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and not _is_log(node):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            candidates = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            candidates += node.args[:1] if name in UTTERERS else []
            codes |= {literal.value for literal in candidates if _is_text(literal)}  # type: ignore[attr-defined]
    return codes


def _is_log(call: ast.Call) -> bool:
    """A log has a ``warning`` of its own, whose first argument is an event."""
    return (
        isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) and call.func.value.id == "log"
    )


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_the_search_for_codes_finds_some() -> None:
    found = set().union(*(uttered(source) for source in SOURCES))
    assert len(found) > 20


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_code_uttered_is_in_the_catalogue(source: Path) -> None:
    assert uttered(source) <= set(rejection.catalogue())


def test_the_page_of_reasons_is_the_catalogue() -> None:
    written = (ROOT / "docs" / "reasons.md").read_text(encoding="utf-8")
    assert written == page(rejection.catalogue()), "run: make docs"


def test_every_text_is_there_in_both_languages_and_names_the_same_facts() -> None:
    for code, entry in rejection.catalogue().items():
        for text in (entry.title, entry.cause, entry.remedy):
            assert text.pt.strip(), code
            assert text.en.strip(), code
            pt, en = (
                {name for _, name, _, _ in string.Formatter().parse(words) if name} for words in (text.pt, text.en)
            )
            assert pt == en, code


def test_every_setting_is_described_with_its_default() -> None:
    described = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for section in msgspec.structs.fields(Settings):
        if not isinstance(section.default, msgspec.Struct):
            assert f"| `{section.name}` |" in described, section.name
            continue
        for setting in msgspec.structs.fields(type(section.default)):
            default = getattr(section.default, setting.name)
            shown = msgspec.json.encode(default).decode()
            line = f"| `{section.name}.{setting.name}` | `{shown}` |"
            assert line in described, line


def test_the_page_of_commands_is_the_program() -> None:
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert "`malote serve`" in written
    assert written == commands_page(), "run: make docs"
