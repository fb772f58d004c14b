"""``malote status``: each till at a glance, and what lies unread in the drop folder."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import typer
from rich import box
from rich.table import Table
from rich.text import Text

from malote import rejection
from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal import store_clock
from malote.terminal.command import FOUND, ConfigOption, JsonOption, services_of
from malote.terminal.first_of_many import tills_to_show
from malote.terminal.output import amount, console, print_json, say, say_no_tills

if TYPE_CHECKING:
    from malote.app import Services
    from malote.findings.kinds import Finding
    from malote.findings.lights import TillOverview
    from malote.intake.dropped_files import DropFolderFinding as DropFolderFinding
    from malote.reconciliation.erp_memory import ErpTrouble
    from malote.register.documents import OverdueSale, TillStatus
    from malote.tills.troubles import KnownTrouble

_HEADINGS: Bilingual[tuple[str, ...]] = Bilingual(
    ("Caixa", "Situação", "Pendentes", "Em espera", "Enviadas", "Rejeitadas", "Último contato", "Última venda"),
    ("Till", "State", "Pending", "Waiting", "Posted", "Rejected", "Last contact", "Last sale"),
)
_NUMBERS = range(2, 6)  # columns
_NAMED = 3  # files that lie in the drop folder for the same reason
_LIGHTS = {
    "outside": (Bilingual("fora do ERP", "not in ERP"), "bold red"),
    "stopped": (Bilingual("parado", "stopped"), "bold red"),
    "attention": (Bilingual("atenção", "attention"), "yellow"),
    "ok": (Bilingual("em dia", "up to date"), "green"),
    "disabled": (Bilingual("desativado", "disabled"), "dim"),
}
# By the lines of ``_show_reasons``, or of the whole store.
_TOLD_ABOVE = frozenset(
    {
        *(
            "outside",
            "store_wide",
            "differing",
            "erp_stopped",
            "waiting",
            "structure",
            "rejected",
            "flagged",
            "overdue",
        ),
        *("refused", "slowed", "sharing", "troubled", "skewed"),
    }
)
MOST_OVERDUE = 20  # of one till, named one by one


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("status")(status)


def status(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Shows of each till what is pending, waiting, posted, rejected, and all that is wrong. Exit status 1 if any is.

    The lights are those of Gerenciamento. Of more than 200 tills only those that something ails are shown; --json has
    all.
    """
    import time

    from malote.books import note_findings
    from malote.business_day import business_day
    from malote.findings import lights, store_findings, store_wide
    from malote.register import till_documents

    with services_of(config) as services:
        note_findings.look(services.engine, business_day(services.settings.books), time.time())
        tills = till_documents.status(services.engine, now=time.time())
        overviews = {one.name: one for one in lights.every_till(services.engine, now=time.time())}
        whole = [
            *store_wide.store_wide_of(services.engine, time.time()),
            *store_findings.store_findings_of(services.engine, time.time()),
        ]
        overdue = (
            till_documents.overdue(services.engine, now=time.time()) if any(till.overdue for till in tills) else []
        )
        findings = _findings(services)
        ledger = _ledger(services)
        language = services.settings.language
        skew = services.settings.intake.clock_skew_seconds
    if json:
        told = [_merged(till, overviews.get(till.till)) for till in tills]
        print_json({"tills": told, "overdue": overdue, "drop_folder": findings, "erp": ledger, "store": whole})
    elif not tills:
        say_no_tills(language)
    else:
        shown = tills_to_show(tills, lambda till: not _is_well(overviews.get(till.till)), language)
        if shown:
            console.print(_table(shown, overviews, language))
        _show_reasons(shown, overdue, language, skew)
        _show_others([overviews[till.till] for till in shown if till.till in overviews], language)
    if not json:
        _show_whole(whole, language)
    if not json and findings:
        _show_findings(findings, language)
    if whole or findings or not all(map(_is_well, overviews.values())):
        raise typer.Exit(FOUND)


def _is_well(till: "TillOverview | None") -> bool:
    return till is None or till.light in ("ok", "disabled")


