"""One request of one person: who it is, what the form says, and whether both are genuine."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast
from urllib.parse import SplitResult, quote, urlsplit

from anyio import to_thread
from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.response import Redirect

from malote.accounts import sessions
from malote.accounts.audit import Actor
from malote.accounts.roles import Permission, least
from malote.accounts.sessions import UserSession
from malote.accounts.user import User
from malote.console import forms
from malote.console import language as languages
from malote.console.console_services import ConsoleServices
from malote.console.forms import Form
from malote.console.refusals import PageRefusedError as PageRefusedError
from malote.console.shared_pages import SharedPages
from malote.rejection import Language

ROOT = "/console"
SIGN_IN = f"{ROOT}/sign-in"
PASSWORD = f"{ROOT}/password"
SIGN_OUT = f"{ROOT}/sign-out"

SESSION_COOKIE = "malote_session"
THEME_COOKIE = "malote_theme"
REFRESH_HEADER = "Malote-Refresh"  # a page that fetches itself anew, with nobody there

_NEEDS = "needs"
_NOTHING = Form()

Theme = Literal["light", "dark", ""]
ConsoleRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Visit:
    language: Language
    theme: Theme
    session: UserSession | None = None
    form: Form = _NOTHING
    address: str = ""

    @property
    def user(self) -> User:
        """Raises ``PageRefusedError`` where nobody is signed in."""
        if self.session is None:
            raise PageRefusedError("session_expired", 401)
        return self.session.user

    @property
    def actor(self) -> Actor:
        return Actor(self.user.name, self.address)

    def may(self, permission: str) -> bool:
        return self.session is not None and self.session.user.may(Permission(permission))

    def demand(self, permission: Permission) -> None:
        """Raises ``PageRefusedError`` unless this person may."""
        if not self.user.may(permission):
            raise PageRefusedError("permission_missing", 403, role=self.user.role.value, needed=least(permission).value)

    def say(self, text: str, **facts: object) -> str:
        """A text in the visitor's language, its ``%(name)s`` filled."""
        return languages.translator(self.language)(text) % facts

    def say_many(self, one: str, many: str, count: int, **facts: object) -> str:
        """The same for a number of things, which is ``%(num)s``."""
        return languages.plural_translator(self.language)(one, many, count) % ({"num": count} | facts)

    def text(self, name: str) -> str:
        """A field of the form; empty where it is absent."""
        return self.form.text(name)

    def texts(self, name: str) -> list[str]:
        return self.form.texts(name)


def visit_of(request: ConsoleRequest) -> Visit:
    return cast(Visit, request.state["visit"])


def shared_of(request: ConsoleRequest) -> SharedPages:
    return cast(SharedPages, request.state["shared"])


def services_of(request: ConsoleRequest) -> ConsoleServices:
    return cast(ConsoleServices, request.state["console"])


def needs(permission: Permission) -> dict[str, Any]:
    """Option of a handler: who it is for. Looked at before a byte of the form is read."""
    return {_NEEDS: permission}


async def anybody(request: ConsoleRequest, services: ConsoleServices) -> None:
    """For pages that nobody needs to sign in for."""
    request.state["console"] = services
    request.state["visit"] = _visit(request, services, None)
    check_address(request)
    if request.method == "POST":
        check_origin(request)
        await _read_form(request)


async def somebody(request: ConsoleRequest, services: ConsoleServices) -> Response[Any] | None:
    """For all other pages: a session, the right to be there, and for whatever changes something its CSRF token.

    The answer where there is no session, or where the password must be changed first. Raises ``PageRefusedError``.
    """
    request.state["console"] = services
    token = request.cookies.get(SESSION_COOKIE, "")
    alive = REFRESH_HEADER not in request.headers and not is_stream(request)
    session = await to_thread.run_sync(services.accounts.find, token, alive) if token else None
    visit = request.state["visit"] = _visit(request, services, session)
    if session is None:
        return _sent_to_sign_in(request)
    if not session.user.must_change_password:
        visit.demand(request.route_handler.opt.get(_NEEDS, Permission.SEE))
    elif request.url.path not in (PASSWORD, SIGN_OUT):
        return redirect(request, PASSWORD)
    check_address(request)
    if request.method not in ("GET", "HEAD"):
        check_origin(request)
        check_genuine(request, session, await _read_form(request))
    return None


