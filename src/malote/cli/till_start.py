"""``malote till start``: from when on the files of the POS's folder count."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from malote import durable
from malote.bilingual import Bilingual
from malote.config import Settings
from malote.fiscal import typed_input
from malote.fiscal.typed_input import TypedError
from malote.terminal.command import FOUND, OK, ConfigOption, JsonOption, explained, settings_of
from malote.terminal.output import console, print_json
from malote.till.setup import SetupError, prepare

if TYPE_CHECKING:
    from malote.till.cutover import Question, Start

SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="DAY", help="Sales since then count: today, a day, or a time.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Everything in the folder counts, however old.")]

_WORDS = Bilingual(
    {
        "since": "Contam as vendas desde {since}.",
        "all": "Contam todos os arquivos da pasta.",
        "open": "Ainda não foi dito: {files} arquivos na pasta, de {oldest} a {newest}. Diga com --since ou --all.",
        "passed": "Anteriores, não enviados: {count}.",
    },
    {
        "since": "Sales count since {since}.",
        "all": "All files of the folder count.",
        "open": "Not said yet: {files} files in the folder, from {oldest} to {newest}. Say it: --since or --all.",
        "passed": "Older, not sent: {count}.",
    },
)


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("start")(start)


def start(
    config: ConfigOption = None, since: SinceOption = None, everything: AllOption = False, json: JsonOption = False
) -> None:
    """Says from when on sales count; without an option, shows what was said.

    A first start that meets more than a day's files, or more than 500, captures nothing until this is said. An agent
    that is running goes on by itself. Exit status 1 while nothing was said.
    """
    settings = settings_of(config)
    if since is not None and everything:
        raise typer.BadParameter("--since, --all")
    with explained(settings):
        try:
            found, passed = _settled(settings, "all" if everything else since)
        except TypedError as error:
            raise SetupError("since_invalid", "till.since", error.detail) from error
    raise typer.Exit(_show(found, passed, settings, json=json))


def _settled(settings: Settings, said: str | None) -> "tuple[Start | Question, int]":
    """How it stands once ``said`` was taken down, and how many files don't count."""
    from malote.till import cutover, issue_times, server_limits
    from malote.till.cutover import Start
    from malote.till.folder import folder_of
    from malote.till.outbox import Outbox

    till = prepare(settings).settings
    if said is not None and till.since:
        raise SetupError("setting_invalid", "till.since", f'"{till.since}"')
    folder, now = folder_of(till), time.time()
    durable.make_folder(settings.outbox_path.parent)
    with Outbox(settings.outbox_path) as outbox:
        largest = server_limits.known(outbox).document_bytes
        if said is not None:
            since = typed_input.since(said, issue_times.store_clock(outbox, folder, largest, settings.books.zone))
            cutover.begin(outbox, Start(str(folder.path), since, "person", now))
        return cutover.settle(outbox, folder, till.since, largest, now), outbox.passed_over()


def _show(found: "Start | Question", passed: int, settings: Settings, *, json: bool) -> int:
    """The exit status."""
    from malote.till.cutover import Question, Start

    words = _WORDS.of(settings.language)
    if json:
        print_json(
            {
                "question": found if isinstance(found, Question) else None,
                "start": found if isinstance(found, Start) else None,
                "passed_over": passed,
            }
        )
        return FOUND if isinstance(found, Question) else OK
    if isinstance(found, Question):
        said = words["open"].format(files=found.files, oldest=found.oldest[:10] or "?", newest=found.newest[:10] or "?")
    else:
        said = words["since"].format(since=found.since) if found.since else words["all"]
    console.print(said, markup=False, highlight=False, soft_wrap=True)
    if passed:
        console.print(words["passed"].format(count=passed), markup=False, highlight=False, soft_wrap=True)
    return FOUND if isinstance(found, Question) else OK
