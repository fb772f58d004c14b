"""Assistente: the procedure of the support page at the right of every page, ticked from what is so now."""

from typing import Any

from litestar import Response, get, post

from malote import recent_log
from malote.accounts.roles import Permission, permissions
from malote.console.console_services import ConsoleServices
from malote.console.rendering import HEADERS, answer
from malote.console.visits import (
    SESSION_COOKIE,
    ConsoleRequest,
    PageRefusedError,
    Visit,
    needs,
    parameters,
    services_of,
    visit_of,
)
from malote.erp.sessions.errors import SessionsError
from malote.locks.lock_reports import Tree
from malote.register.contents import DocumentNotFoundError
from malote.runbook import commands, evidence, step_texts
from malote.runbook.next_step import RunbookStep
from malote.runbook.observations import Cause
from malote.runbook.runbook_service import View
from malote.runbook.treatments import AREAS, place_of, treatment
from malote.tills.till import TillError

LONGEST = 60  # of a till's name in an address
MOST_GROUPS = 5  # causes of rejects, shown in a step


def context(services: ConsoleServices, visit: Visit, view: View) -> dict[str, Any]:
    """What the drawer and the page of its own show."""
    language, erp = visit.language, services.erp_name
    current = view.procedure.current
    shown = [one for one in view.procedure.steps if one.state in ("now", "going", "handed")]
    return {
        "section": "assistant",
        "scope": view.seen.scope,
        "view": view,
        "steps": view.procedure.steps,
        "current": current,
        # What must wait for another step is named all the same.
        "open": {one.name for one in shown} | {one.name for one in view.procedure.steps if one.groups},
        "verdict": view.procedure.verdict,
        "verdict_words": step_texts.verdict(view.procedure, language),
        "left_open": step_texts.is_left_open(view.procedure),
        "proof": view.ended,
        "step_title": lambda step: step_texts.title(step.name, language),
        "step_said": lambda step: step_texts.said(step, language, erp),
        "step_command": lambda step: commands.command(step, view.seen),
        "step_who": lambda step: step_texts.who(step.who, language),
        "cause_words": lambda one: step_texts.cause(one, language),
        "place_of": place_of,
        "advice": lambda one: step_texts.advice(one, language),
        "message": lambda step: step_texts.message(step, language, erp, _example(services, step)),
        "log_off": lambda step: step_texts.log_off(step.facts, language),
        "able": _able(services, visit, shown, view.seen.causes),
        "checks": _checks(view, visit),
        "most_groups": MOST_GROUPS,
        "marks": "|".join(current.press.marks) if current and current.press else "",
        "to": current.press.page if current and current.press else "",
    }


@get("/assistant", sync_to_thread=True)
def show(request: ConsoleRequest) -> Response[str]:
    services, visit = services_of(request), visit_of(request)
    view = _view(services, visit, parameters(request).get("till", ""))
    return answer(request, "assistant", context(services, visit, view))


@post("/assistant/go-on", status_code=200, sync_to_thread=True, opt=needs(Permission.SYNCHRONISE))
def go_on(request: ConsoleRequest) -> Response[str]:
    """Continuar: what deletes, alters and ends nothing is done; then it looks again."""
    services, visit = services_of(request), visit_of(request)
    scope = visit.text("till")[:LONGEST]
    try:
        view = services.runbook.go_on(scope, visit.actor, _may(visit))
    except TillError as error:
        raise PageRefusedError("page_unknown", 404) from error
    return answer(request, "assistant", context(services, visit, view))


@get("/assistant/evidence", sync_to_thread=True, opt=needs(Permission.SYNCHRONISE))
def take_evidence(request: ConsoleRequest) -> Response[bytes]:
    """One zip for Support, without consumers' data or secrets; with the newest log lines of this server."""
    services, visit = services_of(request), visit_of(request)
    view = _view(services, visit, parameters(request).get("till", ""))
    tree = _tree(services, request.cookies.get(SESSION_COOKIE, ""))
    content = evidence.make(services.runbook, view, recent_log.lines(), visit.language, visit.actor, tree)
    given = {
        "Content-Disposition": f'attachment; filename="{evidence.name_of(services.runbook, view)}"',
        "Cache-Control": "no-store",
    }
    return Response(content, media_type="application/zip", headers=HEADERS | given)


def _tree(services: ConsoleServices, token: str) -> Tree | None:
    """Who blocks whom, where this person is signed in at the ERP as a DBA."""
    if services.locks.signed_in(token) is None:
        return None
    try:
        return services.locks.tree(token)
    except SessionsError:
        return None


def _view(services: ConsoleServices, visit: Visit, scope: str) -> View:
    """Raises ``PageRefusedError`` where there is no such till."""
    try:
        return services.runbook.view(scope[:LONGEST], visit.actor, _may(visit))
    except TillError as error:
        raise PageRefusedError("page_unknown", 404) from error


def _may(visit: Visit) -> frozenset[str]:
    return frozenset(one.value for one in permissions(visit.user.role))


def _able(
    services: ConsoleServices, visit: Visit, steps: list[RunbookStep], causes: list[Cause]
) -> dict[str, list[str]]:
    """Of what this person may not do, who can."""
    asked = [*(one.press for one in steps), *(place_of(one) for one in causes)]
    lacking = {one.permission for one in asked if one and not visit.may(one.permission)}
    return {permission: services.runbook.who_may(permission) for permission in lacking}


def _example(services: ConsoleServices, step: RunbookStep) -> dict[str, str]:
    """Of the step's rejected documents the one that is told: what whoever has its paper finds it by."""
    if not step.groups:
        return {}
    try:
        found = services.documents.find(step.groups[0].example)
    except DocumentNotFoundError:
        return {}
    number = found.file_name if found.number is None else f"{found.series}/{found.number}"
    return {"number": number, "key": found.access_key or "–"}


def _checks(view: View, visit: Visit) -> list[tuple[str, bool, bool]]:
    """What every analyst looks at: its name, whether anything is found, and whether that holds sales up."""
    found: dict[str, bool] = {}
    for one in view.seen.causes:
        how = treatment(one)
        found[how.area] = found.get(how.area, False) or how.holds
    return [(step_texts.area(area, visit.language), area in found, found.get(area, False)) for area in AREAS]


HANDLERS: list[Any] = [show, go_on, take_evidence]
