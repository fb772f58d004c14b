"""What ``--help`` says, in Portuguese. The program's own words stand beside this file by what they are in English
(``help_pt*.toml``, in which a test misses none); those of the library that prints them stand here."""

import re
import tomllib
from functools import partial
from importlib import resources
from typing import Any

from malote.bilingual import Bilingual
from malote.rejection import Language

_PARAGRAPH = " || "
_TABLES = Bilingual(("help_pt.toml", "help_pt_loads.toml"), ())
_OF_LIBRARY = (
    (r"^Usage:", "Uso:"),
    (r"\[OPTIONS\]", "[OPÇÕES]"),
    (r"\bCOMMAND \[ARGS\]\.\.\.", "COMANDO [ARGUMENTOS]..."),
    (r"^Arguments:", "Argumentos:"),
    (r"^Options:", "Opções:"),
    (r"^Commands:", "Comandos:"),
    (r"Show this message and exit\.", "Mostra esta ajuda e termina."),
    (r"\[env var:(\s)", r"[variável:\1"),
    (r"\[required\]", "[obrigatório]"),
    (r"\[default:(\s)", r"[padrão:\1"),
)


def said_in(command: Any, language: Language) -> None:
    """Has a command, and all below it, say its help in a language."""
    if texts := texts_in(language):
        _translate(command, texts)


def texts_in(language: Language) -> dict[str, str]:
    """By what the program's own files say; empty in their language."""
    folder = resources.files("malote.terminal")
    tables = [tomllib.loads(folder.joinpath(one).read_text(encoding="utf-8")) for one in _TABLES.of(language)]
    return {written: said for table in tables for written, said in table.items()}


def in_one_line(text: str) -> str:
    """As a text of several paragraphs is written in the table."""
    return _PARAGRAPH.join(" ".join(part.split()) for part in text.split("\n\n"))


def _translate(command: Any, texts: dict[str, str]) -> None:
    for one in (command, *command.params):
        if written := getattr(one, "help", None):
            one.help = texts.get(in_one_line(written), written).replace(_PARAGRAPH, "\n\n")
    command.get_help = partial(_shown, command.get_help)
    for below in getattr(command, "commands", {}).values():
        _translate(below, texts)


def _shown(own: Any, context: Any) -> str:
    said = str(own(context))
    for pattern, words in _OF_LIBRARY:
        said = re.sub(pattern, words, said, flags=re.MULTILINE)
    return said