def _merged(till: "TillStatus", overview: "TillOverview | None") -> dict[str, object]:
    """One till with its light, the age of its oldest sales, and all that is wrong with it, the heaviest first."""
    told: dict[str, object] = msgspec.to_builtins(till)
    if overview is not None:
        told |= {name: getattr(overview, name) for name in ("light", "cause", "oldest_unsent_at", "oldest_unbooked_at")}
        told["findings"] = [
            {**msgspec.to_builtins(one), "who": one.who, "title": one.title(), "remedy": one.remedy()}
            for one in overview.findings
        ]
    return told


def _show_others(tills: "Sequence[TillOverview]", language: Language) -> None:
    """What the lines above don't say already, with its value, its age and its cure."""
    for till in tills:
        for one in till.findings:
            if one.name not in _TOLD_ABOVE:
                value = f": R$ {amount(one.value, language)}" if one.value else ""
                since = f" · {_moment(one.since)}" if one.since else ""
                count = f"{one.count} × " if one.count else ""
                say(f"{till.name} · {count}{_titled(one.code, language)}{value}{since}")
                say(f"{till.name} ·   {one.remedy(language)}")


def _show_whole(whole: "Sequence[Finding]", language: Language) -> None:
    for one in whole:
        for words in (
            _titled(one.code, language),
            rejection.cause(one.code, one.facts, language),
            one.remedy(language),
        ):
            console.print(words, markup=False, highlight=False, soft_wrap=True)


def _ledger(services: "Services") -> "ErpTrouble | None":
    """What the ERP's ledger lacks of what was booked."""
    from malote.reconciliation.erp_memory import recall

    return recall(services.engine).trouble


def _findings(services: "Services") -> "list[DropFolderFinding]":
    from malote.intake import dropped_files

    settings = services.settings
    seen = dropped_files.look(settings.drop_path, services.tills(), settings.intake.max_document_bytes)
    return [one for one in seen if isinstance(one, dropped_files.DropFolderFinding)]


def _table(tills: "Sequence[TillStatus]", overviews: "Mapping[str, TillOverview]", language: Language) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column, heading in enumerate(_HEADINGS.of(language)):
        longest = max(len(word) for word in heading.split())
        table.add_column(
            heading,
            justify="right" if column in _NUMBERS else "left",
            min_width=longest,
        )
    for till in tills:
        table.add_row(
            Text(f"{till.till}\n{till.label}" if till.label else till.till),
            _state(overviews.get(till.till), language),
            *(str(count) for count in (till.pending, till.waiting, till.posted, till.rejected)),
            _moment(till.last_contact_at) or _never(language),
            _last_sale(till) or "—",
        )
    return table


def _show_reasons(
    tills: "Sequence[TillStatus]", overdue: "Sequence[OverdueSale]", language: Language, skew: float
) -> None:
    """Below the table, in words: what each till's documents wait for or were rejected for, and what ails the till."""
    waiting, rejected = Bilingual(("em espera", "rejeitadas"), ("waiting", "rejected")).of(language)
    kept = Bilingual("guardadas, não lançadas", "kept, not booked").of(language)
    flagged = Bilingual("lançadas, a conferir", "booked, to look at").of(language)
    for till in tills:
        for count, total, code in (
            (till.outside, till.outside_total, "outside_erp"),
            (till.differing, till.differing_total, "differs_in_erp"),
        ):
            if count:
                _say(till, f"{count} × {_titled(code, language)}: R$ {amount(total, language)}")
                _say(till, f"  {rejection.remedy(code, {}, language)}")
        for heading, reasons in (
            (waiting, till.waiting_reasons),
            (rejected, till.rejected_reasons),
            (flagged, till.flagged_reasons),
            (kept, till.kept_reasons),
        ):
            for code, count in sorted(reasons.items(), key=lambda reason: (-reason[1], reason[0])):
                _say(till, f"{heading}: {count} × {_titled(code, language)}")
        if till.overdue:
            _say(
                till,
                f"{till.overdue} × {_titled('protocol_overdue', language)}: R$ {amount(till.overdue_total, language)}",
            )
            for sale in [one for one in overdue if one.till == till.till][:MOST_OVERDUE]:
                _say(till, f"  {sale.series}/{sale.number}  R$ {amount(sale.total, language)}  {sale.access_key}")
        for file in till.till_refused:
            _say(till, f"{file.name}: {_titled(file.code, language)}")
        if till.slowed_at:
            _say(till, f"{_titled('too_many_rejects', language)}: {_moment(till.slowed_at)}")
            _say(till, f"  {rejection.remedy('too_many_rejects', {}, language)}")
        if till.shared_with:
            _say(till, f"{_titled('folder_shared', language)}: {till.till}, {till.shared_with}")
            _say(till, f"  {rejection.remedy('folder_shared', {'owner': till.shared_with}, language)}")
        _show_troubles(till, language, skew)


