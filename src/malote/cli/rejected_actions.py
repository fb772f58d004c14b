"""``malote rejected show|delete|restore|replay|download`` and ``malote trash list``: what people do about rejects."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from malote import durable, rejection
from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.command import ConfigOption, DryRunOption, JsonOption, misuse, services_of
from malote.terminal.document_selection import (
    AllOption,
    CodeOption,
    IdArgument,
    IdsArgument,
    TillOption,
    end,
    selection_of,
    show_refused,
)
from malote.terminal.job_report import carry_out
from malote.terminal.output import console, print_json, say
from malote.terminal.tables import folded, local_time, plain_table

if TYPE_CHECKING:
    from malote.quarantine.quarantine_reports import (
        Custody,
        DeleteReport,
        HistoryEvent,
        ReplayReport,
        RestoreReport,
        TrashEntry,
    )
    from malote.register.documents import StoredDocument

_PAGE = 500
# By dry_run. What the ERP says of them is not foreseen: that is told by trying it.
_REPLAYED = {
    False: Bilingual("{count} de volta à fila", "{count} back in the queue"),
    True: Bilingual(
        "{count} voltariam à fila; o que o ERP dirá delas só ele sabe (malote erp try ARQUIVO)",
        "{count} would go back in the queue; what the ERP will say of them only it knows (malote erp try FILE)",
    ),
}

_PROPOSED = {
    "barcode": Bilingual("Proposta pelo código de barras", "Proposed for its barcode"),
    "description": Bilingual("Proposta pela descrição", "Proposed for its description"),
}


def register(app: typer.Typer, trash: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("show")(show)
    app.command("delete")(delete)
    app.command("restore")(restore)
    app.command("replay")(replay)
    app.command("download")(download)
    trash.command("list")(list_trash)


def show(number: IdArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Shows one document: why it was rejected, what may be done, and all that happened to it."""
    from malote.register import till_documents

    with services_of(config) as services:
        quarantine, language = services.quarantine, services.settings.language
        document = till_documents.document(services.engine, number)
        custody, cures = quarantine.custody(number), quarantine.cures(number)
        history = quarantine.history(number)
    if json:
        found = {"document": document, "custody": custody, "cures": cures, "history": history}
        print_json(found)
        return
    _show(document, language)
    _show_custody(document, custody, language)
    for cure in cures:
        say(f"{Bilingual('Correção', 'Cure').of(language)}: {cure.kind} {_facts(cure.facts)}")
        for one in cure.proposed or []:
            say(f"  {_PROPOSED[one.by].of(language)}: {one.code} · {one.description}")
    _show_history(history, language)


