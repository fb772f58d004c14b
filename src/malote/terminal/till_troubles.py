"""What lies in the POS's folder, what ails the till and what it lost: as JSON, as tables, and as an exit status."""

from collections.abc import Iterator
from typing import Any

import msgspec
from rich.console import RenderableType
from rich.table import Table

from malote import rejection, wire
from malote.bilingual import Bilingual
from malote.config import Settings
from malote.terminal.command import FOUND, OK
from malote.terminal.output import amount
from malote.terminal.till_report import needs_a_person
from malote.till.diagnosis import SeenByDiagnosis
from malote.till.status import OutboxStatus

UNCAPTURED = 4
MACHINE = 5
LOST = 6

_WEIGHTS = {  # any other is the machine's
    "sales_lost": LOST,
    "file_vanished": LOST,
    "files_uncaptured": UNCAPTURED,
    "agent_never_ran": UNCAPTURED,
    "start_unsaid": UNCAPTURED,
}
_HEAVIEST_FIRST = (LOST, UNCAPTURED, MACHINE)
_MOST_ROWS = 50
UNSENT_SECONDS = 900.0  # longer than any of the courier's pauses

_WORDS = Bilingual(
    {
        "seen": "Na pasta do PDV",
        "captured": "dos quais capturados",
        "uncaptured": "dos quais não capturados",
        "lost": ("Perdidas", "Série/número", "Emissão", "R$", "Chave"),
        "unknown": "desconhecida",
    },
    {
        "seen": "In the POS's folder",
        "captured": "of these captured",
        "uncaptured": "of these not captured",
        "lost": ("Lost", "Series/number", "Issued", "R$", "Key"),
        "unknown": "unknown",
    },
)


def exit_status(status: OutboxStatus | None, seen: SeenByDiagnosis) -> int:
    """The heaviest of what is wrong."""
    weights = {_WEIGHTS.get(trouble.code, MACHINE) for trouble in seen.troubles}
    for weight in _HEAVIEST_FIRST:
        if weight in weights:
            return weight
    if status is None:
        return OK
    unsent = status.oldest_pending_seconds or 0.0
    return FOUND if needs_a_person(status) or unsent > UNSENT_SECONDS else OK


def seen_as_json(seen: SeenByDiagnosis, settings: Settings, now: float) -> dict[str, Any]:
    """Money in cents, ages in seconds."""
    folder = None
    if seen.folder is not None:
        folder = msgspec.structs.asdict(seen.folder)
        del folder["oldest"]
        folder["oldest_uncaptured_seconds"] = seen.folder.oldest_seconds(now) if seen.folder.uncaptured else None
    return {
        "folder": folder,
        "ails": [{**msgspec.structs.asdict(one), **_said(one, settings)} for one in seen.troubles],
        "lost": seen.lost,
    }


def seen_as_tables(seen: SeenByDiagnosis, settings: Settings) -> Iterator[RenderableType]:
    """What a person wants to see, in the language of the settings."""
    words = _WORDS.of(settings.language)
    if seen.folder is not None:
        table = Table(show_header=False)
        for name in ("seen", "captured", "uncaptured"):
            table.add_row(str(words[name]), str(getattr(seen.folder, name)))
        yield table
    for trouble in seen.troubles:
        said = _said(trouble, settings)
        value = f" R$ {amount(trouble.value, settings.language)}" if trouble.value else ""
        yield f"{trouble.count} × {said['title']} [{trouble.code}]{value}"
        yield f"{said['cause']} {said['remedy']}"
    if seen.lost:
        yield _lost(seen, settings)


def _lost(seen: SeenByDiagnosis, settings: Settings) -> Table:
    words = _WORDS.of(settings.language)
    table = Table()
    for heading in words["lost"]:
        table.add_column(heading, overflow="fold", justify="right" if heading == "R$" else "left")
    for sale in seen.lost[:_MOST_ROWS]:
        number = f"{sale.series}/{sale.number}" if sale.number is not None else str(words["unknown"])
        value = amount(sale.total, settings.language) if sale.total is not None else "?"
        issued = (sale.issued_at or "?")[:19].replace("T", " ")
        table.add_row(sale.name, number, issued, value, sale.access_key or "?")
    return table


def _said(trouble: wire.TillTrouble, settings: Settings) -> dict[str, str]:
    code, facts, language = trouble.code, trouble.facts, settings.language
    return {
        "title": rejection.title(code, language),
        "cause": rejection.cause(code, facts, language),
        "remedy": rejection.remedy(code, facts, language),
    }
