"""``malote erp try FILE``: what would the ERP say to this file? Booked into the real tables, shown, and taken back."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from malote import rejection
from malote.bilingual import Bilingual
from malote.config import Settings, limits_of
from malote.erp.protocol import Touched
from malote.terminal.command import FOUND, WRONG_USAGE, ConfigOption, JsonOption, explained
from malote.terminal.erp_options import ProfileOption, require_erp, settings_with
from malote.terminal.output import console, errors, print_json

if TYPE_CHECKING:
    from malote.erp.protocol import Erp, Rehearsal
    from malote.fiscal.reader import Reading

UrlOption = Annotated[
    str,
    typer.Option("--url", help="Another database than erp.url of the settings.", show_default=False),
]
FileArgument = Annotated[Path, typer.Argument(help="An XML file.", exists=True, dir_okay=False)]

_TILL = "malote-try"
_RESULTS = {
    "posted": Bilingual("seria lançado", "would be booked"),
    "duplicate": Bilingual("o ERP já o tem", "the ERP has it already"),
    "protocol_added": Bilingual("traria o protocolo à venda lançada", "would bring the protocol to the booked sale"),
    "refused": Bilingual("recusado", "refused"),
    "rejected": Bilingual("o Malote o rejeitaria", "Malote would reject it"),
    "kept": Bilingual("seria guardado, não lançado", "it would be kept, not booked"),
    "divergent": Bilingual("o ERP tem outro conteúdo nesta chave", "the ERP has other content under this key"),
    "waits": Bilingual("esperaria", "would wait"),
    "sale_missing": Bilingual("esperaria: a venda não está no ERP", "would wait: the ERP doesn't have its sale"),
    "not_authorised": Bilingual("esperaria: não está autorizado", "would wait: it is not authorised"),
}
_BOOKED = frozenset({"posted", "duplicate", "protocol_added", "mended", "twice", "void_of_sales"})


class TryReport(msgspec.Struct):
    """What ``malote erp try --json`` prints for each document of the file."""

    key: str | None
    result: str  # as docs/erp.md names them; "rejected" by Malote itself
    code: str  # of the reason, "" for none
    facts: dict[str, str]
    erp_id: str  # what the ERP's own procedure called it
    touched: list[Touched]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("try")(try_file)


def try_file(
    file: FileArgument,
    url: UrlOption = "",
    as_json: JsonOption = False,
    profile: ProfileOption = None,
    config: ConfigOption = None,
) -> None:
    """Books a file's documents into the real tables, one after the other, each in a transaction that is rolled back;
    shows what the ERP answered and each row as it would stand, triggers' too. Exit 1 if one would not be booked."""
    from malote.erp.factory import open_configured
    from malote.fiscal.reader import read

    settings = settings_with(config, profile)
    require_erp(config, url, settings)
    readings = read(file.read_bytes(), limits_of(settings.store, settings.intake))
    if not readings:
        errors.print(
            Bilingual("malote: nenhum documento no arquivo", "malote: no document in the file").of(settings.language)
        )
        raise typer.Exit(WRONG_USAGE)
    with explained(settings):
        erp = open_configured(settings, url)
        try:
            reports = [_tried(erp, reading, settings) for reading in readings]
        finally:
            erp.close()
    used = erp.tables.profile
    own = {used.ledger.table, used.state.table if used.state else ""}
    for report in reports:
        if as_json:
            print_json(report)
        else:
            _print(report, settings, own)
    if not all(report.result in _BOOKED for report in reports):
        raise typer.Exit(FOUND)


def _tried(erp: "Erp", reading: "Reading", settings: Settings) -> TryReport:
    """Raises ``ErpError`` where it says nothing about the document."""
    from malote.erp.protocol import ErpError, Outcome, Posting, Rehearsal, Result
    from malote.fiscal import cfops
    from malote.fiscal.documents import Sale, content_hash
    from malote.fiscal.reader import summary
    from malote.intake.admission import against_policy, before_the_start
    from malote.posting import missing_records

    document = reading.document
    judged = cfops.judge(document, settings.fiscal.operations) if isinstance(document, Sale) else []
    seen = summary(reading)
    of_store = [*before_the_start(seen, settings.store), *against_policy(seen, settings.store)]
    problems = [*reading.problems, *judged, *of_store]
    for severity, result in (("reject", "rejected"), ("keep", "kept")):
        for problem in problems:
            if problem.severity == severity:
                return TryReport(seen.access_key, result, problem.code, dict(problem.facts), "", [])
    if isinstance(document, Sale) and any(one.code == cfops.PART for one in judged):
        document = cfops.sale_part(document, settings.fiscal.operations)
    if document is None:
        return TryReport(seen.access_key, "rejected", "", {}, "", [])
    try:
        found = erp.rehearse(Posting(0, _TILL, document, content_hash(document)))
    except ErpError as error:
        if error.transient:
            raise
        lacking = missing_records.facts_of(document, error, {})
        code = missing_records.MISSING if lacking else error.code
        found = Rehearsal(Outcome(0, Result.REFUSED, {**error.facts, **lacking}, code), "", [])
    return _report(found, getattr(document, "access_key", None))


def _report(found: "Rehearsal", key: str | None) -> TryReport:
    outcome = found.outcome
    return TryReport(key, outcome.result.value, outcome.code, outcome.facts, found.erp_id, found.touched)


_UNREAD = Bilingual(
    "(linhas que este usuário não pode ler, ou de uma tabela grande demais para procurá-las)",
    "(rows that this user may not read, or of a table too large to look for them)",
)


def _print(report: TryReport, settings: Settings, own: Collection[str]) -> None:
    """``own``: tables of Malote's own, whose rows say nothing."""
    mark = "✔" if report.result in _BOOKED else "✘"
    result = _RESULTS.get(report.result, Bilingual(report.result, report.result)).of(settings.language)
    called = Bilingual(", no ERP: ", ", in the ERP: ").of(settings.language) + report.erp_id if report.erp_id else ""
    _line(f"{mark} {report.key or '–'}: {result}{called}")
    if report.code:
        title = rejection.title(report.code, settings.language)
        lacking = Bilingual("lacking", "lacking_en").of(settings.language)
        named = [report.facts[name] for name in (lacking, "detail", "said") if report.facts.get(name)]
        told = "; ".join(dict.fromkeys(named)) or report.facts.get("since", "")
        _line(f"  {title} [{report.code}]{': ' if told else ''}{told}")
        _line(f"  → {rejection.remedy(report.code, report.facts, settings.language)}")
    for touched in report.touched:
        counts = (("+", touched.inserted), ("~", touched.updated), ("−", touched.deleted))
        _line(f"  {touched.table}: {' '.join(f'{sign}{count}' for sign, count in counts if count)}")
        for row in touched.rows:
            _line(f"    {'  '.join(f'{column}={value}' for column, value in row.items())}")
        if touched.inserted and not touched.rows and touched.table not in own:
            _line(f"    {_UNREAD.of(settings.language)}")
    if report.result == "posted" and not report.touched:
        words = Bilingual("  Este banco não diz que linhas mudaram.", "  This database doesn't say which rows changed.")
        _line(words.of(settings.language))
    if report.touched:
        _line(Bilingual("  Tudo foi desfeito.", "  All of it was taken back.").of(settings.language))


def _line(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
