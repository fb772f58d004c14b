"""The first administrator's one-time password: said to a person at a terminal, never to a service's journal."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from malote import durable
from malote.accounts.users import (
    FIRST_ADMINISTRATOR,
    ONE_TIME_SECONDS,
    ensure_first_administrator,
    waits_for_its_first_sign_in,
)
from malote.bilingual import Bilingual, Language
from malote.terminal import store_clock
from malote.terminal.output import say

if TYPE_CHECKING:
    from malote.app import Services

FILE_NAME = "primeiro-acesso.txt"  # in the home folder, its owner's alone


def tell(services: "Services") -> bool:
    """Makes the first administrator where there is no user, and says how to get in; whether it did.

    A file with its password goes once it is of no more use.

    Dying between the two leaves a user whose password nobody knows: ``malote user password`` gives another.
    """
    path = services.settings.home_path / FILE_NAME
    password = ensure_first_administrator(services.engine)
    if password is None:
        if path.exists() and not waits_for_its_first_sign_in(services.engine):
            durable.remove(path)
        return False
    if sys.stdout.isatty():
        say(_words(password, services.settings.language))
        return True
    durable.write(path, (_words(password, services.settings.language) + "\n").encode())
    say(_where(path, services.settings.language))
    return True


def remind(services: "Services") -> None:
    """Says what to do where nobody ever used the one-time password: whoever was to read it may have missed it."""
    if not waits_for_its_first_sign_in(services.engine):
        return
    path = services.settings.home_path / FILE_NAME
    if path.exists():
        say(_where(path, services.settings.language))
        return
    command = f"malote user password {FIRST_ADMINISTRATOR} --generate"
    words = Bilingual(
        "ainda não entrou. Outra senha de uso único", "has not signed in yet. Another one-time password"
    ).of(services.settings.language)
    say(f"{FIRST_ADMINISTRATOR} {words}: {command}")


def _words(password: str, language: Language) -> str:
    until = store_clock.now() + timedelta(seconds=ONE_TIME_SECONDS)
    command = f"malote user password {FIRST_ADMINISTRATOR} --generate"
    return Bilingual(
        f"Primeiro acesso: usuário {FIRST_ADMINISTRATOR}, senha de uso único {password} (não será mostrada de novo; "
        f"até {until:%d/%m/%Y %H:%M}, depois: {command})",
        f"First sign-in: user {FIRST_ADMINISTRATOR}, one-time password {password} (not shown again; "
        f"until {until:%Y-%m-%d %H:%M}, then: {command})",
    ).of(language)


def _where(path: Path, language: Language) -> str:
    return Bilingual(
        f"Primeiro acesso: usuário {FIRST_ADMINISTRATOR}; a senha de uso único está em {path}",
        f"First sign-in: user {FIRST_ADMINISTRATOR}; its one-time password is in {path}",
    ).of(language)
