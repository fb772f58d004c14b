"""What stays out of the loads until a person acts: entities that would change too much, and rows that break a rule."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from malote.accounts.roles import Permission
from malote.console.console_services import ConsoleServices
from malote.console.pages import load_manager, load_orders, till_loads
from malote.console.pages.entry import EntryTrouble
from malote.console.rendering import answer
from malote.console.visits import (
    ConsoleRequest,
    PageRefusedError,
    needs,
    parameters,
    redirect,
    services_of,
    visit_of,
)
from malote.erp.profiles.errors import ProfileError
from malote.erp.protocol import ErpError
from malote.loads.asked_load import AskedLoad
from malote.loads.limits import SEEN_WHOLE, UNDECLARED, UNREADABLE
from malote.loads.load_reports import EntityStatus
from malote.loads.planning import Wanted
from malote.loads.versions import LoadError

PAGE = f"{load_manager.PAGE}/held"
MOST_REFUSED = 200  # rows on a page
LEAST_REASON, LONGEST_REASON = 5, 500
_TRAIL = 10  # of the entity's own entries


def listed(services: ConsoleServices) -> dict[str, Any]:
    entities = services.load_views.entities()
    return {
        "section": "load-manager",
        "held": [one for one in entities if one.code],
        "attention": load_manager.attention(entities, services.loads.plans()),
        "asked": till_loads.asked(services),
    }


def entity(services: ConsoleServices, name: str) -> dict[str, Any]:
    """Raises ``PageRefusedError`` where nothing of it is held."""
    held = _held(services, name)
    changes, trouble = None, None
    try:
        changes = services.loads.held_changes(name)
    except (LoadError, ErpError, ProfileError) as error:
        trouble = EntryTrouble(error.code, error.facts)
    return {
        "section": "load-manager",
        "one": held,
        "shown_as": shown(held),
        "changes": changes,
        "trouble": trouble,
        "may_be_decided": held.code != UNREADABLE,
        "may_be_confirmed": not (held.is_final or held.confirmed_by),
        "entries": services.trail_of(f"entity:{name}")[:_TRAIL],
        "attention": load_manager.attention(services.load_views.entities(), services.loads.plans()),
    }


@get("/load-manager/held", sync_to_thread=True)
def show(request: ConsoleRequest) -> Response[str]:
    return answer(request, "load_held", listed(services_of(request)))


@get("/load-manager/held/{name:str}", sync_to_thread=True)
def show_entity(request: ConsoleRequest, name: FromPath[str]) -> Response[str]:
    """Reads the ERP, which may take some seconds."""
    return answer(request, "load_held_entity", entity(services_of(request), name))


@post("/load-manager/held/{name:str}/confirm", sync_to_thread=True, opt=needs(Permission.CONFIRM_LOAD))
def confirm(request: ConsoleRequest, name: FromPath[str]) -> Response[Any]:
    """Lets through what was shown, and reads the ERP again for it."""
    visit, services = visit_of(request), services_of(request)
    held, reason = _held(services, name), _reason(request)
    if visit.text("shown") != shown(held):
        raise PageRefusedError("selection_outdated", 422)
    found = till_loads.obstacle(services)
    if found is not None:
        raise PageRefusedError(found.code, 422, **found.facts)
    try:
        services.loads.confirm(name, visit.actor, reason)
    except LoadError as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error
    if held.code != UNDECLARED:
        asked = AskedLoad(Wanted([], [name], held.code in SEEN_WHOLE))
        load_orders.begin(services, visit, asked, orders=False)
    return redirect(request, PAGE)


@post("/load-manager/held/{name:str}/refuse", sync_to_thread=True, opt=needs(Permission.CONFIRM_LOAD))
def refuse(request: ConsoleRequest, name: FromPath[str]) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    try:
        services.loads.refuse(name, visit.actor, _reason(request))
    except LoadError as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error
    return redirect(request, f"{PAGE}/{name}")


@post("/load-manager/held/{name:str}/read", sync_to_thread=True, opt=needs(Permission.LOAD))
def read_again(request: ConsoleRequest, name: FromPath[str]) -> Response[Any]:
    """After something was mended in the ERP: what is held no longer goes through by itself."""
    visit, services = visit_of(request), services_of(request)
    if name not in services.loads.entities():
        raise PageRefusedError("page_unknown", 404)
    load_orders.begin(services, visit, AskedLoad(Wanted([], [name], anew=True)), orders=False)
    return redirect(request, PAGE)


@get("/load-manager/refused", sync_to_thread=True)
def show_refused(request: ConsoleRequest) -> Response[str]:
    services = services_of(request)
    entities = services.load_views.entities()
    counted = {one.entity: one.refused for one in entities if one.refused}
    chosen = parameters(request).get("entity", "")
    of = chosen if chosen in counted else None
    return answer(
        request,
        "load_refused",
        {
            "section": "load-manager",
            "counted": counted,
            "chosen": of,
            "rows": services.loads.refused(of, MOST_REFUSED),
            "matching": counted[of] if of else sum(counted.values()),
            "attention": load_manager.attention(entities, services.loads.plans()),
        },
    )


def shown(held: EntityStatus) -> str:
    """Stands for what the page showed as held."""
    return " ".join([held.code, *(held.facts.get(name, "") for name in ("gone", "changed"))])


def _held(services: ConsoleServices, name: str) -> EntityStatus:
    found = next((one for one in services.load_views.entities() if one.entity == name and one.code), None)
    if found is None:
        raise PageRefusedError("load_not_held", 404, entity=name[:40])
    return found


def _reason(request: ConsoleRequest) -> str:
    reason = visit_of(request).text("reason").strip()[:LONGEST_REASON]
    if len(reason) < LEAST_REASON:
        raise PageRefusedError("reason_needed", 422, least=str(LEAST_REASON))
    return reason


HANDLERS: list[Any] = [show, show_entity, confirm, refuse, read_again, show_refused]
