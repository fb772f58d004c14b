"""Gerenciador de carga, the tabs Autosserviço and the ERP's: what runs there, or what is to be done."""

import hashlib
from itertools import groupby
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from malote.accounts.roles import Permission
from malote.console.console_services import ConsoleServices
from malote.console.language import marked
from malote.console.pages.entry import EntryTrouble
from malote.console.pages.load_manager import PAGE, TABS
from malote.console.rendering import answer
from malote.console.visits import (
    ConsoleRequest,
    PageRefusedError,
    needs,
    redirect,
    services_of,
    visit_of,
)
from malote.erp_engines import BY_SCHEME
from malote.schema.definition import Scope, StructureError
from malote.schema.structure_reports import Drift, StructureDifference, StructurePlan, StructureStep


class Chosen(msgspec.Struct, frozen=True):
    """A step of a plan. ``digest`` stands for exactly this statement: what runs is what was shown."""

    step: StructureStep
    digest: str


def database(
    services: ConsoleServices, scope: Scope, trouble: EntryTrouble | None = None, notice: str = ""
) -> dict[str, Any]:
    """The tab of a database: what runs, or what is to be done. One that is being updated is left alone."""
    structures = services.structures
    run = structures.last_run(scope)
    shown: dict[str, Any] = {
        "section": "load-manager",
        "tab": scope,
        "tabs": TABS,
        "run": run,
        "running": run is not None and run.state == "running",
        "drift": None,
        "plan": None,
        "steps": [],
        "tables": [],
        "gone": False,
        "trouble": trouble,
        "notice": notice,
    }
    if shown["running"]:
        return shown
    try:
        drift, plan = structures.drift(scope), structures.plan(scope)
    except StructureError as error:
        return shown | {"trouble": trouble or EntryTrouble(error.code, error.facts)}
    return shown | {
        "drift": drift,
        "product": BY_SCHEME[drift.engine].title,
        "plan": plan,
        "steps": _steps(plan),
        "tables": _tables(drift),
        "gone": scope == "erp" and services.runbook.are_sales_gone(),
    }


@get("/load-manager/{tab:str}", sync_to_thread=True)
def show_database(request: ConsoleRequest, tab: FromPath[str]) -> Response[str]:
    return answer(request, "load_database", database(services_of(request), _scope(tab)))


@post("/load-manager/{tab:str}/update", status_code=200, sync_to_thread=True, opt=needs(Permission.APPLY_STRUCTURES))
def update(request: ConsoleRequest, tab: FromPath[str]) -> Response[Any]:
    """Begins in the background. Runs what was shown and ticked, or nothing."""
    visit, services = visit_of(request), services_of(request)
    scope = _scope(tab)
    ticked = set(visit.texts("selected"))
    if not ticked:
        raise PageRefusedError("nothing_selected", 422)
    try:
        shown = {one.digest for one in _steps(services.structures.plan(scope))}
        if ticked != shown:
            notice = _INCOMPLETE if ticked < shown else _CHANGED
            return answer(request, "load_database", database(services, scope, notice=notice), status=422)
        services.structures.start(scope, visit.actor)
    except StructureError as error:
        trouble = EntryTrouble(error.code, error.facts)
        return answer(request, "load_database", database(services, scope, trouble), status=422)
    return redirect(request, f"{PAGE}/{scope}")


_INCOMPLETE = marked("A estrutura é atualizada inteira: use Selecionar Todos. Nada foi feito.")
_CHANGED = marked("O que deve ser executado mudou desde que foi mostrado. Confira de novo. Nada foi feito.")


def _scope(tab: str) -> Scope:
    """Raises ``PageRefusedError`` for what is no tab of a database."""
    if tab == "store":
        return "store"
    if tab == "erp":
        return "erp"
    raise PageRefusedError("page_unknown", 404)


def _steps(plan: StructurePlan) -> list[Chosen]:
    return [Chosen(step, hashlib.sha256(step.sql.encode()).hexdigest()[:32]) for step in plan.steps]


def _tables(drift: Drift) -> list[tuple[str, list[StructureDifference]]]:
    """The differences by table; what a person must decide comes first within each."""
    weight = {"conflict": 0, "missing": 1, "loose": 2, "extra": 3}
    ordered = sorted(drift.differences, key=lambda one: (one.table, weight[one.severity]))
    return [(table, list(some)) for table, some in groupby(ordered, key=lambda one: one.table)]


HANDLERS: list[Any] = [show_database, update]
