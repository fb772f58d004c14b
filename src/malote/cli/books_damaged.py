"""``malote books damaged``, ``mend`` and ``accept-damaged``: kept files that changed or vanished, and their cure."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from malote.bilingual import Bilingual, Language
from malote.terminal.audit_reason import ReasonOption, checked_reason
from malote.terminal.book_options import TillOption
from malote.terminal.command import FOUND, ConfigOption, JsonOption, services_of
from malote.terminal.output import amount, errors, print_json, say

if TYPE_CHECKING:
    from malote.books.damaged_files import DamagedFile
    from malote.books.kept_files import Damage

_COLUMNS = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
_WHAT: dict["Damage", Bilingual[str]] = {
    "gone": Bilingual("sumiu", "vanished"),
    "changed": Bilingual("mudou", "changed"),
    "extracted": Bilingual("o que foi lido dele mudou", "what was read from it changed"),
}


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("damaged")(damaged)
    app.command("mend")(mend)
    app.command("accept-damaged")(accept_damaged)


def damaged(
    till: TillOption = None,
    accepted: Annotated[bool, typer.Option("--accepted", help="Also those that somebody answered for.")] = False,
    whole: Annotated[bool, typer.Option("--now", help="Reads all that is kept first; that may take long.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Lists the documents whose kept file isn't any more what came, by number and value.

    The server reads all that is kept round and round. Exit status 1 while there are any that nobody answered for.
    """
    from malote.books import kept_files
    from malote.books.damaged_files import MOST_LISTED, listed
    from malote.tills.till import find_till

    with services_of(config) as services:
        if till is not None:
            find_till(services.engine, till)
        if whole:
            with Progress(*_COLUMNS, console=errors, transient=True, disable=json or not errors.is_terminal) as bar:
                task = bar.add_task("", total=None)
                kept_files.look_at_all(
                    services.engine, time.time(), lambda done, of: bar.update(task, completed=done, total=of)
                )
        found = listed(services.engine, till, accepted=accepted)
        language = services.settings.language
    if json:
        print_json(found)
    elif not found:
        say(Bilingual("Nenhum arquivo danificado.", "No file is damaged.").of(language))
    else:
        for one in found:
            say(_said(one, language))
        if len(found) == MOST_LISTED:
            say(Bilingual("… pode haver mais (--till)", "… there may be more (--till)").of(language))
    if any(one.accepted_at is None for one in found):
        raise typer.Exit(FOUND)


def mend(
    files: Annotated[list[Path], typer.Argument(help="XML files.", exists=True, dir_okay=False, readable=True)],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Puts files in the place of their damaged copies. Each must be, byte by byte, the one that came.

    Exit status 1 where one is the file of no damaged document; nothing is done with it.
    """
    from malote.accounts.audit import command_line
    from malote.books.mending_files import mend as mended
    from malote.config.settings import limits_of

    told: list[dict[str, object]] = []
    with services_of(config) as services:
        limits, language = limits_of(services.settings.store, services.settings.intake), services.settings.language
        for file in files:
            with file.open("rb") as opened:
                content = opened.read(limits.max_bytes + 1)  # a longer one never came: it isn't read to its end
            count = mended(services.engine, content, limits, command_line(), time.time())
            told.append({"file": file.name, "documents": count})
    if json:
        print_json(told)
    for one in () if json else told:
        words = Bilingual("nenhum documento danificado é deste arquivo", "it is the file of no damaged document")
        done = Bilingual("no lugar da cópia danificada", "in the place of its damaged copy")
        say(f"{one['file']}: {(done if one['documents'] else words).of(language)}")
    if not all(one["documents"] for one in told):
        raise typer.Exit(FOUND)


def accept_damaged(
    till: Annotated[str, typer.Argument(help="Whose files.", metavar="TILL")],
    reason: ReasonOption,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """A person answers for damaged files of a till: lights tell of them no more. The audit trail has who and why."""
    from malote.accounts.audit import command_line
    from malote.books.damaged_files import accept
    from malote.tills.till import find_till

    reason = checked_reason(reason)
    with services_of(config) as services:
        find_till(services.engine, till)
        count, total = accept(services.engine, till, command_line(), reason, time.time())
        language = services.settings.language
    if json:
        print_json({"accepted": count, "total": total})
    else:
        say(f"{Bilingual('Aceitos', 'Accepted').of(language)}: {count}, R$ {amount(total, language)}.")


def _said(one: "DamagedFile", language: Language) -> str:
    number = f"{one.series}/{one.number}" if one.number is not None else one.file_name
    total = "?" if one.total is None else amount(one.total, language)
    said = "" if one.accepted_at is None else Bilingual(" (aceito)", " (accepted)").of(language)
    return f"{one.till} · {number} · {one.access_key or '?'} · R$ {total} · {_WHAT[one.what].of(language)}{said}"
