"""``malote status``: each till at a glance, and what lies unread in the drop folder."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from malote import rejection
from malote.cli.common import ConfigOption, JsonOption, console, print_json, services_of
from malote.cli.tills import say_no_tills
from malote.rejection import Language

if TYPE_CHECKING:
    from malote.app import Services
    from malote.intake.dropped_files import Finding
    from malote.spool.documents import TillStatus

_HEADINGS: dict[Language, tuple[str, ...]] = {
    "pt": ("Caixa", "Situação", "Pendentes", "Em espera", "Enviadas", "Rejeitadas", "Último contato", "Última venda"),
    "en": ("Till", "State", "Pending", "Waiting", "Posted", "Rejected", "Last contact", "Last sale"),
}
_NUMBERS = range(2, 6)  # columns


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("status")(status)


def status(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Shows of each till what is pending, waiting, posted and rejected, and when it was last heard of."""
    with services_of(config) as services:
        tills = services.spool.status()
        findings = _findings(services)
        language = services.settings.language
        skew = services.settings.intake.clock_skew_seconds
    if json:
        print_json({"tills": tills, "drop_folder": findings})
    elif not tills:
        say_no_tills(english=language == "en")
    else:
        console.print(_table(tills, language, skew))
    if not json and findings:
        _show_findings(findings, language)


def _findings(services: "Services") -> "list[Finding]":
    from malote.intake.dropped_files import Finding, look

    settings = services.settings
    seen = look(settings.drop_path, services.tills(), settings.intake.max_document_bytes)
    return [one for one in seen if isinstance(one, Finding)]


def _table(tills: "Sequence[TillStatus]", language: Language, skew: float) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column, heading in enumerate(_HEADINGS[language]):
        table.add_column(heading, justify="right" if column in _NUMBERS else "left")
    for till in tills:
        table.add_row(
            Text(f"{till.till}\n{till.label}" if till.label else till.till),
            _state(till, language, skew),
            str(till.pending),
            _counted(till.waiting, till.waiting_reasons, language),
            str(till.posted),
            _counted(till.rejected, till.rejected_reasons, language),
            _moment(till.last_contact_at) or _never(language),
            _last_sale(till) or "—",
        )
    return table


def _state(till: "TillStatus", language: Language, skew: float) -> Text:
    """The light in words, worst first; the colour only repeats them."""
    english = language == "en"
    if till.disabled:
        return Text("disabled" if english else "desativado", style="dim")
    if till.rejected or till.till_refused:
        return Text("attention: rejected files" if english else "atenção: arquivos rejeitados", style="red")
    if till.clock_skew_seconds is not None and abs(till.clock_skew_seconds) > skew:
        return Text(_clock(till.clock_skew_seconds, language), style="yellow")
    if till.waiting:
        return Text("attention: waiting" if english else "atenção: em espera", style="yellow")
    if till.last_contact_at is None and till.last_number is None:
        return Text("nothing heard yet" if english else "sem contato ainda", style="yellow")
    if till.pending:
        return Text("sending" if english else "enviando", style="cyan")
    return Text("up to date" if english else "em dia", style="green")


def _clock(seconds: float, language: Language) -> str:
    return f"{rejection.title('clock_skewed', language)} ({seconds:+.0f} s)"


def _counted(count: int, reasons: dict[str, int], language: Language) -> Text:
    """The number, and below it each reason in words with its own number."""
    lines = [str(count)]
    lines += [f"{rejection.title(code, language)}: {number}" for code, number in sorted(reasons.items())]
    return Text("\n".join(lines))


def _last_sale(till: "TillStatus") -> str:
    if till.last_number is None:
        return ""
    try:
        issued = f"\n{_local(datetime.fromisoformat(till.last_issued_at or ''))}"
    except ValueError:
        issued = ""
    return f"{till.last_series}/{till.last_number}{issued}"


def _moment(seconds: float | None) -> str:
    return "" if seconds is None else _local(datetime.fromtimestamp(seconds).astimezone())


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%d/%m/%Y %H:%M:%S}"


def _never(language: Language) -> str:
    return "never" if language == "en" else "nunca"


def _show_findings(findings: "Sequence[Finding]", language: Language) -> None:
    typer.echo("\nIn the drop folder, not taken in:" if language == "en" else "\nNa pasta de entrada, sem receber:")
    for finding in findings:
        place = f"{finding.till}/{finding.name}" if finding.name.rstrip("/") != finding.till else finding.name
        typer.echo(f"- {place.lstrip('/')}: {rejection.title(finding.code, language)} [{finding.code}]")
        typer.echo(f"  {rejection.cause(finding.code, finding.facts, language)}")
        typer.echo(f"  {rejection.remedy(finding.code, finding.facts, language)}")
