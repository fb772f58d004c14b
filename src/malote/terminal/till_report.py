"""A till's status in words: as tables for people, and as JSON for programs."""

from collections.abc import Iterator
from typing import Any

import msgspec
from rich.console import RenderableType
from rich.table import Table

from malote import rejection
from malote.bilingual import Bilingual
from malote.config import Settings
from malote.terminal.output import amount
from malote.till.missing_in_erp import MissingInErp
from malote.till.outbox_records import OutboxCounts
from malote.till.status import OutboxStatus

_MOST_ROWS = 20

_WORDS = Bilingual(
    {
        "nothing": "Nenhuma venda capturada ainda em {folder}.",
        "begin": "Inicie o agente com: malote till run",
        "no_folder": "Diga onde o PDV grava os arquivos em till.folder, depois inicie: malote till run",
        "captured": "A enviar",
        "accepted": "No servidor, sem comprovação",
        "posted": "Comprovadas no ERP",
        "kept": "Guardadas no servidor, sem lançar",
        "rejected": "Rejeitadas",
        "held": "Retidas no caixa",
        "discarded": "Descartadas no servidor",
        "refused": "Não capturadas",
        "passed_over": "Anteriores ao início, não enviadas",
        "outside": "das quais fora do ERP agora",
        "oldest": "A mais antiga espera há",
        "last": "Última venda",
        "server": "Servidor",
        "answered": "respondeu",
        "silent": "não respondeu",
        "never": "nenhum contato ainda",
        "file": "Arquivo",
        "reason": "Motivo",
        "remedy": "O que fazer",
        "more": "… e mais {count}; veja todas com --json",
    },
    {
        "nothing": "No sale captured yet from {folder}.",
        "begin": "Start the agent with: malote till run",
        "no_folder": "Say in till.folder where the POS writes its files, then start: malote till run",
        "captured": "To be sent",
        "accepted": "On the server, not proven",
        "posted": "Proven in the ERP",
        "kept": "Kept on the server, not booked",
        "rejected": "Rejected",
        "held": "Held at the till",
        "discarded": "Discarded on the server",
        "refused": "Not captured",
        "passed_over": "From before the beginning, not sent",
        "outside": "of which not in the ERP any more",
        "oldest": "The oldest has waited for",
        "last": "Last sale",
        "server": "Server",
        "answered": "answered",
        "silent": "did not answer",
        "never": "no contact yet",
        "file": "File",
        "reason": "Reason",
        "remedy": "What to do",
        "more": "… and {count} more; see all with --json",
    },
)


def needs_a_person(status: OutboxStatus) -> bool:
    """Whether something will not pass by itself."""
    code = status.line.code if status.line else None
    shut = code is not None and not rejection.entry(code).transient
    waits = status.counts.rejected or status.counts.held or status.refused or status.outside.count
    return bool(waits or shut)


def as_json(status: OutboxStatus | None, settings: Settings) -> dict[str, Any]:
    """Everything known, with the reasons in words."""
    counts = status.counts if status else OutboxCounts()
    known: dict[str, Any] = {
        "outbox": str(settings.outbox_path),
        "empty": status is None or status.empty,
        "pending": counts.captured + counts.held,
        **msgspec.structs.asdict(counts),
        "refused": [],
        "troubles": [],
        "passed_over": status.passed_over if status else 0,
        "outside": status.outside if status else MissingInErp(),
        "oldest_pending_seconds": None,
        "last_sale": None,
        "server": {"server": settings.till.server, "reachable": None},
    }
    if status is not None:
        known |= {
            "refused": [
                {**msgspec.structs.asdict(refusal), **_words(refusal.code, refusal.facts, None, settings)}
                for refusal in status.refused
            ],
            "troubles": [
                {**msgspec.structs.asdict(trouble), **_words(trouble.code, {}, trouble.message, settings)}
                for trouble in status.troubles
            ],
            "oldest_pending_seconds": status.oldest_pending_seconds,
            "last_sale": status.last_sale,
        }
        if status.line is not None:
            known["server"] = status.line
    return known


def as_tables(status: OutboxStatus | None, settings: Settings) -> Iterator[RenderableType]:
    """What a person wants to see, in the language of the settings."""
    words = _WORDS.of(settings.language)
    if status is None or (status.empty and not status.refused):
        yield words["nothing"].format(folder=settings.till.folder or "?")
        yield words["begin"] if settings.till.folder else words["no_folder"]
        if status is None:
            return
    yield _figures(status, settings, words)
    rows = list(_troubles(status, settings))
    if rows:
        yield _trouble_table(rows[:_MOST_ROWS], words)
    if len(rows) > _MOST_ROWS:
        yield words["more"].format(count=len(rows) - _MOST_ROWS)


def _figures(status: OutboxStatus, settings: Settings, words: dict[str, str]) -> Table:
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", overflow="fold")
    for state, count in msgspec.structs.asdict(status.counts).items():
        if count or state in ("captured", "accepted", "posted", "rejected"):
            table.add_row(words[state], str(count))
        if state == "posted" and status.outside.count:
            lost = f"{status.outside.count}  R$ {amount(status.outside.total, settings.language)}"
            table.add_row(words["outside"], lost)
    if status.refused:
        table.add_row(words["refused"], str(len(status.refused)))
    if status.passed_over:
        table.add_row(words["passed_over"], str(status.passed_over))
    if status.oldest_pending_seconds is not None:
        table.add_row(words["oldest"], _age(status.oldest_pending_seconds))
    if status.last_sale is not None:
        sale = status.last_sale
        table.add_row(words["last"], f"{sale.series}/{sale.number}  {(sale.issued_at or '?')[:19].replace('T', ' ')}")
    table.add_row(words["server"], _server(status, settings, words))
    return table


def _server(status: OutboxStatus, settings: Settings, words: dict[str, str]) -> str:
    line = status.line
    if line is None:
        return f"{settings.till.server}: {words['never']}"
    said = f"{line.server}: {words['answered' if line.reachable else 'silent']}"
    if line.code is None:
        return said
    return f"{said}; {rejection.title(line.code, settings.language)} [{line.code}]"


def _troubles(status: OutboxStatus, settings: Settings) -> Iterator[tuple[str, str, str]]:
    for refusal in status.refused:
        said = _words(refusal.code, refusal.facts, None, settings)
        yield refusal.name, f"{said['title']}: {said['cause']} [{refusal.code}]", said["remedy"]
    for trouble in status.troubles:
        said = _words(trouble.code, {}, trouble.message, settings)
        yield trouble.name, f"{said['title']}: {said['cause']} [{trouble.code}]", said["remedy"]


def _trouble_table(rows: list[tuple[str, str, str]], words: dict[str, str]) -> Table:
    table = Table(show_lines=True)
    for heading in ("file", "reason", "remedy"):
        table.add_column(words[heading], overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _words(code: str | None, facts: dict[str, str], said: str | None, settings: Settings) -> dict[str, str]:
    """A reason in words; ``said`` is the server's own account of the case, which knows its facts."""
    chosen = code or "unknown_reason"
    title = rejection.title(chosen, settings.language)
    return {
        "title": title,
        "cause": said.removeprefix(f"{title}: ") if said else rejection.cause(chosen, facts, settings.language),
        "remedy": rejection.remedy(chosen, facts, settings.language),
    }


def _age(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{rest} s"