def delete(
    numbers: IdsArgument = None,
    till: TillOption = None,
    code: CodeOption = None,
    everything: AllOption = False,
    last_copy_reason: Annotated[
        str | None, typer.Option(help="Deletes what may be the last copy too, for this reason.", metavar="REASON")
    ] = None,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Moves rejected documents to the trash, if the till or the ERP provably has them. Exit status 1 if some stay."""
    from malote.accounts.audit import command_line

    with services_of(config) as services:
        chosen = selection_of(services, numbers, till, code, everything=everything)
        if not dry_run and carry_out(services, "delete", chosen, json=json, last_copy_reason=last_copy_reason):
            return
        report = services.quarantine.delete(chosen, command_line(), last_copy_reason=last_copy_reason, dry_run=dry_run)
        language = services.settings.language
    words = _done(Bilingual("apagados", "deleted"), language, dry_run=dry_run)
    _end_with(report, f"{len(report.deleted)} {words}", language, json=json)


def restore(
    numbers: IdsArgument = None,
    till: TillOption = None,
    code: CodeOption = None,
    everything: AllOption = False,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Takes deleted documents out of the trash: they are rejected again. Exit status 1 if some could not be."""
    from malote.accounts.audit import command_line

    with services_of(config) as services:
        chosen = selection_of(services, numbers, till, code, everything=everything)
        if not dry_run and carry_out(services, "restore", chosen, json=json):
            return
        report = services.quarantine.restore(chosen, command_line(), dry_run=dry_run)
        language = services.settings.language
    words = _done(Bilingual("restaurados", "restored"), language, dry_run=dry_run)
    _end_with(report, f"{len(report.restored)} {words}", language, json=json)


def replay(
    numbers: IdsArgument = None,
    till: TillOption = None,
    code: CodeOption = None,
    everything: AllOption = False,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Reads rejected documents again, in order of arrival, and puts those that are fit now back in the queue."""
    from malote.accounts.audit import command_line

    with services_of(config) as services:
        chosen = selection_of(services, numbers, till, code, everything=everything)
        if not dry_run and carry_out(services, "replay", chosen, json=json):
            return
        report = services.quarantine.replay(chosen, command_line(), dry_run=dry_run)
        language = services.settings.language
    words = _REPLAYED[dry_run].of(language).format(count=len(report.replayed))
    _end_with(report, words, language, json=json)


def download(
    numbers: Annotated[list[int], typer.Argument(help="Numbers of documents, as listed.", metavar="NUMBER...")],
    to: Annotated[Path, typer.Option(help="Folder to write the files to.")] = Path(),
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Writes the files of documents to a folder, whole, and says how they are called."""
    from malote.accounts.audit import command_line

    written: list[str] = []
    with services_of(config) as services:
        for number in dict.fromkeys(numbers):
            found = services.quarantine.download(number, command_line())
            target = to / found.name
            if target.exists() and target.read_bytes() != found.content:
                misuse(
                    config, Bilingual(f"{target} já existe, com outro conteúdo", f"{target} exists, with other content")
                )
            durable.write(target, found.content)
            written.append(str(target))
    if json:
        print_json(written)
    else:
        for path in written:
            say(path)


def list_trash(till: TillOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Lists what was deleted and can be restored: by whom, on what grounds, and until when."""
    with services_of(config) as services:
        if till is not None:
            from malote.tills.till import find_till

            till = find_till(services.engine, till).name
        found: list[TrashEntry] = []
        page = services.quarantine.trash(till, size=_PAGE)
        found += page.entries
        while page.older is not None:
            page = services.quarantine.trash(till, before=page.older, size=_PAGE)
            found += page.entries
        language = services.settings.language
    if json:
        print_json(found)
    elif not found:
        say(Bilingual("A lixeira está vazia.", "The trash is empty.").of(language))
    else:
        _show_trash(found, language)


def _show_trash(found: "list[TrashEntry]", language: Language) -> None:
    headings = Bilingual(
        ("Nº", "Caixa", "Documento", "Apagado", "Por", "Fundamento", "Até"),
        ("No.", "Till", "Document", "Deleted", "By", "Grounds", "Until"),
    )
    table = plain_table(headings.of(language))
    for one in found:
        document = one.document
        grounds = one.grounds if not one.reason else f"{one.grounds}: {folded(one.reason)}"
        name = document.access_key or document.file_name
        cells = (
            name,
            local_time(one.deleted_at, language),
            one.deleted_by,
            grounds,
            local_time(one.purge_at, language),
        )
        table.add_row(str(document.id), document.till, *map(Text, cells))
    console.print(table)


def _show(document: "StoredDocument", language: Language) -> None:
    say(f"{document.id}  {document.till}  {document.state}")
    for said in (document.access_key, document.file_name):
        if said:
            say(f"  {said}")
    reason = document.reason
    if reason is not None:
        say(f"{rejection.title(reason.code, language)} [{reason.code}]")
        say(f"  {rejection.cause(reason.code, reason.facts, language)}")
        say(f"  {rejection.remedy(reason.code, reason.facts, language)}")


def _show_custody(document: "StoredDocument", custody: "Custody", language: Language) -> None:
    if document.state != "rejected":
        return
    if custody.grounds is None:
        say(f"{rejection.title('last_copy', language)} [last_copy]")
        return
    holder = {"till": ("the till", "o caixa"), "erp": ("the ERP", "o ERP")}.get(custody.grounds, ("", ""))
    say(Bilingual(f"Também com {holder[1]}", f"Held by {holder[0]}").of(language))


def _show_history(history: "list[HistoryEvent]", language: Language) -> None:
    from malote.quarantine.history_text import words

    for event in history:
        say(f"{local_time(event.at, language)}  {event.who}  {words(event, language)}")


def _facts(facts: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in facts.items() if value)


def _done(words: Bilingual[str], language: Language, *, dry_run: bool) -> str:
    if dry_run:
        words = Bilingual(f"seriam {words.pt}", f"would be {words.en}")
    return words.of(language)


def _end_with(
    report: "DeleteReport | RestoreReport | ReplayReport", words: str, language: Language, *, json: bool
) -> None:
    """Says what was done, and what was left as it is and why."""
    if json:
        print_json(report)
    else:
        say(words)
        show_refused(report.refused, language)
    end(report.refused)