def _say(till: "TillStatus", words: str) -> None:
    say(f"{till.till} · {words}")


def _show_troubles(till: "TillStatus", language: Language, skew: float) -> None:
    """What the till said of itself."""
    for trouble in till.troubles:
        if trouble.code != "clock_skewed":
            _say_trouble(till, trouble, language)
    if _is_skewed(till, skew):
        _say(till, f"{_titled('clock_skewed', language)}: {till.clock_skew_seconds:+.0f} s")


def _say_trouble(till: "TillStatus", trouble: "KnownTrouble", language: Language) -> None:
    value = f": R$ {amount(trouble.value, language)}" if trouble.value else ""
    _say(till, f"{trouble.count} × {_titled(trouble.code, language)}{value}")
    for words in (rejection.cause, rejection.remedy):
        _say(till, f"  {words(trouble.code, trouble.facts, language)}")


def _titled(code: str, language: Language) -> str:
    return f"{rejection.title(code, language)} [{code}]"


def _state(till: "TillOverview | None", language: Language) -> Text:
    """The light in words; the colour only repeats them, and the lines below the table say why."""
    if till is None:  # created this very moment
        return Text("–")
    if till.cause == "never":
        return Text(Bilingual("sem contato", "nothing yet").of(language), style="yellow")
    if till.cause == "checking":
        return Text(Bilingual("conferindo", "checking").of(language), style="cyan")
    if till.cause == "ok" and till.not_in_erp:
        return Text(Bilingual("enviando", "sending").of(language), style="cyan")
    words, style = _LIGHTS[till.light]
    return Text(words.of(language), style=style)


def _is_skewed(till: "TillStatus", skew: float) -> bool:
    return till.clock_skew_seconds is not None and abs(till.clock_skew_seconds) > skew


def _last_sale(till: "TillStatus") -> str:
    if till.last_number is None:
        return ""
    try:
        # By the clock that printed it, whatever this machine's is.
        issued = f"\n{_short(datetime.fromisoformat(till.last_issued_at or ''))}"
    except ValueError:
        issued = ""
    return f"{till.last_series}/{till.last_number}{issued}"


def _moment(seconds: float | None) -> str:
    return "" if seconds is None else _short(store_clock.here(seconds))


def _short(moment: datetime) -> str:
    """For a narrow column: of another year only the month."""
    return f"{moment:%d/%m %H:%M}" if moment.year == datetime.now(moment.tzinfo).year else f"{moment:%m/%Y}"


def _never(language: Language) -> str:
    return Bilingual("nunca", "never").of(language)


def _show_findings(findings: "Sequence[DropFolderFinding]", language: Language) -> None:
    """The first of those that lie for the same reason, and how many more there are."""
    say()
    say(Bilingual("Na pasta de entrada, sem receber:", "In the drop folder, not taken in:").of(language))
    alike: defaultdict[tuple[str, str], list[DropFolderFinding]] = defaultdict(list)
    for finding in findings:
        alike[finding.till, finding.code].append(finding)
    for (_till, code), group in alike.items():
        names = ", ".join(_place(finding) for finding in group[:_NAMED])
        say(f"- {names}{_and_more(len(group) - _NAMED, language)}: {_titled(code, language)}")
        for text in dict.fromkeys(rejection.cause(code, finding.facts, language) for finding in group[:_NAMED]):
            say(f"  {text}")
        say(f"  {rejection.remedy(code, group[0].facts, language)}")


def _place(finding: "DropFolderFinding") -> str:
    within = finding.name.rstrip("/") != finding.till
    return (f"{finding.till}/{finding.name}" if within else finding.name).lstrip("/")


def _and_more(count: int, language: Language) -> str:
    return Bilingual(" e mais {count}", " and {count} more").of(language).format(count=count) if count > 0 else ""
