"""Gerenciador de carga, as far as structures go: those of the tills, of the store and of the ERP."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal, get_args

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from malote.accounts.roles import Permission
from malote.console.console_services import ConsoleServices
from malote.console.language import marked
from malote.console.pages.entry import EntryTrouble
from malote.console.rendering import answer, told
from malote.console.visits import (
    ROOT,
    ConsoleRequest,
    PageRefusedError,
    Visit,
    needs,
    parameters,
    redirect,
    services_of,
    visit_of,
    whole,
)
from malote.schema.definition import Scope, StructureError
from malote.schema.structure_reports import (
    Drift,
    ReportedStructure,
    Rollout,
    RolloutTill,
    StructureDifference,
    StructurePlan,
    StructureStep,
)
from malote.tills.till import TillError

PAGE = f"{ROOT}/load-manager"
LONGEST_SEARCH = 60
FIRST_ROWS = 50  # tills on a page before somebody asks for more
MOST_ROWS = 400  # fewer than a form has fields
MOST_NAMED = 200  # tills that the dialog lists one by one
# First what a person must look at, then what is going on.
_ORDER = {"failed": 0, "offered": 1}

# For tills: outdated, silent (has not said what it has), current; "": all of them.
Show = Literal["", "outdated", "silent", "current"]
Tab = Literal["tills", "store", "erp"]
TABS: tuple[Tab, ...] = get_args(Tab)


class RolloutRow(msgspec.Struct, frozen=True):
    """A till with what the newest roll-out did there."""

    till: ReportedStructure
    progress: RolloutTill | None


class Chosen(msgspec.Struct, frozen=True):
    """A step of a plan. ``digest`` stands for exactly this statement: what runs is what was shown."""

    step: StructureStep
    digest: str


# ---- Caixa ----


def standing(till: ReportedStructure) -> Show:
    if till.current is None:
        return "silent"
    return "current" if till.current else "outdated"


def tills(services: ConsoleServices, given: Mapping[str, str]) -> dict[str, Any]:
    """The tab Caixa."""
    structures = services.structures
    every = structures.tills()
    rollout = structures.rollout()
    progress = {one.till: one for one in structures.rollout_tills(rollout.id)} if rollout else {}
    search, show = _filter(given)
    opened = whole(given.get("opened"), FIRST_ROWS, most=MOST_ROWS)
    matching = [RolloutRow(till, progress.get(till.till)) for till in _matching(every, search, show)]
    matching.sort(key=_weight)
    return {
        "section": "load-manager",
        "tab": "tills",
        "tabs": TABS,
        "search": search,
        "show": show,
        "rows": matching[:opened],
        "more": min(MOST_ROWS, opened + 100) if opened < MOST_ROWS else 0,
        "matching": len(matching),
        "counts": {"": len(every)} | {each: sum(standing(one) == each for one in every) for each in get_args(Show)[1:]},
        "wanted": every[0].wanted if every else None,
        "rollout": rollout,
        "stopper": progress.get(rollout.stopped_by) if rollout else None,
    }


def structure_of(services: ConsoleServices, name: str) -> dict[str, Any]:
    """For the tab Estrutura of a till's Detalhamento."""
    rollout = services.structures.rollout()
    found = services.structures.rollout_tills(rollout.id, name) if rollout else []
    return {
        "structure": next(iter(services.structures.tills([name])), None),
        "rollout": rollout,
        "row": next(iter(found), None),
    }


@get("/load-manager", sync_to_thread=True)
def show_tills(request: ConsoleRequest) -> Response[str]:
    return answer(request, "load_tills", tills(services_of(request), parameters(request)))


@post("/load-manager/tills/check", status_code=200, sync_to_thread=True, opt=needs(Permission.APPLY_STRUCTURES))
def check(request: ConsoleRequest) -> Response[Any]:
    """Caixas Selecionados: shows which tills, and in what waves, before anything is ordered."""
    visit, services = visit_of(request), services_of(request)
    names = _ticked(services, visit)
    planned = _ordered(lambda: services.structures.roll_out(names, visit.actor, dry_run=True))
    rollout = services.structures.rollout()
    shown = {
        "section": "load-manager",
        "names": names,
        "listed": len(names) <= MOST_NAMED,
        "everything": visit.text("everything") == "1",
        "search": visit.text("search"),
        "show": visit.text("show"),
        "digest": _digest(names),
        "planned": planned,
        "everyone": _everyone(services, names),
        "replaced": rollout if rollout and rollout.state in ("running", "stopped") else None,
    }
    return answer(request, "load_confirm", shown, events={"openDialog": "confirm"})


