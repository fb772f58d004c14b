"""``malote init``: from an empty folder to a store that can be started. Stopped anywhere, it goes on where it was."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from malote import durable, rejection
from malote.config import Settings
from malote.rejection import Language
from malote.setup import answers, settings_file, units
from malote.setup.answers import AnswerError, Answers
from malote.terminal.command import WRONG_USAGE, ConfigOption, services_of, settings_of
from malote.terminal.init_questions import WORDS
from malote.terminal.output import errors, say, say_lines

Answer = TypeVar("Answer")
Text = Annotated[str | None, typer.Option(show_default=False)]

SCRIPT_NAME = "erp-dba.sql"


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("init")(init)


def init(
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: flags, and the defaults for the rest.")] = False,
    language: Annotated[str | None, typer.Option(help="Of messages and of the file: pt or en.")] = None,
    name: Annotated[str | None, typer.Option(help="The store's name, for people.")] = None,
    issuers: Annotated[str | None, typer.Option(help="CNPJs, with commas between.")] = None,
    erp_url: Annotated[
        str | None, typer.Option(help="The ERP's address; MALOTE_ERP_URL keeps it out of sight.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Which tables of the ERP: a .toml file or a name.")] = None,
    environment: Annotated[str | None, typer.Option(help="production or homologation.")] = None,
    zone: Annotated[str | None, typer.Option(help=f"The store's clock; {answers.ZONE} by default.")] = None,
    since: Annotated[str | None, typer.Option(help="From when on sales count: today, a day, a time, or all.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = None,
    port: Annotated[str | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Sets a store up: asks what must be known, and writes the settings file, the store database, the first
    administrator, a systemd unit, and SQL for the ERP's DBA.

    Never overwrites a settings file; what is there already stays, and what is missing is made. Exit status 3 if
    something could not be made.
    """
    path = (config or Path(settings_file.FILE_NAME)).resolve()
    given = {
        "language": language,
        "name": name,
        "issuers": issuers,
        "environment": environment,
        "zone": zone,
        "since": since,
        "erp_url": erp_url,
        "profile": profile,
        "host": host,
        "port": port,
    }
    if path.exists():
        words = WORDS.of(settings_of(path).language)
        say(words["kept"].format(path=path))
        if any(value is not None for value in given.values()):
            say(words["ignored"])
    else:
        told = Interview(given, ask=not yes).held()
        words = WORDS.of(told.language)
        durable.make_folder(path.parent, mode=0o750)
        durable.write(path, settings_file.text(told).encode())
        say(words["written"].format(path=path))
    _tell_next(path, _make(path, words), words)


def _tell_next(path: Path, settings: Settings, words: dict[str, str]) -> None:
    elsewhere = "" if path == Path(settings_file.FILE_NAME).resolve() else f" -c {path}"
    first = "next_checked" if settings.erp.profile else "next_profile"
    for part in ("next", first, "next_steps"):
        say_lines(words[part].format(config=elsewhere) + "\n")


class Interview:
    """Each question once; an answer that can't be used is asked again, or ends the command where nobody is asked."""

    def __init__(self, given: dict[str, str | None], *, ask: bool) -> None:
        self._given = given
        self._ask = ask
        self._language: Language = "pt"

    def held(self) -> Answers:
        self._language = self._told("language", _language, "pt")
        return Answers(
            language=self._language,
            name=self._told("name", answers.words("store.name"), "Loja"),
            issuers=self._told("issuers", answers.issuers, ""),
            environment=self._told("environment", answers.environment, self._words["production"]),
            zone=(zone := self._told("zone", answers.zone, answers.ZONE)),
            since=self._told("since", lambda text: answers.since(text, zone), self._words["today"]),
            erp_url=self._erp_url(),
            profile=self._told("profile", answers.words("erp.profile"), ""),
            host=self._told("host", answers.words("server.host"), "127.0.0.1"),
            port=self._told("port", answers.port, "8470"),
        )

    @property
    def _words(self) -> dict[str, str]:
        return WORDS.of(self._language)

    def _told(self, what: str, checked: Callable[[str], Answer], default: str) -> Answer:
        said = self._given[what]
        if said is not None or not self._ask:
            try:
                return checked(default if said is None else said)
            except AnswerError as error:
                self._refuse(error)
                raise typer.Exit(WRONG_USAGE) from None
        while True:
            answer = typer.prompt(self._words[f"ask_{what}"], default=default, show_default=bool(default))
            try:
                return checked(answer)
            except AnswerError as error:
                self._refuse(error)

    def _erp_url(self) -> str:
        """The password apart, unseen while it is typed; an address in the environment stays there."""
        from malote.erp.address import lacks_password, with_password

        if os.environ.get("MALOTE_ERP_URL"):
            return ""
        url = self._told("erp_url", answers.erp_url, "")
        # Nobody who isn't there is asked for what must not be seen.
        if url and self._ask and self._given["erp_url"] is None and sys.stdin.isatty() and lacks_password(url):
            asked = self._words["ask_password"]
            password = typer.prompt(asked, default="", show_default=False, hide_input=True)
            return with_password(url, password) if password else url
        return url

    def _refuse(self, error: AnswerError) -> None:
        for words in (
            f"{rejection.title(error.code, self._language)} [{error.code}]",
            rejection.cause(error.code, error.facts, self._language),
            rejection.remedy(error.code, error.facts, self._language),
        ):
            errors.print(words, markup=False, highlight=False, soft_wrap=True)


def _language(text: str) -> Language:
    match text.strip().lower():
        case "pt":
            return "pt"
        case "en":
            return "en"
    raise AnswerError("language", answers.shown(text))


def _make(path: Path, words: dict[str, str]) -> Settings:
    """What the settings ask for; each step finds what an earlier run made. The settings."""
    from malote.terminal import first_access

    with services_of(path, creates=True) as services:
        settings = services.settings
        say(words["database"].format(database=settings.store_file or "database.url"))
        if settings.intake.drop_folder:
            durable.make_folder(settings.drop_path, mode=0o750)
        if not first_access.tell(services):
            first_access.remind(services)
        unit = settings.home_path / units.UNIT_NAME
        durable.write(unit, units.unit(settings.store.name, path).encode())
        say_lines(words["unit"].format(unit=unit) + "\n")
        environment = settings.home_path / units.ENVIRONMENT_NAME
        if os.environ.get("MALOTE_ERP_URL") and not environment.exists():
            say_lines(words["unit_environment"].format(file=environment) + "\n")
        _write_script(settings, words)
        return settings


def _write_script(settings: Settings, words: dict[str, str]) -> None:
    from malote.erp.dba_script import script
    from malote.erp.protocol import ErpError

    target = settings.home_path / SCRIPT_NAME
    try:
        sql = script(settings)
    except ErpError as error:
        # One of other settings must not lie there: a DBA would run it.
        durable.remove(target)
        # Of a profile that isn't written yet, say: the next run makes it.
        why = rejection.cause(error.code, error.facts, settings.language)
        say_lines(words["script_later"].format(why=why) + "\n")
        return
    if sql:
        durable.write(target, (words["script_head"] + "\n" + sql).encode())
        say(words["script"].format(script=target))
