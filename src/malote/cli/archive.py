"""``malote archive``: the legal archive of a month, and what is in one."""

from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from malote.bilingual import Bilingual
from malote.fiscal import typed_input
from malote.fiscal.typed_input import TypedError, plain, taxpayer
from malote.rejection import Language
from malote.terminal.command import FOUND, ConfigOption, JsonOption, explained, services_of, settings_of, wrong_usage
from malote.terminal.output import errors, print_json, say

if TYPE_CHECKING:
    from malote.app import Services
    from malote.archive.exporting import ExportedMonth
    from malote.archive.selecting import ArchiveMonth

MOST_SHOWN = 200  # on a terminal; --json has all

PathsArgument = Annotated[list[Path], typer.Argument(help="Archives, or folders of them.", metavar="FILE|FOLDER...")]
CnpjOption = Annotated[str | None, typer.Option("--cnpj", help="Only this issuer.", metavar="CNPJ")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("export")(export)
    app.command("search")(search)
    app.command("verify")(verify)


def export(
    target: Annotated[Path, typer.Argument(help="A .zip file, or a folder for one per CNPJ.", metavar="FILE|FOLDER")],
    month: Annotated[str, typer.Option("--month", help="Month of issue.", metavar="YYYY-MM")],
    cnpj: CnpjOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Writes what was authorised in a month, with its cancellations, voids and events: a ZIP file per CNPJ with an
    index (CSV, JSON) and hashes. Exit status 1 where something is left out: its file has left the server, or it has no
    protocol yet.
    """
    from malote.archive.selecting import ArchiveMonth

    said = typed_input.month(month)
    if said is None:
        wrong_usage(f"--month: {month}: YYYY-MM, MM/YYYY")
    wanted = ArchiveMonth(said)
    with services_of(config) as services:
        done = _export(services, target, wanted, cnpj)
        language = services.settings.language
    if json:
        print_json(done)
    else:
        _show(done, language)
    if any(one.missing or one.damaged or one.waiting for one in done):
        raise typer.Exit(FOUND)


def search(
    paths: PathsArgument,
    key: Annotated[str, typer.Option("--key", help="Access key, or a part of it.", metavar="KEY")] = "",
    number: Annotated[str, typer.Option("--number", help="Number of the document.", metavar="NUMBER")] = "",
    value: Annotated[str, typer.Option("--value", help="Total in reais, such as 12,98.", metavar="VALUE")] = "",
    day: Annotated[str, typer.Option("--date", help="Day or month of issue.", metavar="YYYY-MM-DD")] = "",
    cnpj: CnpjOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Finds documents in archives by their index, without a server. Exit status 1 where nothing fits."""
    from malote.archive.searching import ArchiveQuery, archives_in
    from malote.archive.searching import search as searching

    settings = settings_of(config)
    query = ArchiveQuery(plain(key), plain(number).lstrip("0"), _total(value), _day_or_month(day), _issuer(cnpj))
    with explained(settings):
        found = [hit for path in archives_in(paths) for hit in searching(path, query)]
    if json:
        print_json(found)
    else:
        for hit in found[:MOST_SHOWN]:
            row = hit.row
            total = f"R$ {row.total}" if row.total else "—"
            say(f"{row.issued_at} · {total} · {row.kind} · {row.access_key} · {hit.archive}: {row.path}")
        if len(found) > MOST_SHOWN:
            say(f"… +{len(found) - MOST_SHOWN} (--json)")
    if not found:
        raise typer.Exit(FOUND)


def verify(paths: PathsArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Proves that every file of an archive is what its index says, without a server. Exit status 1 where one isn't."""
    from malote.archive.searching import archives_in
    from malote.archive.searching import verify as verifying

    settings = settings_of(config)
    with explained(settings):
        found = {str(path): list(verifying(path)) for path in archives_in(paths)}
    if json:
        print_json(found)
    else:
        for path, faults in found.items():
            good = Bilingual("íntegro", "whole").of(settings.language)
            say(f"{path}: {good}" if not faults else f"{path}: {len(faults)}")
            for one in faults[:MOST_SHOWN]:
                say(f"  {one.path}: {_PROBLEMS[one.problem].of(settings.language)}")
    if any(found.values()):
        raise typer.Exit(FOUND)


def _day_or_month(text: str) -> str:
    if not text:
        return ""
    found = typed_input.day(text)
    said = found.isoformat() if found else typed_input.month(text)
    if said is None:
        wrong_usage(f"--date: {text}: YYYY-MM-DD, YYYY-MM")
    return said


_PROBLEMS: dict[str, Bilingual[str]] = {
    "altered": Bilingual("alterado", "altered"),
    "missing": Bilingual("falta", "missing"),
    "unexpected": Bilingual("não consta do índice", "not in the index"),
}


def _export(services: "Services", target: Path, month: "ArchiveMonth", cnpj: str | None) -> "list[ExportedMonth]":
    from malote import durable
    from malote.accounts.audit import command_line
    from malote.archive import exporting, selecting

    one_file = target.suffix.lower() == ".zip"
    issuers = [_issuer(cnpj)] if cnpj else selecting.issuers(services.engine, month)
    if one_file and len(issuers) > 1:
        wrong_usage(f"{target}: {', '.join(issuers)}: --cnpj")
    durable.make_folder(target.parent if one_file else target)
    done = []
    for issuer in issuers:
        file = target if one_file else target / f"{issuer}-{month.text}.zip"
        total = selecting.count(services.engine, month, issuer)
        with Progress(console=errors, transient=True, disable=not errors.is_terminal) as bar:
            task = bar.add_task(file.name, total=total)
            part = exporting.ArchivePart(issuer, month)
            done.append(exporting.export(services.engine, part, file, partial(bar.advance, task), command_line()))
    return done


def _show(done: "list[ExportedMonth]", language: Language) -> None:
    if not done:
        say(Bilingual("Nada foi emitido neste mês.", "Nothing was issued in this month.").of(language))
    for one in done:
        say(f"{one.file}: {one.documents} {Bilingual('documentos', 'documents').of(language)}")
        say(f"  SHA-256 {one.sha256}")
        if one.missing:
            gone = Bilingual("arquivos já saíram do servidor", "files have left the server").of(language)
            say(f"  {one.missing}: {gone} [content_pruned]")
        if one.damaged:
            spoilt = Bilingual("danificados aqui, ficaram de fora", "damaged here, left out").of(language)
            say(f"  {len(one.damaged)}: {spoilt} [kept_damaged]")
        if one.waiting:
            left_out = Bilingual("vendas sem protocolo ficaram de fora", "sales without protocol are left out").of(
                language
            )
            say(f"  {one.waiting}: {left_out} [not_authorised_yet]")


def _issuer(cnpj: str | None) -> str:
    if cnpj is None:
        return ""
    try:
        return taxpayer(cnpj)
    except TypedError as error:
        wrong_usage(f"--cnpj: {error.detail}")


def _total(value: str) -> str:
    """As the index has it: of several signs, the last one stands before the cents."""
    if not value:
        return ""
    digits = value.upper().replace("R$", "").replace(" ", "")
    if "," in digits and digits.rfind(",") > digits.rfind("."):
        digits = digits.replace(".", "").replace(",", ".")
    try:
        return f"{Decimal(digits.replace(',', '')):.2f}"
    except InvalidOperation:
        wrong_usage(f"--value: {value}: 12,98")
