"""``malote loads rollback|release``: a till goes back to the load before, and is kept there until it is released."""

from typing import TYPE_CHECKING, Annotated

import typer

from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.agreement import YesOption, agree_or_end
from malote.terminal.audit_reason import ReasonOption, checked_reason
from malote.terminal.command import (
    OK,
    ConfigOption,
    DryRunOption,
    JsonOption,
    end_of,
    services_of,
)
from malote.terminal.kept_back import kept_words
from malote.terminal.output import print_json, say

if TYPE_CHECKING:
    from malote.loads.going_back import Released, StepBack

TillsArgument = Annotated[list[str], typer.Argument(help="The tills, by name.", metavar="TILL...")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("rollback")(rollback)
    app.command("release")(release)


def rollback(
    tills: TillsArgument,
    reason: ReasonOption,
    to: Annotated[
        int, typer.Option("--to", min=0, help="To this version, which they had; the one before otherwise.")
    ] = 0,
    until: Annotated[
        str,
        typer.Option(
            "--until", help="Only up to then, by the store's clock: 2026-11-27T10:32; a day alone to its end."
        ),
    ] = "",
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Takes these tills back to a load that they had before, and keeps them there until they are released.

    No later version goes to them meanwhile, not even an emergency: it has in it what was wrong with the one before.
    """
    from malote.accounts.audit import command_line

    why = checked_reason(reason)
    with services_of(config) as services:
        ends = end_of("--until", until)
        language, back = services.settings.language, services.loads.back
        if not (yes or dry_run or json):
            _ask(
                [_would(one, language) for one in back.order(tills, command_line(), to=to, until=ends, dry_run=True)],
                language,
            )
        steps = back.order(tills, command_line(), reason=why, to=to, until=ends, dry_run=dry_run)
    if json:
        print_json(steps)
    else:
        for one in steps:
            say(_would(one, language) if dry_run else _ordered(one, language))
    raise typer.Exit(OK)


def release(
    tills: TillsArgument,
    reason: ReasonOption = "",
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Lets these tills have the newest load again, from their next contact on, as if they came late."""
    from malote.accounts.audit import command_line

    with services_of(config) as services:
        language, back = services.settings.language, services.loads.back
        if not (yes or dry_run or json):
            stands = back.release(tills, command_line(), dry_run=True)
            _ask([kept_words(one.till, one.back, language) for one in stands], language)
        released = back.release(tills, command_line(), reason=reason.strip(), dry_run=dry_run)
    if json:
        print_json(released)
    else:
        for one in released:
            say(_released(one, dry_run, language))
    raise typer.Exit(OK)


def _ask(lines: list[str], language: Language) -> None:
    """Ends the command unless a person says yes."""
    for line in lines:
        say(line)
    agree_or_end(Bilingual("Continuar?", "Go on?"), language)


def _would(one: "StepBack", language: Language) -> str:
    rows = ", ".join(f"{name}: {count}" for name, count in one.rows.items()) or "0"
    return Bilingual(
        f"{one.till} voltaria da carga {one.back_from} à {one.version}; linhas que mudam, no máximo: {rows}.",
        f"{one.till} would go back from load {one.back_from} to {one.version}; rows that change at most: {rows}.",
    ).of(language)


def _ordered(one: "StepBack", language: Language) -> str:
    return Bilingual(
        f"{one.till} volta da carga {one.back_from} à {one.version} no próximo contato.",
        f"{one.till} goes back from load {one.back_from} to {one.version} with its next contact.",
    ).of(language)


def _released(one: "Released", dry_run: bool, language: Language) -> str:
    if dry_run:
        return kept_words(one.till, one.back, language)
    return Bilingual(
        f"{one.till} está liberado: recebe a carga mais nova a partir do próximo contato.",
        f"{one.till} is released: it gets the newest load from its next contact on.",
    ).of(language)
