"""What every command shares: its options, its settings, the server's parts, and how it ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from malote import rejection
from malote.bilingual import Bilingual
from malote.config import Settings, SettingsError, is_said, load
from malote.explained_error import ExplainedError
from malote.fiscal import typed_input
from malote.fiscal.typed_input import TypedError
from malote.rejection import Language
from malote.terminal import store_clock
from malote.terminal.logs import set_up_logs
from malote.terminal.output import errors

if TYPE_CHECKING:
    from malote.app import Services
    from malote.database.opened import OpenedStore

OK = 0
FOUND = 1  # the command worked, and what it looked for is there (a rejected document, a difference)
WRONG_USAGE = SettingsError.exit_status
FAILED = ExplainedError.exit_status

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="MALOTE_CONFIG", help="Settings file; malote.toml here by default."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Says what would happen, and changes nothing.")]


def settings_of(path: Path | None) -> Settings:
    """The settings, or the end of the command with what is wrong in them. Sets the clock that works without a store."""
    settings = _loaded(path)
    store_clock.set_to(settings.books.zone)
    return settings


def _loaded(path: Path | None) -> Settings:
    try:
        return load(path)
    except SettingsError as error:
        end_with(error, error.language)


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """What the block raises for people to read ends the command with its words, and so does a folder of no use."""
    try:
        yield
    except ExplainedError as error:
        end_with(error, settings.language)
    except BrokenPipeError:
        raise  # whoever read what was printed has enough of it: click ends the command
    except OSError as error:
        facts = {"folder": str(error.filename or settings.home), "detail": error.strerror or str(error)}
        fail("folder_unusable", facts, settings)


def end_with(error: ExplainedError, language: Language) -> NoReturn:
    """Ends the command: what happened, and what to do next."""
    _say_reason(error.code, error.facts, language)
    raise typer.Exit(error.exit_status) from error


def fail(code: str, facts: dict[str, str], settings: Settings) -> NoReturn:
    """Ends the command with a reason of the catalogue."""
    end_with(ExplainedError(code, **facts), settings.language)


def warn(code: str, facts: dict[str, str], settings: Settings) -> None:
    """Tells of something that keeps no command from going on."""
    language = settings.language
    for words in (f"malote: {rejection.title(code, language)} [{code}]", rejection.cause(code, facts, language)):
        _tell(words)


def _say_reason(code: str, facts: dict[str, str], language: Language) -> None:
    _tell(f"malote: {rejection.title(code, language)} [{code}]")
    _tell(rejection.cause(code, facts, language))
    _tell(rejection.remedy(code, facts, language))


def _tell(words: str) -> None:
    errors.print(words, markup=False, highlight=False, soft_wrap=True)


def misuse(config: Path | None, words: Bilingual[str]) -> NoReturn:
    """Ends the command for how it was called, in the language of the settings."""
    try:
        language = load(config).language
    except SettingsError as error:
        language = error.language
    wrong_usage(words.of(language))


def wrong_usage(words: str) -> NoReturn:
    """Ends the command for how it was called, in words that are the same in both languages, or already chosen."""
    _tell(f"malote: {words}")
    raise typer.Exit(WRONG_USAGE)


def day_of(option: str, text: str) -> date:
    """The day that an option or argument names; what is none ends the command."""
    found = typed_input.day(text)
    if found is None:
        wrong_usage(f"{option}: {text}: YYYY-MM-DD, DD/MM/YYYY")
    return found


def moment_of(option: str, text: str) -> float | None:
    """Seconds since the epoch of what a person wrote, by the store's clock; None of nothing. What is no moment ends the
    command."""
    return _seconds(option, text, typed_input.moment)


def end_of(option: str, text: str) -> float | None:
    """The same of the end of a range, where a day is all of it (``typed_input.end``)."""
    return _seconds(option, text, typed_input.end)


def _seconds(option: str, text: str, read: Callable[[str, tzinfo | None], datetime]) -> float | None:
    if not text:
        return None
    try:
        return read(text, store_clock.zone()).timestamp()
    except TypedError:
        wrong_usage(f"{option}: {text}: YYYY-MM-DDTHH:MM")


def require_settings(path: Path | None, settings: Settings) -> None:
    """Ends the command where nobody ever said a setting: in a wrong folder it would begin another server, or look at
    an ERP that is none."""
    file = settings.store_file
    if not is_said(path) and file is not None and not file.exists():
        fail("store_missing", {"folder": str(settings.home_path), "file": str(file)}, settings)


def require_till(settings: Settings) -> None:
    """Ends the command where no agent works or was set up: an outbox made by the way would answer "nothing lost"."""
    if not settings.till.folder and not settings.outbox_path.exists():
        fail("settings_missing", {"setting": "till.folder", "variable": "MALOTE_TILL_FOLDER"}, settings)


def require_store(settings: Settings) -> None:
    """Ends the command where no server ever began: an empty store made by the way would answer "nothing rejected"."""
    file = settings.store_file
    if file is not None and not file.exists():
        fail("store_missing", {"folder": str(settings.home_path), "file": str(file)}, settings)


@contextmanager
def services_of(path: Path | None, *, creates: bool = False) -> Iterator["Services"]:
    """The server's parts over its store database; whatever they raise for people to read ends the command.

    Only a command that ``creates`` may make a store database where none is, and no command where no settings are.
    """
    from malote.app import services_for  # here, so that a till's commands don't load the server
    from malote.tills.clocks import common_clock

    settings = _settings_for_a_store(path, creates=creates)
    set_up_logs()
    with explained(settings), services_for(settings) as services:
        _tell_closed(services, settings)
        store_clock.set_to(settings.books.zone, lambda: common_clock(services.engine))
        yield services


@contextmanager
def store_of(path: Path | None, *, creates: bool = False) -> Iterator["OpenedStore"]:
    """The store database alone, for commands that need no more of the server; likewise."""
    from malote.database.opened import opened_store
    from malote.tills.clocks import common_clock

    settings = _settings_for_a_store(path, creates=creates)
    with explained(settings), opened_store(settings) as store:
        store_clock.set_to(settings.books.zone, lambda: common_clock(store.engine))
        yield store


def _settings_for_a_store(path: Path | None, *, creates: bool) -> Settings:
    settings = _loaded(path)  # the clock is set by whoever opens the store: its tills may tell it
    if creates:
        require_settings(path, settings)
    else:
        require_store(settings)
    return settings


def _tell_closed(services: "Services", settings: Settings) -> None:
    for code, paths in (("files_were_open", services.closed.mended), ("files_stay_open", services.closed.failed)):
        if paths:
            warn(code, {"count": str(len(paths)), "path": str(paths[0])}, settings)