@post("/load-manager/tills/update", status_code=200, sync_to_thread=True, opt=needs(Permission.APPLY_STRUCTURES))
def update_tills(request: ConsoleRequest) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    names = _confirmed(services, visit)
    chosen = None if _everyone(services, names) else names
    begun = _ordered(lambda: services.structures.roll_out(chosen, visit.actor))
    text = visit.say_many("Atualização pedida a %(num)s caixa.", "Atualização pedida a %(num)s caixas.", begun.total)
    return _tills_again(request, text)


@post("/load-manager/tills/cancel", status_code=200, sync_to_thread=True, opt=needs(Permission.APPLY_STRUCTURES))
def cancel(request: ConsoleRequest) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    _ordered(lambda: services.structures.cancel(_rollout_id(visit), visit.actor))
    return _tills_again(request, visit.say("Cancelado: o que já foi feito fica, e nenhum outro caixa recebe a ordem."))


@post("/load-manager/tills/resume", status_code=200, sync_to_thread=True, opt=needs(Permission.APPLY_STRUCTURES))
def resume(request: ConsoleRequest) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    _ordered(lambda: services.structures.resume(_rollout_id(visit), visit.actor))
    return _tills_again(request, visit.say("Continua: os caixas que falharam são tentados de novo."))


def _filter(given: Mapping[str, str]) -> tuple[str, Show]:
    show: Show = next((each for each in get_args(Show) if each == given.get("show")), "")
    return given.get("search", "").strip()[:LONGEST_SEARCH], show


def _matching(every: Sequence[ReportedStructure], search: str, show: Show) -> list[ReportedStructure]:
    words = search.lower()
    return [one for one in every if words in one.till.lower() and (not show or standing(one) == show)]


def _weight(row: RolloutRow) -> int:
    return _ORDER.get(row.progress.state, 2) if row.progress else 2


def _ticked(services: ConsoleServices, visit: Visit) -> list[str]:
    """The ticked tills, or with ``everything`` all that the filter matches. Raises ``PageRefusedError`` for none."""
    names = list(dict.fromkeys(visit.texts("selected")))
    if visit.text("everything") == "1":
        search, show = _filter({name: visit.text(name) for name in ("search", "show")})
        names = [one.till for one in _matching(services.structures.tills(), search, show)]
    if not names:
        raise PageRefusedError("nothing_selected", 422)
    return names


def _confirmed(services: ConsoleServices, visit: Visit) -> list[str]:
    """The tills that the dialog showed: one by one, or by the filter, where it still matches the same ones.

    Raises ``PageRefusedError``.
    """
    if visit.text("everything") != "1":
        names = list(dict.fromkeys(visit.texts("till")))
        if not names:
            raise PageRefusedError("nothing_selected", 422)
        return names
    names = _ticked(services, visit)
    if _digest(names) != visit.text("digest"):
        raise PageRefusedError("selection_outdated", 422)
    return names


def _digest(names: Sequence[str]) -> str:
    """Stands for exactly these tills."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:32]


def _everyone(services: ConsoleServices, names: Sequence[str]) -> bool:
    """Whether these are all tills: then those that are created later get it too."""
    return {one.till for one in services.structures.tills()} == set(names)


def _ordered(order: Callable[[], Rollout]) -> Rollout:
    """Raises ``PageRefusedError`` for what can't be ordered."""
    try:
        return order()
    except StructureError as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error
    except TillError as error:
        raise PageRefusedError(error.code, 422, name=error.name) from error


def _rollout_id(visit: Visit) -> int:
    return whole(visit.text("rollout"), 0, least=0)


def _tills_again(request: ConsoleRequest, text: str) -> Response[Any]:
    shown = tills(services_of(request), {name: visit_of(request).text(name) for name in ("search", "show")})
    events = told(text) | {"selectionDone": True, "closeDialog": True}
    return answer(request, "load_tills", shown | {"told": text}, events=events)


# ---- Autosserviço and the ERP ----


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
        "trouble": trouble,
        "notice": notice,
    }
    if shown["running"]:
        return shown
    try:
        drift, plan = structures.drift(scope), structures.plan(scope)
    except StructureError as error:
        return shown | {"trouble": trouble or EntryTrouble(error.code, error.facts)}
    return shown | {"drift": drift, "plan": plan, "steps": _steps(plan), "tables": _tables(drift)}


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


HANDLERS: list[Any] = [show_tills, check, update_tills, cancel, resume, show_database, update]
