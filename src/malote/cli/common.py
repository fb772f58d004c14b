"""What every command shares: its settings, its output, and how it fails."""

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from rich.console import Console

from malote import rejection
from malote.config import Settings, SettingsError, load

OK = 0
FOUND = 1  # the command worked, and what it looked for is there (a rejected document, a difference)
WRONG_USAGE = 2
FAILED = 3  # it could not be done now; the message says why and what to do

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="MALOTE_CONFIG", help="Settings file; malote.toml here by default."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]

console = Console()
errors = Console(stderr=True)


def settings_of(path: Path | None) -> Settings:
    """The settings, or the end of the command with what is wrong in them."""
    try:
        return load(path)
    except SettingsError as error:
        errors.print(f"malote: {error}", markup=False, highlight=False)
        raise typer.Exit(WRONG_USAGE) from error


def print_json(value: Any) -> None:
    """Anything msgspec can encode, as one line of JSON on standard output."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def fail(code: str, facts: dict[str, str], settings: Settings) -> NoReturn:
    """Ends the command with a reason of the catalogue: what happened, and what to do next."""
    language = settings.language
    errors.print(f"malote: {rejection.title(code, language)} [{code}]", markup=False, highlight=False)
    errors.print(rejection.cause(code, facts, language), markup=False, highlight=False)
    errors.print(rejection.remedy(code, facts, language), markup=False, highlight=False)
    raise typer.Exit(FAILED)
