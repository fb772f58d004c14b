"""Two languages: the labels are those people know, and nothing is left untranslated."""

import re
from datetime import timedelta, timezone
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import malote.console
from malote.console.formats import Formats
from malote.console.language import LOCALES, choose, translator

CONSOLE = Path(malote.console.__file__).parent
CATALOGUE = CONSOLE / "locale" / "en" / "LC_MESSAGES" / "messages.po"

# Letter for letter, in the order of the screens that people know.
LABELS = {
    "Gerenciamento": "Management",
    "Servidor de Faturamento": "Billing server",
    "Detalhamento": "Details",
    "Atualizar": "Refresh",
    "Arquivos rejeitados": "Rejected files",
    "Selecionar todos": "Select all",
    "Baixar": "Download",
    "Apagar selecionados": "Delete selected",
    "Reprocessar": "Replay",
    "Sincronizar": "Synchronise",
    "Sincronizar as vendas": "Synchronise sales",
    "Numeração": "Numbering",
    "Pendentes": "Pending",
    "Enviadas": "Sent",
    "Lixeira": "Trash",
    "Histórico": "History",
    "Painel": "Dashboard",
    "551 - Lock de Banco": "Database locks",
    "Matar Sessão": "Kill session",
    "Gerenciador de carga": "Load manager",
    "Autosserviço": "Self-service",
    "Seleção": "Selection",
    "Selecionar Todos": "Select all",
    "Geral": "General",
    "Parcial": "Partial",
    "Agendar": "Plan",
    "Cargas": "Loads",
    "Caixas Selecionados": "Selected tills",
    "Atualizar Estrutura do Banco": "Update database structure",
    "Atualizar Estruturas do Banco": "Update database structures",
    "Fechar": "Close",
    "Estrutura": "Structure",
    "em dia": "up to date",
    "atenção": "attention",
    "parado": "stopped",
}


@cache
def texts() -> frozenset[tuple[str, ...]]:
    """Every text that the sources mark, with its plural where it has one."""
    methods = [("templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")]
    said = {"silent": "false", "newstyle_gettext": "true", "extensions": "jinja2.ext.do"}
    options = {"templates/**.html": said}
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2), "marked": None, "say": None, "say_many": (1, 2)}
    found = extract_from_dir(str(CONSOLE), method_map=methods, options_map=options, keywords=keywords)
    return frozenset(forms(text) for _, _, text, _, _ in found)


def test_the_search_finds_texts_of_every_kind() -> None:
    found = texts()
    assert ("Gerenciamento",) in found
    assert ("%(who)s testou os avisos",) in found
    assert ("%(num)s caixa", "%(num)s caixas") in found
    assert len(found) > 100


def test_every_text_is_there_in_english_and_nothing_else_is() -> None:
    with CATALOGUE.open("rb") as file:
        entries = [entry for entry in read_po(file, locale="en") if entry.id]
    assert not any(entry.fuzzy for entry in entries)
    translated = {forms(entry.id): forms(entry.string or "") for entry in entries}
    assert set(translated) == texts()
    for text, english in translated.items():
        assert all(english), text
        assert facts(english) == facts(text), text


def forms(text: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Singular and plural, or the one form there is."""
    return (text,) if isinstance(text, str) else tuple(text)


def facts(text: tuple[str, ...]) -> set[str]:
    return {name for form in text for name in re.findall(r"%\((\w+)\)s", form)}


@pytest.mark.parametrize(("portuguese", "english"), LABELS.items())
def test_the_labels_are_the_known_ones(portuguese: str, english: str) -> None:
    assert (portuguese,) in texts()
    assert translator("en")(portuguese) == english
    assert translator("pt")(portuguese) == portuguese


@pytest.mark.parametrize(
    ("cookie", "accepted", "chosen"),
    [
        (None, "", "pt"),
        (None, "en-US,en;q=0.9", "en"),
        (None, "de,en;q=0.5,pt;q=0.8", "pt"),
        (None, "de", "pt"),
        (None, "en;q=0", "pt"),
        (None, "en;q=zero, ;;;,", "pt"),
        ("en", "pt-BR", "en"),
        ("xx", "en", "en"),
    ],
)
def test_the_language_is_the_persons_choice_before_the_browsers(cookie: str | None, accepted: str, chosen: str) -> None:
    assert choose(cookie, accepted, "pt") == chosen


def test_figures_are_written_as_people_write_them() -> None:
    zone = timezone(timedelta(hours=-3))
    portuguese, english = Formats("pt", LOCALES["pt"], zone), Formats("en", LOCALES["en"], zone)
    assert portuguese.amount(1_234_567) == "12.345,67"
    assert english.amount(1_234_567) == "12,345.67"
    assert portuguese.number(10_000) == "10.000"
    assert portuguese.plain(10_000) == "10000"
    assert portuguese.exactly("2026-11-20T10:30:15-03:00") == "20/11/2026 10:30:15"
    # One clock for all, whoever wrote the time; what looks as on paper keeps its own.
    assert portuguese.exactly("2026-11-20T13:30:15+00:00") == portuguese.exactly(1_795_181_415.0)
    assert portuguese.clock("2026-11-20T10:30:15-03:00") == "10:30"
    assert portuguese.printed("2026-11-20T13:30:15+00:00") == "20/11/2026 13:30:15"
    assert portuguese.clock_name(0.0) == "−03:00"
    assert Formats("pt", LOCALES["pt"], ZoneInfo("America/Manaus")).clock_name(1.8e9) == "America/Manaus (−04:00)"
    assert portuguese.span(4.26) == "4,3 s"
    for nothing in (portuguese.number(None), portuguese.amount(None), portuguese.moment(None), portuguese.moment("x")):
        assert nothing == "–"
