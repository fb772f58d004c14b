"""Gerenciador de carga, the tab Caixa: tills with their loads and structures; the roll-outs of structures to them."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec
from litestar import Response, get, post

from malote.accounts.roles import Permission
from malote.console.console_services import ConsoleServices
from malote.console.load_groups import FEW, By, RowGroup, TillRow, WantedGroups, grouped
from malote.console.pages import till_loads
from malote.console.rendering import answer, told
from malote.console.visits import (
    ROOT,
    ConsoleRequest,
    PageRefusedError,
    Visit,
    needs,
    parameters,
    services_of,
    visit_of,
    whole,
)
from malote.loads.load_reports import EntityStatus
from malote.loads.planning import Plan
from malote.orders.rollout_reports import Rollout
from malote.schema.definition import StructureError
from malote.schema.structure_reports import ReportedStructure
from malote.tills.till import TillError

PAGE = f"{ROOT}/load-manager"
LONGEST_SEARCH = 60
LONGEST_STATE = 120
FIRST_ROWS = 50  # tills of an opened group, or on a page without groups, before somebody asks for more
MOST_ROWS = 400  # fewer than a form has fields
MOST_NAMED = 200  # tills that the dialog lists one by one

# For tills: trouble, behind (of their loads); outdated, silent (has not said what it has), current (of their
# structures); "": all of them.
Show = Literal["", "trouble", "behind", "outdated", "silent", "current"]
Tab = Literal["tills", "store", "erp"]
TABS: tuple[Tab, ...] = get_args(Tab)


class TillFilter(msgspec.Struct, frozen=True):
    """Which tills are shown, and are meant by all of them. ``state``: those of one group alone."""

    search: str = ""
    show: Show = ""
    state: str = ""

    def fits(self, row: TillRow) -> bool:
        if self.search.lower() not in row.name.lower() or (self.state and row.state != self.state):
            return False
        if self.show in ("trouble", "behind"):
            return row.load is not None and till_loads.standing(row.load) == self.show
        return not self.show or standing(row.till) == self.show


# ---- Caixa ----


def standing(till: ReportedStructure) -> Show:
    if till.current is None:
        return "silent"
    return "current" if till.current else "outdated"


def tills(services: ConsoleServices, given: Mapping[str, str]) -> dict[str, Any]:
    """The tab Caixa."""
    entities, plans = services.load_views.entities(), services.loads.plans()
    shown = services.load_views.tills()
    every, rollout = shown.rows, shown.rollout
    filtered = _filter(given)
    matching = [one for one in every if filtered.fits(one)]
    listed = _listed(matching, filtered, given)
    loads = [one.load for one in listed["rows"] if one.load is not None]
    stopper = rollout and next((one.progress for one in every if one.name == rollout.stopped_by), None)
    return listed | {
        "section": "load-manager",
        "tab": "tills",
        "tabs": TABS,
        "filtered": filtered,
        "coming": till_loads.coming(services, loads, plans),
        "matching": len(matching),
        "counts": _counts(every),
        "rollout": rollout,
        "stopper": stopper,
        "asked": till_loads.asked(services),
        "waves": till_loads.waves(services, shown.load_rollout),
        "obstacle": till_loads.obstacle(services),
        "attention": attention(entities, plans),
        "waiting": [one for one in entities if one.put_off],
    }


def _listed(matching: Sequence[TillRow], filtered: TillFilter, given: Mapping[str, str]) -> dict[str, Any]:
    """In groups, or as a list: of one state alone there is nothing to group, and a few stay where they are."""
    by: By = next((each for each in get_args(By) if each == given.get("group")), "state")
    opened = whole(given.get("opened"), FIRST_ROWS, most=MOST_ROWS)
    more = min(MOST_ROWS, opened + FIRST_ROWS) if opened < MOST_ROWS else 0
    groups: list[RowGroup] | None = None
    left = 0
    if by == "none" or filtered.state or (len(matching) <= FEW and not given.get("group")):
        rows = sorted(matching, key=_weight)[:opened]
    else:
        wanted = WantedGroups(by, given.get("open", "")[:LONGEST_STATE], opened)
        groups, left = grouped(matching, wanted)
        rows = [row for group in groups for row in group.rows]
    return {"by": by, "open": given.get("open", ""), "groups": groups, "left": left, "rows": rows, "more": more}


def attention(entities: Sequence[EntityStatus], plans: Sequence[Plan]) -> dict[str, int]:
    """How much of what people look at beside the list of tills there is: held entities, refused rows, plans."""
    held = sum(bool(one.code) and not one.confirmed_by for one in entities)
    return {
        "held": held,
        "refused": sum(one.refused for one in entities),
        "plans": len(plans),
    }


def _weight(row: TillRow) -> int:
    """First what a person must look at. What is merely behind stays where it is: a row that goes away while it is
    looked at is one that jumps."""
    return 0 if row.light == "stopped" else 1 if row.structure_state == "offered" else 2


def _counts(every: Sequence[TillRow]) -> dict[str, int]:
    found: Counter[str] = Counter(standing(one.till) for one in every)
    found.update(till_loads.standing(one.load) for one in every if one.load is not None)
    return {each: found[each] if each else len(every) for each in get_args(Show)}


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
    names = ticked(services, visit)
    planned = _ordered(lambda: services.structures.roll_out(names, visit.actor, dry_run=True))
    rollout = services.structures.rollout()
    shown = shown_tills(visit, names) | {
        "section": "load-manager",
        "planned": planned,
        "everyone": _everyone(services, names),
        "replaced": rollout if rollout and rollout.state in ("running", "stopped") else None,
    }
    return answer(request, "load_confirm", shown, events={"openDialog": "confirm"})


@post("/load-manager/tills/update", status_code=200, sync_to_thread=True, opt=needs(Permission.APPLY_STRUCTURES))
def update_tills(request: ConsoleRequest) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    names = confirmed(services, visit)
    chosen = None if _everyone(services, names) else names
    begun = _ordered(lambda: services.structures.roll_out(chosen, visit.actor))
    text = visit.say_many("Atualização pedida a %(num)s caixa.", "Atualização pedida a %(num)s caixas.", begun.total)
    return tills_again(request, text)


@post("/load-manager/tills/cancel", status_code=200, sync_to_thread=True, opt=needs(Permission.APPLY_STRUCTURES))
def cancel(request: ConsoleRequest) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    _ordered(lambda: services.structures.cancel(_rollout_id(visit), visit.actor))
    return tills_again(request, visit.say("Cancelado: o que já foi feito fica, e nenhum outro caixa recebe a ordem."))


@post("/load-manager/tills/resume", status_code=200, sync_to_thread=True, opt=needs(Permission.APPLY_STRUCTURES))
def resume(request: ConsoleRequest) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    _ordered(lambda: services.structures.resume(_rollout_id(visit), visit.actor))
    return tills_again(request, visit.say("Continua: os caixas que falharam são tentados de novo."))


def _filter(given: Mapping[str, str]) -> TillFilter:
    show: Show = next((each for each in get_args(Show) if each == given.get("show")), "")
    return TillFilter(given.get("search", "").strip()[:LONGEST_SEARCH], show, given.get("state", "")[:LONGEST_STATE])


def _asked_for(visit: Visit) -> TillFilter:
    """What the page showed from which a form came."""
    return _filter({name: visit.text(name) for name in TillFilter.__struct_fields__})


def ticked(services: ConsoleServices, visit: Visit) -> list[str]:
    """The ticked tills, or with ``everything`` all that the filter matches. Raises ``PageRefusedError`` for none."""
    names = list(dict.fromkeys(visit.texts("selected")))
    if visit.text("everything") == "1":
        filtered = _asked_for(visit)
        names = [one.name for one in services.load_views.tills().rows if filtered.fits(one)]
    if not names:
        raise PageRefusedError("nothing_selected", 422)
    return names


def confirmed(services: ConsoleServices, visit: Visit) -> list[str]:
    """The tills that the dialog showed: one by one, or by the filter, where it still matches the same ones.

    Raises ``PageRefusedError``.
    """
    if visit.text("everything") != "1":
        names = list(dict.fromkeys(visit.texts("till")))
        if not names:
            raise PageRefusedError("nothing_selected", 422)
        return names
    names = ticked(services, visit)
    if _digest(names) != visit.text("digest"):
        raise PageRefusedError("selection_outdated", 422)
    return names


def shown_tills(visit: Visit, names: Sequence[str]) -> dict[str, Any]:
    """For a dialog that names the chosen tills, and sends them back as ``confirmed`` takes them."""
    return {
        "names": names,
        "listed": len(names) <= MOST_NAMED,
        "everything": visit.text("everything") == "1",
        "filtered": _asked_for(visit),
        "digest": _digest(names),
    }


def _digest(names: Sequence[str]) -> str:
    """Stands for exactly these tills."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:32]


def _everyone(services: ConsoleServices, names: Sequence[str]) -> bool:
    """Whether these are all tills: then those that are created later get it too."""
    return {one.name for one in services.load_views.tills().rows} == set(names)


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


def tills_again(request: ConsoleRequest, text: str) -> Response[Any]:
    kept = (*TillFilter.__struct_fields__, "group", "open", "opened")
    shown = tills(services_of(request), {name: visit_of(request).text(name) for name in kept})
    events = told(text) | {"selectionDone": True, "closeDialog": True}
    return answer(request, "load_tills", shown | {"told": text}, events=events)


HANDLERS: list[Any] = [show_tills, check, update_tills, cancel, resume]
