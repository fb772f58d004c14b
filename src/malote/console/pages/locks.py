"""551 - Lock de Banco: who blocks whom in the production database, which sales wait behind, and Matar Sessão."""

from typing import Any

import msgspec
from litestar import Response, get, post

from malote.accounts.roles import Permission
from malote.console.console_services import ConsoleServices
from malote.console.pages.entry import LONGEST, EntryTrouble
from malote.console.rendering import answer, told
from malote.console.visits import (
    ROOT,
    SESSION_COOKIE,
    ConsoleRequest,
    PageRefusedError,
    is_partial,
    needs,
    parameters,
    redirect,
    services_of,
    visit_of,
)
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.protocol import DbaLogin, SessionIdentity
from malote.locks.lock_reports import Killed, KillReport, Node, Tree

PAGE = f"{ROOT}/locks"
LONGEST_NAME = 128  # of a database user; longer than any engine's
LONGEST_REASON = 500
LARGEST = 100  # sessions ended at once
DEEPEST = 8  # steps to the right that the tree takes on the screen


class SessionCounts(msgspec.Struct, frozen=True):
    """Sessions of the tree."""

    blockers: int
    waiting: int


def context(
    services: ConsoleServices,
    visit: str,
    *,
    any_session: bool = False,
    tree: Tree | None = None,
    trouble: EntryTrouble | None = None,
) -> dict[str, Any]:
    """``visit`` is the person's session here. ``tree`` is given where it was read just now."""
    locks = services.locks
    shown: dict[str, Any] = {
        "section": "locks",
        "has_sessions": locks.has_sessions,
        "login": locks.signed_in(visit),
        "any_session": any_session,
        "trouble": trouble,
        "tree": tree,
        "stoppage": locks.stoppage(),
        "deepest": DEEPEST,
        "user": "",
        "report": None,
        "able": services.runbook.who_may(Permission.KILL_SESSION),
    }
    if tree is None and (shown["login"] or not locks.has_sessions):
        try:
            shown["tree"] = locks.tree(visit)
        except SessionsError as error:
            if error.code == "dba_login_needed":
                return shown | {"login": None, "counts": SessionCounts(0, 0)}
            shown["trouble"] = trouble or EntryTrouble(error.code, error.facts)
    return shown | {"counts": _counts(shown["tree"])}


@get("/locks", sync_to_thread=True, opt=needs(Permission.SEE_LOCKS))
def show(request: ConsoleRequest) -> Response[str]:
    any_session = parameters(request).get("any") == "1"
    shown = context(services_of(request), _token(request), any_session=any_session)
    if is_partial(request) and shown["has_sessions"] and shown["login"] is None:
        return _to_sign_in()
    return answer(request, "locks", shown)


@post("/locks/sign-in", status_code=200, sync_to_thread=True, opt=needs(Permission.SEE_LOCKS))
def sign_in(request: ConsoleRequest) -> Response[Any]:
    """The DBA's login, which goes to the database and to memory, and never back to the browser."""
    visit, services = visit_of(request), services_of(request)
    user = visit.text("user").strip()[:LONGEST_NAME]
    try:
        services.locks.sign_in(_token(request), DbaLogin(user, visit.text("password")[:LONGEST]), visit.actor)
    except SessionsError as error:
        shown = context(services, _token(request), trouble=EntryTrouble(error.code, error.facts)) | {"user": user}
        return answer(request, "locks", shown, status=422)
    return redirect(request, PAGE)


@post("/locks/sign-out", status_code=303, sync_to_thread=True, opt=needs(Permission.SEE_LOCKS))
def sign_out(request: ConsoleRequest) -> Response[Any]:
    services_of(request).locks.sign_out(_token(request))
    return redirect(request, PAGE)


@post("/locks/check", status_code=200, sync_to_thread=True, opt=needs(Permission.KILL_SESSION))
def check(request: ConsoleRequest) -> Response[Any]:
    """Asks before anything is ended: shows each session as it is now."""
    shown = _confirmation(request)
    if shown["trouble"] and shown["trouble"].code == "dba_login_needed" and is_partial(request):
        return _to_sign_in()
    return answer(request, "locks_kill", shown, events={"openDialog": "confirm"})