async def _read_form(request: ConsoleRequest) -> Visit:
    carries = request.route_handler.opt.get(forms.FILE)
    largest = services_of(request).quarantine.parts.max_file_bytes if carries else None
    form = await forms.read(request, largest_file=largest)
    visit: Visit = replace(visit_of(request), form=form)
    request.state["visit"] = visit
    return visit


def check_address(request: ConsoleRequest) -> None:
    """Raises ``PageRefusedError`` for a path that no database could be asked about."""
    numbers = [value for value in request.path_params.values() if isinstance(value, int)]
    if "\0" in request.url.path or "\0" in request.scope["path"] or any(not 0 < one < 2**63 for one in numbers):
        raise PageRefusedError("page_unknown", 404)


def check_genuine(request: ConsoleRequest, session: UserSession, visit: Visit) -> None:
    """Raises ``PageRefusedError`` for a request that another site made the browser send."""
    given = request.headers.get("X-CSRF-Token") or visit.text("csrf")
    if not sessions.is_genuine(session, given):
        raise PageRefusedError("csrf_invalid", 403)


def check_origin(request: ConsoleRequest) -> None:
    """Raises ``PageRefusedError`` where the browser itself says that the request comes from elsewhere."""
    origin = request.headers.get("Origin")
    if origin is not None and _parted(origin).netloc != request.headers.get("Host"):
        raise PageRefusedError("csrf_invalid", 403)


def is_partial(request: ConsoleRequest) -> bool:
    """Whether only the changing part of the page is asked for."""
    return request.headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in request.headers


def is_stream(request: ConsoleRequest) -> bool:
    return request.headers.get("Accept", "").startswith("text/event-stream")


def redirect(request: ConsoleRequest, path: str) -> Response[Any]:
    """To another page; ``path`` is one of this program's own."""
    if is_partial(request):
        return Response("", status_code=204, headers={"HX-Redirect": path})
    return Redirect(path, status_code=303)


def cookie(
    request: ConsoleRequest, name: str, value: str, *, max_age: int | None = None, strict: bool = False
) -> Cookie:
    """One that no script reads and no other site's form sends along."""
    return Cookie(
        key=name,
        value=value,
        max_age=max_age,
        path=ROOT,
        httponly=True,
        secure=request.url.scheme == "https",
        samesite="strict" if strict else "lax",
    )


def own_path(path: str) -> str:
    """A path within the console, from what a browser says; the first page for anything else."""
    parts = _parted(path)
    inside = parts.path == ROOT or parts.path.startswith(f"{ROOT}/")
    if parts.scheme or parts.netloc or not inside or "\\" in path or parts.path.startswith(SIGN_IN):
        return ROOT
    return parts.path + (f"?{parts.query}" if parts.query else "")


def came_from(request: ConsoleRequest) -> str:
    """The page of the console that a form stood on; the first page where the browser doesn't say."""
    parts = _parted(request.headers.get("Referer", ""))
    if parts.netloc != request.headers.get("Host"):
        return ROOT
    return own_path(parts.path + (f"?{parts.query}" if parts.query else ""))


def _parted(address: str) -> SplitResult:
    """Of what is no address, nothing."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _visit(request: ConsoleRequest, services: ConsoleServices, session: UserSession | None) -> Visit:
    theme = request.cookies.get(THEME_COOKIE, "")
    return Visit(
        language=languages.choose(
            request.cookies.get(languages.COOKIE), request.headers.get("Accept-Language", ""), services.language
        ),
        theme=cast(Theme, theme) if theme in ("light", "dark") else "",
        session=session,
        address=request.client.host if request.client else "",
    )


def _sent_to_sign_in(request: ConsoleRequest) -> Response[Any]:
    if is_stream(request) or is_partial(request):
        return Response("", status_code=401)
    if request.method != "GET":
        raise PageRefusedError("session_expired", 401)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Redirect(f"{SIGN_IN}?next={quote(here, safe='')}", status_code=303)


def whole(text: str | None, default: int, *, least: int = 1, most: int = 2**53) -> int:
    """A number from an address, whatever somebody typed there."""
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 16:
        return default
    return max(least, min(most, int(text)))


def parameters(request: ConsoleRequest) -> Mapping[str, str]:
    """The query of the address; of a repeated name, the last value."""
    return {forms.clean(name): forms.clean(value) for name, value in request.query_params.items()}
