"""How a command was called wrongly, in the language of the settings. The library that reads command lines says it in
English alone, so what it may say stands here; what it never said before is shown as it is.
"""

import os
import re
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer

from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.help_texts import said_in
from malote.terminal.output import say, say_lines

_INNER = (
    (r"(.+) is not a valid int(?:eger)?(?: range)?\.?", r"\1 não é um número inteiro."),
    (r"(.+) is not a valid float(?: range)?\.?", r"\1 não é um número."),
    (r"(.+) is not a valid boolean\.?.*", r"\1 não é sim nem não."),
    (r"(.+) is not a valid (.+?)\.?", r"\1 não é \2."),
    (r"(.+) is not one of (.+?)\.?", r"\1 não é nenhum destes: \2."),
    (r"(.+) is not in the range (.+?)\.?", r"\1 está fora de \2."),
    (r"(?:File|Directory|Path) (.+) does not exist\.?", r"\1 não existe."),
    (
        r"(?:File|Directory|Path) (.+) is a (?:file|directory)\.?",
        r"\1 não é o que se espera, pasta ou arquivo.",
    ),
    (r"(?:File|Directory|Path) (.+) is not (?:readable|writable)\.?", r"\1 não pode ser lido ou gravado."),
    (r"(.+) does not match the formats? (.+?)\.?", r"\1 não tem a forma \2."),
    (r"a reason is needed", "falta o motivo"),
    (r"(\d+) to (\d+) characters", r"de \1 a \2 caracteres"),
    (r"a number, or two such as 17-20", "um número, ou dois, como 17-20"),
    (r"(.+): till, store or erp", r"\1: till, store ou erp"),
)
_OUTER = (
    (r"No such command (.+?)\.", r"Não há comando \1."),
    (r"No such command (.+?)\. Did you mean (.+)\?", r"Não há comando \1. Seria \2?"),
    (r"No such option:? '?([^ ']+?)'?\.?", r"Não há opção \1."),
    (
        r"No such option:? '?([^ ']+?)'?\.? (?:\(Possible options: (.+)\)|Did you mean (?:one of: )?(.+)\?)",
        r"Não há opção \1. Seria \2\3?",
    ),
    (r"Missing command\.", "Falta o comando."),
    (r"Missing argument (.+?)\.(.*)", r"Falta \1.\2"),
    (r"Missing option (.+?)\.(.*)", r"Falta a opção \1.\2"),
    (r"Missing parameter:? (.+?)\.?", r"Falta \1."),
    (r"Got unexpected extra arguments?(?:\(s\))? \((.+)\)", r"Sobra na linha: \1"),
    (r"Option (.+) requires (?:an argument|(\d+) arguments)\.", r"A opção \1 pede um valor."),
    (r"Option (.+) does not take a value\.", r"A opção \1 não tem valor."),
    (r"Argument (.+) takes (\d+) values\.", r"\1 pede \2 valores."),
)
_INVALID = re.compile(r"Invalid value(?: for (?P<what>.+?))?: (?P<why>.*)", re.DOTALL)


_HELP = "--help"


def run(app: typer.Typer, words: Sequence[str]) -> None:
    """Runs the program and ends it. What the library would say of a wrong call is said in the settings' language."""
    command = typer.main.get_command(app)
    if _HELP in words:
        said_in(command, _language(words))
    try:
        status = command.main(list(words), prog_name="malote", standalone_mode=False)
    except typer.Abort:
        say(Bilingual("Interrompido.", "Aborted.").of(_language(words)), err=True)
        sys.exit(1)
    except OverflowError:  # a number that no database has room for names nothing
        said = Bilingual("Um número nesta linha é grande demais.", "A number in this line is too large.")
        say(f"malote: {said.of(_language(words))}", err=True)
        sys.exit(2)
    except Exception as error:  # of the class that the library has for it, wherever it keeps that one
        if not hasattr(error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            _tell_help(error, _language(words))
        else:
            _tell(error, _language(words))
        sys.exit(getattr(error, "exit_code", 2))
    sys.exit(status if isinstance(status, int) else 0)


def _tell_help(error: Any, language: Language) -> None:
    """The help, and nothing else."""
    said_in(error.ctx.command, language)
    say_lines(f"{error.ctx.get_help()}\n", err=True)


def _tell(error: Any, language: Language) -> None:
    context = getattr(error, "ctx", None)
    if context is not None:
        usage = context.get_usage()
        translated = usage.replace("Usage:", "Uso:", 1).replace("[OPTIONS]", "[OPÇÕES]")
        say(Bilingual(translated, usage).of(language), err=True)
        say(f"{Bilingual('Ajuda', 'Help').of(language)}: {context.command_path} --help", err=True)
        say("", err=True)
    said = error.format_message()
    say(f"malote: {Bilingual(in_portuguese(said), said).of(language)}", err=True)


def in_portuguese(said: str) -> str:
    if found := _INVALID.fullmatch(said):
        what = f" em {found['what']}" if found["what"] else ""
        return f"Não serve{what}: {_translated(found['why'], _INNER)}"
    return _translated(said, _OUTER)


def _of_terminal() -> Language:
    """What the environment prefers: the first of these that says anything. Portuguese where it names neither."""
    said = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return "en" if said.lower().startswith("en") else "pt"


def _translated(said: str, table: Sequence[tuple[str, str]]) -> str:
    for pattern, words in table:
        if found := re.fullmatch(pattern, said, re.DOTALL):
            return found.expand(words)
    return said


def _language(words: Sequence[str]) -> Language:
    """That of the settings, or of what is wrong in them; where there are none, that of the terminal."""
    from malote.config import SettingsError, is_said, load

    named = [after for before, after in pairwise(words) if before in ("-c", "--config")]
    path = named[0] if named else os.environ.get("MALOTE_CONFIG", "")
    chosen = Path(path) if path else None
    try:
        return load(chosen).language if is_said(chosen) else _of_terminal()
    except SettingsError as error:
        return error.language