@post("/locks/kill", status_code=200, sync_to_thread=True, opt=needs(Permission.KILL_SESSION))
def kill(request: ConsoleRequest) -> Response[Any]:
    """Matar Sessão. What forbids it is said in the dialog that asked."""
    visit, services = visit_of(request), services_of(request)
    chosen, any_session = _chosen(request), visit.text("any") == "1"
    try:
        report = services.locks.kill(
            _token(request), chosen, visit.actor, reason=visit.text("reason")[:LONGEST_REASON], any_session=any_session
        )
    except SessionsError as error:
        return _refused(request, error)
    # Where it could not be read again just now, the page tries once more.
    shown = context(services, _token(request), any_session=any_session, tree=report.tree) | {"report": report}
    kind = "ok" if all(_is_well(one) for one in report.killed) else "stopped"
    events = told(_words(request, report), kind) | {"selectionDone": True, "closeDialog": True}
    return answer(request, "locks_killed", shown, events=events)


def _confirmation(request: ConsoleRequest, trouble: EntryTrouble | None = None) -> dict[str, Any]:
    """Raises ``PageRefusedError`` where nothing is chosen."""
    visit, services = visit_of(request), services_of(request)
    chosen = _chosen(request)
    found: dict[SessionIdentity, Node] | None = None
    try:
        found = {node.identity: node for node in services.locks.tree(_token(request)).nodes}
    except SessionsError as error:
        trouble = trouble or EntryTrouble(error.code, error.facts)
    return {
        "section": "locks",
        "nodes": [found[one] for one in chosen if one in found] if found else [],
        "absent": [one for one in chosen if one not in found] if found is not None else [],
        "selected": [one.token for one in chosen],
        "any_session": visit.text("any") == "1",
        "reason": visit.text("reason")[:LONGEST_REASON],
        "grace": services.locks.settings.grace_seconds,
        "trouble": trouble,
    }


def _refused(request: ConsoleRequest, error: SessionsError) -> Response[Any]:
    """The dialog again, with what was typed and why it was not done."""
    if error.code == "dba_login_needed":
        return _to_sign_in() if is_partial(request) else redirect(request, PAGE)
    shown = _confirmation(request, EntryTrouble(error.code, error.facts))
    # htmx puts only successes into the page.
    response = answer(request, "locks_kill", shown, status=200 if is_partial(request) else 422)
    response.headers["HX-Retarget"] = "#confirm-body"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


def _to_sign_in() -> Response[Any]:
    """For a part of the page: the page's script loads the whole of it, which asks for the login."""
    return Response("", status_code=401)


def _chosen(request: ConsoleRequest) -> list[SessionIdentity]:
    """Raises ``PageRefusedError`` for no choice, and for one that no page offered."""
    tokens = dict.fromkeys(visit_of(request).texts("selected")[:LARGEST])
    if not tokens:
        raise PageRefusedError("nothing_selected", 422)
    try:
        return [SessionIdentity.of_token(token) for token in tokens]
    except SessionsError as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error


def _words(request: ConsoleRequest, report: KillReport) -> str:
    """In short; the page says it of each session."""
    visit = visit_of(request)
    well = sum(_is_well(one) for one in report.killed)
    text = visit.say_many("%(num)s sessão não bloqueia mais.", "%(num)s sessões não bloqueiam mais.", well)
    left = len(report.killed) - well
    if left:
        text += " " + visit.say_many("%(num)s exige atenção.", "%(num)s exigem atenção.", left)
    return text


def _is_well(killed: Killed) -> bool:
    return killed.outcome in ("ended", "released", "gone")


def _counts(tree: Tree | None) -> SessionCounts:
    nodes = tree.nodes if tree else []
    return SessionCounts(
        blockers=sum(node.root for node in nodes), waiting=sum(node.marked and not node.root for node in nodes)
    )


def _token(request: ConsoleRequest) -> str:
    return request.cookies.get(SESSION_COOKIE, "")


HANDLERS: list[Any] = [show, sign_in, sign_out, check, kill]
