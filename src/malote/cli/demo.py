"""``malote demo``: a whole store on this machine, for looking at, or for a proof."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from malote.bilingual import Bilingual
from malote.cli.demo_laboratory import laboratory
from malote.cli.demo_prices import prices
from malote.terminal.command import FAILED, FOUND, OK, WRONG_USAGE, JsonOption
from malote.terminal.interrupts import ending_like_ctrl_c, ignore_interrupts
from malote.terminal.logs import set_up_logs
from malote.terminal.output import console, errors, print_json

if TYPE_CHECKING:
    from malote.demo.phrases import Phrase
    from malote.demo.store import Store

_homes_to_remove: list[Path] = []
_LANGUAGE = typer.Option("--language", help="pt or en.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    demo_app = typer.Typer(invoke_without_command=True)
    demo_app.callback()(demo)
    demo_app.command("lock")(lock)
    demo_app.command("fault")(fault)
    demo_app.command("laboratory")(laboratory)
    demo_app.command("prices")(prices)
    app.add_typer(demo_app, name="demo")


def demo(
    context: typer.Context,
    home: Annotated[Path | None, typer.Option(help="The store's folder; ./demo-data by default.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Stop by itself after so long.")] = None,
    rate: Annotated[float, typer.Option(min=0.1, max=60_000, help="Sales a minute at each till.")] = 30.0,
    check: Annotated[bool, typer.Option("--check", help="Sell by itself, plant faults, and prove.")] = False,
    sales: Annotated[int, typer.Option(min=0, help="With --check: how many.")] = 300,
    kill: Annotated[bool, typer.Option("--kill", help="With --check: kill -9 server, poster and agent.")] = False,
    sqlite: Annotated[bool, typer.Option("--sqlite", help="A SQLite file as the ERP, not PostgreSQL.")] = False,
    structure: Annotated[
        Literal["current", "2025"], typer.Option(help="2025: ERP and tills begin with last year's, to be updated.")
    ] = "current",
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="A trouble to plant; repeatable. See malote demo fault.")
    ] = None,
    language: Annotated[Literal["pt", "en"], _LANGUAGE] = "pt",
    json: JsonOption = False,
) -> None:
    """A store with three tills, a billing server and an ERP, on this machine only. Ctrl-C stops all.

    With --check nobody is needed: exit status 0 if nothing was lost or doubled and each planted fault ended where it
    should, 1 if not.
    """
    if context.invoked_subcommand:
        return
    if (kill or json) and not check:
        _end(Bilingual("--kill, --json: só com --check", "--kill, --json: only with --check").of(language), WRONG_USAGE)
    if check and (structure != "current" or fault):
        words = Bilingual("--structure, --fault: não com --check", "--structure, --fault: not with --check")
        _end(words.of(language), WRONG_USAGE)
    faults = _known_faults(fault or [])
    set_up_logs()
    with ending_like_ctrl_c():
        if check:
            raise typer.Exit(_check(home, sales, language, kill=kill, sqlite=sqlite, json=json))
        last_year = structure == "2025"
        raise typer.Exit(_live(home, minutes, rate, language, sqlite=sqlite, last_year=last_year, faults=faults))


def fault(
    name: Annotated[str, typer.Argument(help="The trouble; without one, all that there are.", metavar="NAME")] = "",
    recover: Annotated[bool, typer.Option("--recover", help="Put right what only the store or the DBA can.")] = False,
    home: Annotated[Path | None, typer.Option(help="The running demo's folder; ./demo-data by default.")] = None,
    language: Annotated[Literal["pt", "en"], _LANGUAGE] = "pt",
) -> None:
    """Plants a trouble in a running demo, for the Assistente to find; or lists all that can be planted."""
    from malote.demo import bench, laboratory_faults
    from malote.demo.store import DEFAULT_HOME

    if not name:
        for known in laboratory_faults.FAULTS:
            _print(f"{known}: {laboratory_faults.title(known, language)}")
        return
    _known_faults([name])
    folder = (home or DEFAULT_HOME) / bench.FOLDER
    if not folder.parent.is_dir():
        _end(Bilingual(f"{folder.parent}: nenhuma demo", f"{folder.parent}: no demo").of(language), FAILED)
    bench.Bench(folder).ask(name, plant=not recover)


def _known_faults(names: list[str]) -> list[str]:
    from malote.demo.laboratory_faults import FAULTS

    unknown = [one for one in names if one not in FAULTS]
    if unknown:
        _end(f"--fault {unknown[0]}: {', '.join(FAULTS)}", WRONG_USAGE)
    return names


def lock(
    home: Annotated[Path | None, typer.Option(help="The running demo's folder; ./demo-data by default.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Let go by itself after so long.")] = None,
    language: Annotated[Literal["pt", "en"], _LANGUAGE] = "pt",
) -> None:
    """Holds the stock table of a running demo from another session ("Travar estoque"), until Ctrl-C."""
    from malote.config import SettingsError, load
    from malote.demo import locks
    from malote.demo.phrases import Phrase
    from malote.demo.store import DEFAULT_HOME, Store

    store = Store(home or DEFAULT_HOME, language)
    ending: locks.Ending = "released"
    with ending_like_ctrl_c():
        try:
            erp_url = load(store.settings_path, {}).erp_url
            with suppress(KeyboardInterrupt):
                ending = locks.hold(erp_url, seconds, lambda: _print(Phrase.LOCKED.say(language)))
        except (SettingsError, OSError) as error:
            _end(Phrase.NO_DEMO.say(language, path=store.home, detail=error), FAILED)
    _print((Phrase.LOCK_ENDED if ending == "ended" else Phrase.UNLOCKED).say(language))


def _live(
    home: Path | None,
    minutes: float | None,
    rate: float,
    language: Literal["pt", "en"],
    *,
    sqlite: bool,
    last_year: bool,
    faults: list[str],
) -> int:
    from malote.demo import live
    from malote.demo.check import started
    from malote.demo.phrases import Phrase
    from malote.demo.store import DEFAULT_HOME, Store

    store = Store(home or DEFAULT_HOME, language, last_year=last_year)
    with _said_plainly(store), started(store, _Words(store), sqlite=sqlite) as (crew, erp):
        _introduce(store)
        erp.refuse_unknown_codes()
        with suppress(KeyboardInterrupt):
            live.sell(store, crew, erp, console, minutes=minutes, rate=rate, faults=faults)
        ignore_interrupts()
        _print(Phrase.STOPPING.say(language))
    _print(Phrase.STOPPED.say(language))
    return OK


def _introduce(store: "Store") -> None:
    from malote.demo import locks, login
    from malote.demo.phrases import Phrase

    password = store.console_password
    _print(Phrase.CONSOLE.say(store.language, address=store.address, user=login.NAME, password=password))
    _print(Phrase.HOME.say(store.language, path=store.home))
    for till in store.tills:
        _print(Phrase.DROP_HERE.say(store.language, path=till.folder))
    _print(Phrase.LOOK_HERE.say(store.language, path=store.rejected))
    if store.last_year:
        _print(Phrase.UPDATE_WITH.say(store.language, path=store.settings_path))
    _print(Phrase.LOCK_WITH.say(store.language, path=store.home, user=locks.DBA, password=locks.DBA_PASSWORD))


def _check(
    home: Path | None, sales: int, language: Literal["pt", "en"], *, kill: bool, sqlite: bool, json: bool
) -> int:
    from malote.demo import report
    from malote.demo.check import run
    from malote.demo.store import Store

    if home and home.exists() and any(home.iterdir()):
        _end(f"--check --home {home}: a folder that is new or empty, since all that is in it counts", WRONG_USAGE)
    store = Store(home or _temporary_home(), language)
    try:
        with _said_plainly(store), _Bar(store) as bar:
            checked = run(store, sales, bar, kill=kill, sqlite=sqlite)
    except typer.Exit:
        _say_where(store)
        raise
    if json:
        print_json(report.record(checked))
    else:
        console.print(report.tables(checked, language))
    if checked.proof.holds and home is None:
        _homes_to_remove.append(store.home)
    else:
        _say_where(store)
    return OK if checked.proof.holds else FOUND


def _temporary_home() -> Path:
    # Removed at the very end: the package of the embedded PostgreSQL writes its lock once more when Python ends,
    # and what was registered before it runs after it.
    atexit.register(_remove_homes)
    return Path(tempfile.mkdtemp(prefix="malote-demo-"))


def _remove_homes() -> None:
    for home in _homes_to_remove:
        shutil.rmtree(home, ignore_errors=True)


def _say_where(store: "Store") -> None:
    from malote.demo.phrases import Phrase

    errors.print(Phrase.KEPT_HOME.say(store.language, path=store.home), markup=False, highlight=False, soft_wrap=True)


class _Words:
    """Says each stage in a line."""

    def __init__(self, store: "Store") -> None:
        self._language = store.language

    def stage(self, phrase: "Phrase") -> None:
        errors.print(phrase.say(self._language), markup=False, highlight=False, soft_wrap=True)

    def progress(self, done: int, of: int) -> None:
        pass

    def note(self, phrase: "Phrase", **facts: object) -> None:
        errors.print(phrase.say(self._language, **facts), markup=False, highlight=False, soft_wrap=True)


class _Bar(_Words):
    """A bar on a terminal; lines elsewhere."""

    def __init__(self, store: "Store") -> None:
        super().__init__(store)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=errors,
            disable=not errors.is_terminal,
        )
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def stage(self, phrase: "Phrase") -> None:
        if errors.is_terminal:
            self._progress.update(self._task, description=phrase.say(self._language))
        else:
            super().stage(phrase)

    def progress(self, done: int, of: int) -> None:
        self._progress.update(self._task, completed=done, total=of)


@contextmanager
def _said_plainly(store: "Store") -> Iterator[None]:
    """What can go wrong with a demo ends it with a line, not with a traceback."""
    from malote.demo.check import FAILURES, StuckError
    from malote.demo.phrases import Phrase
    from malote.demo.store import HomeBusyError, StoreNotStartedError

    language = store.language
    try:
        yield
    except KeyboardInterrupt:
        _end(Phrase.STOPPED.say(language), FAILED)
    except HomeBusyError as error:
        _end(Phrase.BUSY.say(language, path=error), FAILED)
    except StoreNotStartedError as error:
        _end(Phrase.NOT_STARTED.say(language, path=error), FAILED)
    except StuckError as error:
        _end(Phrase.STUCK.say(language, detail=error), FOUND)
    except FAILURES as error:
        _end(str(error), FAILED)


def _print(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _end(text: str, status: int) -> NoReturn:
    errors.print(f"malote: {text}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(status)
