"""``malote attention``: everything that a person must look at, whatever state it is in, the heaviest first."""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.text import Text

from malote import rejection
from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.command import FOUND, ConfigOption, JsonOption, services_of
from malote.terminal.first_of_many import first_of_many
from malote.terminal.output import amount, console, print_json, say
from malote.terminal.tables import plain_table

if TYPE_CHECKING:
    from malote.app import Services
    from malote.register.documents import StoredDocument

_OVERDUE = "protocol_overdue"
_PAGE = 500


class Attention(msgspec.Struct, frozen=True):
    """One document. ``state`` is ``rejected``, or ``posted`` for one that is booked all the same."""

    id: int
    till: str
    state: str
    key: str | None
    series: int | None
    number: int | None
    total: int | None  # cents
    code: str
    title: str
    cause: str
    remedy: str


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("attention")(attention)


def attention(
    till: Annotated[str | None, typer.Argument(help="Only this till.", metavar="TILL")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Lists what a person must look at: rejected, booked in doubt, offline without protocol. Exit status 1 if any."""
    with services_of(config) as services:
        if till is not None:
            from malote.tills.till import find_till

            till = find_till(services.engine, till).name
        found = sorted(_all(services, till), key=lambda one: (rejection.weight(one.code), one.code, one.id))
        language = services.settings.language
    if json:
        print_json(found)
    elif not found:
        say(Bilingual("Nada a conferir.", "Nothing to look at.").of(language))
    else:
        _show(first_of_many(found, language), language)
    if found:
        raise typer.Exit(FOUND)


def _all(services: "Services", till: str | None) -> Iterator[Attention]:
    from malote.register import till_documents

    language, engine = services.settings.language, services.engine
    after = 0
    while page := till_documents.documents_of(engine, till, "rejected", after_id=after, limit=_PAGE):
        yield from (_of(one, language) for one in page)
        after = page[-1].id
    yield from (_of(one, language) for one in till_documents.flagged(engine, till))
    for late in till_documents.overdue(engine, till, now=time.time()):
        yield _of(till_documents.document(engine, late.document_id), language, _OVERDUE)


def _of(document: "StoredDocument", language: Language, code: str = "") -> Attention:
    reason = document.reason
    facts = reason.facts if reason and not code else {}
    code = code or (reason.code if reason else "unknown_reason")
    return Attention(
        id=document.id,
        till=document.till,
        state=document.state,
        key=document.access_key,
        series=document.series,
        number=document.number,
        total=document.total,
        code=code,
        title=rejection.title(code, language),
        cause=rejection.cause(code, facts, language),
        remedy=rejection.remedy(code, facts, language),
    )


def _show(found: Sequence[Attention], language: Language) -> None:
    headings = Bilingual(
        ("Nº", "Caixa", "Série/número", "R$", "O quê", "O que fazer"),
        ("No.", "Till", "Series/number", "R$", "What", "What to do"),
    )
    table = plain_table(headings.of(language))
    for one in found:
        number = f"{one.series}/{one.number}" if one.number is not None else "—"
        total = "—" if one.total is None else amount(one.total, language)
        what = Text(f"{one.title} [{one.code}]\n{one.cause}")
        table.add_row(str(one.id), one.till, number, total, what, Text(one.remedy))
    console.print(table)
