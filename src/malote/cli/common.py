"""What every command shares: its settings, its output, and how it fails."""

import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import msgspec
import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from malote import recent_log, rejection
from malote.config import Settings, SettingsError, is_said, load
from malote.fiscal.amounts import money
from malote.plain import clean, clean_lines
from malote.rejection import Language

if TYPE_CHECKING:
    from malote.app import Services

OK = 0
FOUND = 1  # the command worked, and what it looked for is there (a rejected document, a difference)
WRONG_USAGE = 2
FAILED = 3  # it could not be done now; the message says why and what to do

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="MALOTE_CONFIG", help="Settings file; malote.toml here by default."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Says what would happen, and changes nothing.")]


class Terminal(Console):
    """A console whose every text is cleaned on its way out, in tables and boxes too; a string is one line."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(clean(one) if isinstance(one, str) else one for one in objects), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control or text.isprintable() else Segment(clean_lines(text), style, control)


console = Terminal()
errors = Terminal(stderr=True)


def say(text: str = "", *, err: bool = False) -> None:
    """One line to the person at the terminal."""
    typer.echo(clean(text), err=err)


def say_lines(text: str) -> None:
    """A text of several lines, with its own last line end."""
    typer.echo(clean_lines(text), nl=False)


def settings_of(path: Path | None) -> Settings:
    """The settings, or the end of the command with what is wrong in them."""
    try:
        return load(path)
    except SettingsError as error:
        end_with_settings(error)


def end_with_settings(error: SettingsError) -> NoReturn:
    """Ends the command with what is wrong in the settings."""
    if not error.code:
        errors.print(f"malote: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(WRONG_USAGE) from None
    _say_reason(error.code, error.facts, error.language)
    raise typer.Exit(FAILED if error.code == "erp_address_invalid" else WRONG_USAGE) from None


def _tell_closed(services: "Services", settings: Settings) -> None:
    for code, paths in (("files_were_open", services.closed.mended), ("files_stay_open", services.closed.failed)):
        if paths:
            warn(code, {"count": str(len(paths)), "path": str(paths[0])}, settings)


def warn(code: str, facts: dict[str, str], settings: Settings) -> None:
    """Tells of something that keeps no command from going on."""
    language = settings.language
    for words in (f"malote: {rejection.title(code, language)} [{code}]", rejection.cause(code, facts, language)):
        errors.print(words, markup=False, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Anything msgspec can encode, as one line of JSON on standard output."""
    text = msgspec.json.encode(value).decode()
    # Within JSON everything outside of texts is printable; in texts a code says the same and orders nothing.
    sys.stdout.write(text if text.isprintable() else "".join(map(_coded, text)))
    sys.stdout.write("\n")
    sys.stdout.flush()


def _coded(character: str) -> str:
    """As JSON may write it, in UTF-16."""
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def fail(code: str, facts: dict[str, str], settings: Settings) -> NoReturn:
    """Ends the command with a reason of the catalogue: what happened, and what to do next."""
    _say_reason(code, facts, settings.language)
    raise typer.Exit(FAILED)


def _say_reason(code: str, facts: dict[str, str], language: Language) -> None:
    errors.print(f"malote: {rejection.title(code, language)} [{code}]", markup=False, highlight=False, soft_wrap=True)
    errors.print(rejection.cause(code, facts, language), markup=False, highlight=False, soft_wrap=True)
    errors.print(rejection.remedy(code, facts, language), markup=False, highlight=False, soft_wrap=True)


def misuse(config: Path | None, portuguese: str, english: str) -> NoReturn:
    """Ends the command for how it was called, in the language of the settings."""
    try:
        language = load(config).language
    except SettingsError as error:
        language = error.language
    words = english if language == "en" else portuguese
    errors.print(f"malote: {words}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(WRONG_USAGE)


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
    """The server's parts over its store database, or the end of the command with what keeps them from working.

    Only a command that ``creates`` may make a store database where none is, and no command where no settings are.

    What the block raises of the kinds below ends the command the same way.
    """
    # Here, so that a till's commands don't load the server.
    from malote.app import services_for
    from malote.database.errors import StoreError
    from malote.tills.till import TillError

    settings = settings_of(path)
    set_up_logs()
    if creates:
        require_settings(path, settings)
    else:
        require_store(settings)
    try:
        with services_for(settings) as services:
            _tell_closed(services, settings)
            yield services
    except StoreError as error:
        fail(error.code, {"detail": error.detail}, settings)
    except TillError as error:
        fail(error.code, {"till": error.name}, settings)
    except ValueError as error:
        errors.print(f"malote: database.url: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(WRONG_USAGE) from error
    except OSError as error:
        fail(
            "folder_unusable",
            {"folder": str(error.filename or settings.home), "detail": error.strerror or ""},
            settings,
        )


def _cleaned(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No value of a log line forges another line; a trace has several by nature."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = clean_lines(value) if name == "traceback" else clean(value)
        elif not isinstance(value, int | float | bool | None):
            event[name] = clean(str(value))
    return event


def set_up_logs(*, for_good: bool = False) -> None:
    """Log lines on standard error, cleaned: for people on a terminal, one JSON object a line otherwise.

    Without it they would stand raw within what a command prints. ``for_good``: until the process ends, where many
    lines may come; otherwise standard error is looked for at each.
    """
    import structlog

    if structlog.is_configured():
        return
    on_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            _cleaned,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=not on_terminal),
            recent_log.keep,
            structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer(),
        ],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=for_good,
    )


def amount(cents: int, language: Language) -> str:
    """Cents as people of the language write them, without the currency: 1234,50."""
    text = money(cents)
    return text if language == "en" else text.replace(".", ",")
