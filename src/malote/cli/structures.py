"""``malote structures drift|plan|apply``: how the databases differ from what is wanted, and how they get there."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from malote import rejection
from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.schema.definition import SCOPES, Scope
from malote.schema.structure_reports import Drift, ReportedStructure, RunReport, StructureDifference, StructurePlan
from malote.terminal.agreement import YesOption, agree_or_end
from malote.terminal.command import (
    FAILED,
    FOUND,
    OK,
    ConfigOption,
    DryRunOption,
    JsonOption,
    services_of,
)
from malote.terminal.output import console, errors, print_json, say

if TYPE_CHECKING:
    from malote.app import Services

ScopeArgument = Annotated[
    str | None,
    typer.Argument(help="till, store or erp; all of them by default.", metavar="[SCOPE]", show_default=False),
]

_SEVERITIES = Bilingual(
    {"missing": "falta", "loose": "difere", "conflict": "recusado", "extra": "a mais"},
    {"missing": "missing", "loose": "differs", "conflict": "refused", "extra": "extra"},
)
_LOCKING = Bilingual(
    {"none": "não", "moment": "um instante", "write": "gravações", "all": "tudo"},
    {"none": "nobody", "moment": "for an instant", "write": "writers", "all": "everybody"},
)


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("drift")(drift)
    app.command("plan")(plan)
    app.command("apply")(apply)


def drift(scope: ScopeArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Shows how the databases differ from what is wanted. Exit status 1 when something is missing or refused."""
    with services_of(config, creates=True) as services:
        tills = services.structures.tills() if scope in (None, "till") else []
        drifts = [services.structures.drift(one) for one in _databases(scope)]
        language = services.settings.language
    if json:
        print_json({"tills": tills, "databases": drifts})
    else:
        for one in drifts:
            _show_drift(one, language)
        if scope in (None, "till"):
            _show_tills(tills, language)
    behind = any(one.current is False for one in tills)
    raise typer.Exit(FOUND if behind or not all(one.complete for one in drifts) else OK)


