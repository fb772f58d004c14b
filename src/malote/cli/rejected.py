"""``malote rejected list``: the documents that a person must look at, with what to do about each.

What can be done to them is in ``rejected_actions``.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from malote import rejection
from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.command import ConfigOption, JsonOption, services_of
from malote.terminal.document_selection import CodeOption, TillOption
from malote.terminal.first_of_many import first_of_many
from malote.terminal.output import console, print_json, say

if TYPE_CHECKING:
    from malote.app import Services
    from malote.quarantine.rejected_files import RejectedFile
    from malote.register.documents import StoredDocument

_PAGE = 500


class RejectedEntry(msgspec.Struct, frozen=True):
    """One rejected document. ``id`` is None where only the folder knows it, ``path`` where only the spool does."""

    till: str
    document: str  # as the till called the file
    key: str | None
    code: str
    title: str
    cause: str
    remedy: str
    path: str | None
    id: int | None
    facts: dict[str, str]  # the reason's, each under its own name: the ERP's words in "said", "column", "constraint"


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("list")(list_rejected)


def list_rejected(
    till: TillOption = None, code: CodeOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Lists rejected documents: why each was rejected, what to do, and where its file is."""
    with services_of(config) as services:
        if till is not None:
            from malote.tills.till import find_till

            till = find_till(services.engine, till).name
        found = [one for one in entries(services, till) if code is None or one.code == code]
    if json:
        print_json(found)
    elif not found:
        say(Bilingual("Nenhum documento rejeitado.", "No document is rejected.").of(services.settings.language))
    else:
        language = services.settings.language
        console.print(_table(first_of_many(found, language), language))
        folder = services.settings.quarantine_path
        say(Bilingual(f"Os arquivos estão em {folder}", f"The files are in {folder}").of(services.settings.language))


def entries(services: "Services", till: str | None) -> Iterator[RejectedEntry]:
    """What the spool rejected, in order of arrival, and then what only the folder holds."""
    from malote.quarantine.rejected_files import listing

    language = services.settings.language
    kept = {_place(one): one for one in listing(services.settings.quarantine_path, till)}
    for document in _rejected(services, till):
        one = kept.pop((document.till, document.file_sha256, document.position), None)
        yield entry_of(document, one.path if one else None, language)
    for one in kept.values():
        yield _of_folder(one, language)


def _rejected(services: "Services", till: str | None) -> "Iterator[StoredDocument]":
    from malote.register import till_documents

    after = 0
    while page := till_documents.documents_of(services.engine, till, "rejected", after_id=after, limit=_PAGE):
        yield from page
        after = page[-1].id


def _place(kept: "RejectedFile") -> tuple[str, str, int]:
    """What the folder and the spool know one document by; a file without its sidecar is nobody's but its own."""
    if kept.sidecar is None:
        return kept.till, kept.path.name, -1
    return kept.till, kept.sidecar.sha256, kept.sidecar.position


def entry_of(document: "StoredDocument", path: Path | None, language: Language) -> RejectedEntry:
    reason = document.reason
    code, facts = (reason.code, reason.facts) if reason else ("unknown_reason", {})
    return RejectedEntry(
        till=document.till,
        document=document.file_name,
        key=document.access_key,
        code=code,
        title=rejection.title(code, language),
        cause=rejection.cause(code, facts, language),
        remedy=rejection.remedy(code, facts, language),
        path=str(path) if path else None,
        id=document.id,
        facts=facts,
    )


def _of_folder(kept: "RejectedFile", language: Language) -> RejectedEntry:
    sidecar = kept.sidecar
    code, facts = (sidecar.code, sidecar.facts) if sidecar else ("unknown_reason", {"code": "?"})
    return RejectedEntry(
        till=kept.till,
        document=sidecar.file_name if sidecar else kept.path.name,
        key=sidecar.access_key if sidecar else None,
        code=code,
        title=rejection.title(code, language),
        cause=rejection.cause(code, facts, language),
        remedy=rejection.remedy(code, facts, language),
        path=str(kept.path),
        id=None,
        facts=facts,
    )


def _table(found: Sequence[RejectedEntry], language: Language) -> Table:
    table = Table(show_lines=True)
    headings = Bilingual(
        ("Nº", "Caixa", "Documento", "Motivo", "O que fazer"), ("No.", "Till", "Document", "Reason", "What to do")
    ).of(language)
    for heading in headings:
        table.add_column(heading)
    for one in found:
        table.add_row(
            str(one.id) if one.id is not None else "—",
            one.till,
            Text("\n".join(part for part in (one.key, one.document) if part), overflow="fold"),
            # Folded, since a cause holds names that end where it matters: item[2].description.
            Text(f"{one.title} [{one.code}]\n{one.cause}", overflow="fold"),
            Text(one.remedy, overflow="fold"),
        )
    return table
