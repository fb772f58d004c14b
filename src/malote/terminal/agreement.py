"""A person is asked before something is done that can't be taken back; in Portuguese the answer is *s* as well."""

import sys
from typing import Annotated

import typer

from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.command import FAILED, wrong_usage

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Without asking.")]

_YES = frozenset({"s", "sim", "y", "yes"})
_NO = frozenset({"", "n", "não", "nao", "no"})


def is_agreed(question: Bilingual[str], language: Language) -> bool:
    """Asked again until the answer is one. Where standard input ends without an answer, the command ends with the
    advice to say ``--yes``: it runs where nobody is."""
    asked = f"{question.of(language)} {Bilingual('[s/N]', '[y/N]').of(language)}"
    while True:
        try:
            answer = str(typer.prompt(asked, default="", show_default=False, err=True)).strip().lower()
        except typer.Abort:
            if sys.stdin.isatty():
                raise
            typer.echo(err=True)
            wrong_usage(Bilingual("sem resposta; --yes não pergunta", "no answer; --yes doesn't ask").of(language))
        if answer in _YES | _NO:
            return answer in _YES


def agree_or_end(question: Bilingual[str], language: Language) -> None:
    """Ends the command as one that did nothing, where the answer is no."""
    if not is_agreed(question, language):
        raise typer.Exit(FAILED)