def plan(scope: ScopeArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Shows the statements that an update would run, in order, and what they hold up. Exit status 1 if any."""
    with services_of(config, creates=True) as services:
        plans = [services.structures.plan(one) for one in _databases(scope, tills=False)]
        language = services.settings.language
    if json:
        print_json(plans)
    else:
        for one in plans:
            _show_plan(one, language)
    raise typer.Exit(FOUND if any(one.steps or one.refused for one in plans) else OK)


def apply(
    scope: Annotated[str, typer.Argument(help="store or erp.", metavar="SCOPE")],
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Brings a database up to date, beside the sales. Nothing is dropped; what broke off goes on where it stopped.

    Exit status 1 when something was refused, 3 when a step failed.
    """
    (chosen,) = _databases(scope, tills=False)
    with services_of(config, creates=True) as services:
        language = services.settings.language
        if not dry_run and not yes:
            _ask(services.structures.plan(chosen), language)
        report = _applied(services, chosen, dry_run=dry_run, quiet=json)
    if json:
        print_json(report)
    else:
        _show_run(report, language)
    raise typer.Exit({"done": OK, "incomplete": FOUND}.get(report.state, FAILED))


# ---- shared ----


def _databases(scope: str | None, *, tills: bool = True) -> list[Scope]:
    """The scopes that the server itself reaches. Ends the command for another word."""
    if scope is None:
        return ["store", "erp"]
    if scope not in SCOPES:
        raise typer.BadParameter(f"{scope}: till, store or erp")
    if scope == "till" and tills:
        return []
    return [scope]


def _applied(services: "Services", scope: Scope, *, dry_run: bool, quiet: bool) -> RunReport:
    from malote.accounts.audit import command_line

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    # On the other stream, so that the JSON stays alone on its own.
    with Progress(*columns, console=errors, transient=True, disable=quiet or not errors.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def show(report: RunReport) -> None:
            bar.update(task, description=_doing(report), completed=report.done, total=len(report.steps) or None)

        return services.structures.apply(scope, command_line(), dry_run=dry_run, progress=show)


def _doing(report: RunReport) -> str:
    """The step under way, and who it waits for."""
    if report.code:
        return f"{report.code}: {report.facts.get('holder', '')}"
    under_way = next((one for one in report.steps if one.state in ("running", "waiting")), None)
    if under_way is None:
        return report.scope
    return f"{under_way.step.table} ← {under_way.holder}" if under_way.holder else under_way.step.table


def _ask(found: StructurePlan, language: Language) -> None:
    """Shows what would be done, and ends the command unless a person says yes."""
    _show_plan(found, language)
    if not found.steps:
        return
    agree_or_end(Bilingual("Atualizar agora?", "Update now?"), language)


# ---- showing ----


def _show_drift(found: Drift, language: Language) -> None:
    title = f"{found.scope} ({found.engine}, {Bilingual('versão', 'version').of(language)} {found.version})"
    if not found.differences:
        say(f"{title}: {Bilingual('em dia', 'up to date').of(language)}")
        return
    headings = Bilingual(("", "Objeto", "Esperado", "Encontrado"), ("", "Object", "Wanted", "Found")).of(language)
    table = Table(*headings, title=title, title_justify="left")
    for one in found.differences:
        table.add_row(_SEVERITIES.of(language)[one.severity], _object(one), Text(one.wanted), Text(one.found))
    console.print(table)
    _show_refused([one for one in found.differences if one.severity == "conflict"], language)


def _object(one: StructureDifference) -> Text:
    name = one.table if one.name == one.table else f"{one.table}.{one.name}"
    return Text(f"{name} ({one.what})")


def _show_refused(refused: list[StructureDifference], language: Language) -> None:
    for one in refused:
        said = f"{rejection.title(one.code, language)} [{one.code}]: {rejection.cause(one.code, one.facts, language)}"
        console.print(said, rejection.remedy(one.code, one.facts, language), markup=False, highlight=False)


def _show_plan(found: StructurePlan, language: Language) -> None:
    if not found.steps:
        nothing = Bilingual("nada a fazer", "nothing to do").of(language)
        say(f"{found.scope} ({found.engine}): {nothing}")
    else:
        headings = Bilingual(("", "Comando", "Segura", "Linhas"), ("", "Statement", "Holds up", "Rows")).of(language)
        table = Table(*headings, title=f"{found.scope} ({found.engine})", title_justify="left", show_lines=True)
        for step in found.steps:
            heavy = Bilingual(" (demorado)", " (takes long)").of(language) if step.heavy else ""
            rows = f"{step.rows}{heavy}" if step.rows else ""
            table.add_row(str(step.number), Text(step.sql, overflow="fold"), _LOCKING.of(language)[step.locking], rows)
        console.print(table)
    _show_refused(found.refused, language)


def _show_tills(tills: list[ReportedStructure], language: Language) -> None:
    words = {
        True: Bilingual("em dia", "up to date"),
        False: Bilingual("desatualizada", "out of date"),
        None: Bilingual("não informada", "not told yet"),
    }
    headings = Bilingual(("Caixa", "Versão", "Estrutura"), ("Till", "Version", "Structure")).of(language)
    table = Table(*headings)
    for one in tills:
        table.add_row(one.till, f"{one.version or '?'}/{one.wanted}", words[one.current].of(language))
    if tills:
        console.print(table)


def _show_run(report: RunReport, language: Language) -> None:
    marks = {"done": "✓", "failed": "✗"}
    for one in report.steps:
        done = f"{marks.get(one.state, '·')} {one.step.table}: {', '.join(one.step.adds)}"
        console.print(done, markup=False, highlight=False)
    _show_refused(report.refused, language)
    if report.code:
        console.print(
            f"{rejection.title(report.code, language)} [{report.code}]:",
            rejection.cause(report.code, report.facts, language),
            rejection.remedy(report.code, report.facts, language),
            markup=False,
            highlight=False,
        )
    counted = f"{report.done}/{len(report.steps)}"
    words = Bilingual(
        f"{counted} comandos executados; {report.replayed} vendas de volta à fila",
        f"{counted} statements run; {report.replayed} sales back in the queue",
    )
    say(words.of(language))
