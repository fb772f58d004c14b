"""Coming in and going out: signing in, the password, and what a person prefers."""

import hmac
import secrets
from dataclasses import dataclass, field
from typing import Any

from litestar import Response, get, post
from litestar.response import Redirect

from malote.accounts.errors import AccountError, SignInError
from malote.accounts.sessions import SignedIn
from malote.console import language as languages
from malote.console.rendering import answer
from malote.console.visits import (
    PASSWORD,
    ROOT,
    SESSION_COOKIE,
    THEME_COOKIE,
    ConsoleRequest,
    Visit,
    cookie,
    own_path,
    services_of,
    visit_of,
)

FORM_COOKIE = "malote_form"
YEAR = 365 * 86400
LONGEST = 1000  # characters of a password that are looked at


@dataclass(frozen=True, slots=True)
class EntryTrouble:
    """What went wrong, as the catalogue names it."""

    code: str
    facts: dict[str, str] = field(default_factory=dict)


def context(visit: Visit, form: str, next_path: str, problem: EntryTrouble | None = None) -> dict[str, Any]:
    return {"form": form, "next": next_path, "name": visit.text("name"), "problem": problem}


@get("/sign-in", sync_to_thread=True)
def show_sign_in(request: ConsoleRequest) -> Response[str]:
    """Whoever comes with a session that is over is told so."""
    token = request.cookies.get(SESSION_COOKIE, "")
    over = bool(token) and services_of(request).accounts.find(token, False) is None
    return _gate(
        request, request.query_params.get("next", ROOT), EntryTrouble("session_expired") if over else None, 200
    )


@post("/sign-in", status_code=200, sync_to_thread=True)
def sign_in(request: ConsoleRequest) -> Response[Any]:
    """The form must be one that this program gave to this browser: nobody is signed in as somebody else unawares."""
    visit = visit_of(request)
    given, kept = visit.text("form"), request.cookies.get(FORM_COOKIE, "")
    if not kept or not hmac.compare_digest(given.encode(), kept.encode()):
        return _gate(request, visit.text("next"), EntryTrouble("form_outdated"), 403)
    try:
        signed_in = services_of(request).accounts.sign_in(
            visit.text("name"), visit.text("password")[:LONGEST], visit.address
        )
    except SignInError as error:
        return _gate(request, visit.text("next"), _trouble(error), 429 if error.retry_after else 401)
    return _entered(request, signed_in, own_path(visit.text("next")))


@get("/password", sync_to_thread=False)
def show_password(request: ConsoleRequest) -> Response[str]:
    return _password(request, None, 200)


@post("/password", status_code=200, sync_to_thread=True)
def change_password(request: ConsoleRequest) -> Response[Any]:
    visit = visit_of(request)
    if visit.text("new") != visit.text("again"):
        return _password(request, EntryTrouble("password_repeated_differently"), 422)
    try:
        signed_in = services_of(request).accounts.change_password(
            visit.user, visit.text("old")[:LONGEST], visit.text("new")[:LONGEST], visit.address
        )
    except AccountError as error:
        return _password(request, EntryTrouble(error.code, error.facts), 422)
    except SignInError as error:
        return _password(request, _trouble(error), 429)
    return _entered(request, signed_in, ROOT)


@post("/sign-out", status_code=303, sync_to_thread=True)
def sign_out(request: ConsoleRequest) -> Response[Any]:
    token = request.cookies.get(SESSION_COOKIE, "")
    services_of(request).locks.sign_out(token)
    services_of(request).accounts.sign_out(token)
    gone = Redirect(f"{ROOT}/sign-in", status_code=303)
    gone.delete_cookie(SESSION_COOKIE, path=ROOT)
    return gone


@post("/preferences", status_code=303, sync_to_thread=False)
def prefer(request: ConsoleRequest) -> Response[Any]:
    """Language and colours: kept in the browser alone, so nothing of a person's is changed by another site's form."""
    visit = visit_of(request)
    back = visit.text("back")
    changed = Redirect(back if back.startswith((f"{ROOT}/sign-in", PASSWORD)) else own_path(back), status_code=303)
    if visit.text("language") in languages.LANGUAGES:
        changed.set_cookie(cookie(request, languages.COOKIE, visit.text("language"), max_age=YEAR))
    if visit.text("theme") in ("light", "dark", "auto"):
        changed.set_cookie(cookie(request, THEME_COOKIE, visit.text("theme"), max_age=YEAR))
    return changed


def _gate(request: ConsoleRequest, next_path: str, problem: EntryTrouble | None, status: int) -> Response[str]:
    form = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
    cookies = [cookie(request, FORM_COOKIE, form, strict=True)]
    return answer(
        request,
        "sign_in",
        context(visit_of(request), form, own_path(next_path), problem),
        status=status,
        cookies=cookies,
    )


def _password(request: ConsoleRequest, problem: EntryTrouble | None, status: int) -> Response[str]:
    must = visit_of(request).user.must_change_password
    return answer(request, "password", {"must": must, "problem": problem}, status=status)


def _entered(request: ConsoleRequest, signed_in: SignedIn, path: str) -> Response[Any]:
    entered = Redirect(path, status_code=303)
    entered.set_cookie(cookie(request, SESSION_COOKIE, signed_in.session_token))
    return entered


def _trouble(error: SignInError) -> EntryTrouble:
    return EntryTrouble(error.code, {"seconds": str(max(1, round(error.retry_after)))})


OUTSIDE: list[Any] = [show_sign_in, sign_in, prefer]
INSIDE: list[Any] = [show_password, change_password, sign_out]
