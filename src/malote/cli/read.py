"""``malote read``: what each document says, and everything wrong with it. Touches no server and keeps nothing."""

import glob
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace
from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from malote import rejection
from malote.bilingual import Bilingual
from malote.config import Settings, limits_of
from malote.fiscal import cfops
from malote.fiscal.amounts import money
from malote.fiscal.documents import Answer, Cancellation, Document, Event, NumberVoid, Sale
from malote.fiscal.problems import Problem, reject
from malote.fiscal.reader import Limits, Reading, Summary, read, summary
from malote.fiscal.reading_result import unreadable
from malote.fiscal.schema import SchemaFinding, findings
from malote.rejection import Language
from malote.terminal.command import FOUND, OK, ConfigOption, misuse, settings_of, wrong_usage
from malote.terminal.output import console, print_json
from malote.terminal.reading_json import document_read

_Files = Annotated[list[str], typer.Argument(metavar="FILE", help="XML files; of a folder, its *.xml files.")]
_On = Annotated[
    datetime | None,
    typer.Option(
        "--on", formats=["%Y-%m-%d"], help="By the rules of this day, such as next year's: what is refused then?"
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object per document, one line each.")]

_LABELS: Bilingual[dict[str, str]] = Bilingual({
        "sale": "Venda", "cancellation": "Cancelamento", "number_void": "Inutilização", "none": "Documento ilegível",
        "event": "Evento", "answer": "Resposta da SEFAZ", "event_type": "Tipo do evento", "status": "cStat",
        "key": "Chave", "issuer": "CNPJ", "number": "Modelo, série, número", "issued_at": "Emissão",
        "environment": "Ambiente", "1": "produção", "2": "homologação", "emission": "Forma de emissão",
        "offline": "contingência offline", "authorised": "Autorizado", "consumer": "Consumidor identificado",
        "total": "Total", "paid": "Pagamentos", "change": "Troco", "reason": "Justificativa", "range": "Números",
        "yes": "sim", "no": "não", "items": "#|Código|Descrição|Qtde.|Preço|Valor|Desconto", "remedy": "O que fazer",
        "schema": "Leiaute oficial", "reject": "REJEITA", "keep": "guarda, não lança",
        "norm": "Regras aplicadas", "warning": "aviso", "fine": "Sem problemas.",
    }, {
        "sale": "Sale", "cancellation": "Cancellation", "number_void": "Voided numbers", "none": "Unreadable document",
        "event": "Event", "answer": "Authority's answer", "event_type": "Event type", "status": "cStat",
        "key": "Key", "issuer": "CNPJ", "number": "Model, series, number", "issued_at": "Issued",
        "environment": "Environment", "1": "production", "2": "test", "emission": "Emission type",
        "offline": "offline contingency", "authorised": "Authorised", "consumer": "Consumer named",
        "total": "Total", "paid": "Payments", "change": "Change", "reason": "Reason", "range": "Numbers",
        "yes": "yes", "no": "no", "items": "#|Code|Description|Qty|Price|Amount|Discount", "remedy": "What to do",
        "schema": "Official layout", "reject": "REJECTS", "keep": "keeps, not booked",
        "norm": "Rules applied", "warning": "warning", "fine": "No problems.",
    })  # fmt: skip


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("read")(read_files)


def read_files(files: _Files, on: _On = None, json: _Json = False, config: ConfigOption = None) -> None:
    """Reads fiscal documents and says all that is wrong with them; exit status 1 if any would be rejected."""
    settings = settings_of(config)
    limits = replace(limits_of(settings.store, settings.intake), on=on.date() if on else None)
    rejected = False
    for path in _chosen(config, files):
        raw, readings = _read(path, limits)
        for read_here in readings:
            reading = _with_operation(read_here, settings)
            rejected = rejected or reading.rejected
            if json:
                print_json(document_read(_readable(str(path)), reading, settings.language))
            else:
                advice = findings(raw) if reading.rejected else []
                console.print(_as_panel(path, reading, advice, settings.language))
    raise typer.Exit(FOUND if rejected else OK)


def _with_operation(reading: Reading, settings: Settings) -> Reading:
    """The reading with what this store's server would find about the note's operation."""
    if not isinstance(reading.document, Sale):
        return reading
    found = cfops.judge(reading.document, settings.fiscal.operations)
    return replace(reading, problems=[*reading.problems, *found]) if found else reading


def _chosen(config: Path | None, arguments: list[str]) -> list[Path]:
    """The files meant, in order. Ends the command when an argument names none."""
    chosen: list[Path] = []
    for argument in arguments:
        try:
            found = _files_of(Path(argument))
        except OSError as error:
            wrong_usage(f"{_readable(argument)}: {error.strerror}")
        if not found:
            name = _readable(argument)
            misuse(config, Bilingual(f"{name}: esse arquivo não existe", f"{name}: no such file"))
        chosen += found
    return chosen


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix.lower() == ".xml" and file.is_file())
    if path.exists():
        return [path]
    # Windows leaves wildcards to the program.
    return [Path(name) for name in sorted(glob.glob(str(path))) if Path(name).is_file()]  # noqa: PTH207


def _read(path: Path, limits: Limits) -> tuple[bytes, list[Reading]]:
    """The file's bytes, no more than may be read, and what they say."""
    try:
        raw, size = _opened(path, limits.max_bytes)
    except OSError as error:
        return b"", [unreadable([reject("file_unreadable", detail=error.strerror)])]
    if len(raw) > limits.max_bytes:
        return b"", [unreadable([reject("file_too_large", size=max(size, len(raw)), limit=limits.max_bytes)])]
    return raw, read(raw, limits)


def _opened(path: Path, limit: int) -> tuple[bytes, int]:
    """The content, of which no more is read than tells that it is too large, and its whole size."""
    with path.open("rb") as file:
        return file.read(limit + 1), os.fstat(file.fileno()).st_size


def _as_panel(path: Path, reading: Reading, advice: Sequence[SchemaFinding], language: Language) -> Panel:
    labels = _LABELS.of(language)
    parts: list[RenderableType] = [_facts(reading, labels)]
    if isinstance(reading.document, Sale):
        parts.append(_items(reading.document, labels))
    parts += [_problem(problem, language) for problem in reading.problems] or [Text(labels["fine"], style="green")]
    if advice:
        parts.append(_advice(advice, labels))
    title = Text(f"{_readable(str(path))} — {labels[reading.kind or 'none']}")
    return Panel(Group(*parts), title=title, title_align="left", border_style="red" if reading.rejected else "green")


def _facts(reading: Reading, labels: dict[str, str]) -> Table:
    seen = summary(reading)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in _named_facts(seen, labels) + _document_facts(reading.document, labels):
        table.add_row(Text(labels[name], style="dim"), Text(_printable(value)))
    return table


def _named_facts(seen: Summary, labels: dict[str, str]) -> list[tuple[str, str]]:
    number = [str(part) for part in (seen.model, seen.series, seen.number) if part is not None]
    offline = f"9 ({labels['offline']})" if seen.emission == 9 else seen.emission
    facts = {
        "key": seen.access_key,
        "issuer": seen.issuer,
        "number": " / ".join(number) or None,
        "issued_at": seen.issued_at,
        "environment": None if seen.environment is None else labels.get(str(seen.environment), str(seen.environment)),
        "emission": offline,
        "authorised": None if seen.authorised is None else labels["yes" if seen.authorised else "no"],
        "total": None if seen.total is None else money(seen.total),
        "change": money(seen.change) if seen.change else None,
    }
    return [(name, str(value)) for name, value in facts.items() if value is not None]


def _document_facts(document: Document | None, labels: dict[str, str]) -> list[tuple[str, str]]:
    match document:
        case Sale():
            paid = ", ".join(f"{payment.method}: {money(payment.amount)}" for payment in document.payments)
            consumer = labels["yes" if document.consumer else "no"]
            return [("paid", paid), ("consumer", consumer), ("norm", document.norm)]
        case Cancellation():
            return [("reason", document.reason)]
        case NumberVoid():
            return [("range", f"{document.first} – {document.last}"), ("reason", document.reason)]
        case Event():
            return [("event_type", f"{document.event} {document.description}".strip())]
        case Answer():
            return [("status", str(document.status))]
        case None:
            return []


def _items(sale: Sale, labels: dict[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, heading in enumerate(labels["items"].split("|")):
        table.add_column(heading, justify="left" if place in (1, 2) else "right")
    for item in sale.items:
        row = (
            str(item.number), item.product_code, item.description, str(item.quantity), str(item.unit_price),
            money(item.gross), money(item.discount) if item.discount else "",
        )  # fmt: skip
        table.add_row(*[Text(_printable(cell)) for cell in row])
    return table


def _problem(problem: Problem, language: Language) -> Text:
    labels = _LABELS.of(language)
    rejects = problem.severity == "reject"
    text = Text.assemble(
        (f"{labels[problem.severity]} ", "bold red" if rejects else "yellow"),
        _printable(rejection.message(problem, language)),
        (f" [{problem.code}]", "dim"),
    )
    if rejects:
        remedy = rejection.remedy(problem.code, problem.facts, language)
        text.append(f"\n  {labels['remedy']}: {_printable(remedy)}")
    return text


def _advice(advice: Sequence[SchemaFinding], labels: dict[str, str]) -> Text:
    lines = [f"  {finding.line}: {finding.path}: {finding.message}" for finding in advice]
    return Text(_printable("\n".join([f"{labels['schema']}:", *lines])), style="dim")


def _readable(name: str) -> str:
    """A file's name as text, whatever bytes the file system allows in it."""
    return _printable(os.fsencode(name).decode("utf-8", "replace"))


def _printable(text: str) -> str:
    """Without what could steer a terminal."""
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)
