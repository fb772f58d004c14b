"""Every page of the console, for the composition root to mount beside the HTTP API."""

import gzip
import json
import secrets
import traceback
from collections.abc import AsyncIterator, Callable
from functools import cache
from types import ModuleType
from typing import Any

from litestar import Response, Router, get
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from malote import log as logs
from malote import rejection
from malote.console.console_services import ConsoleServices
from malote.console.live import Changes
from malote.console.pages import (
    alerts,
    assistant,
    books,
    consumers,
    cures,
    dashboard,
    document,
    entry,
    find,
    jobs,
    laboratory,
    load_databases,
    load_going_back,
    load_holds,
    load_manager,
    load_orders,
    load_plans,
    load_prices,
    lock_episodes,
    locks,
    management,
    mappings,
    period,
    reconciliation,
    rejected,
    synchronise,
    till,
    till_accounts,
    trail,
    users,
)
from malote.console.rendering import HEADERS, accepts_gzip, answer, static_files, told
from malote.console.shared_pages import SharedPages
from malote.console.visits import (
    ROOT,
    ConsoleRequest,
    PageRefusedError,
    anybody,
    came_from,
    is_partial,
    parameters,
    somebody,
    visit_of,
)
from malote.database.errors import StoreError
from malote.register.contents import DocumentNotFoundError

log = logs.get_logger("malote.console")

YEAR = 365 * 86400
FLOW_SECONDS = 15.0  # between two looks at what flowed, for a page that shows it
LOCKS_SECONDS = 2.0  # between two looks at the ERP's sessions, for a page that shows them
# Each page says in its ``HANDLERS`` what it answers to.
PAGES: tuple[ModuleType, ...] = (
    management,
    find,
    assistant,
    alerts,
    till,
    books,
    synchronise,
    rejected,
    jobs,
    laboratory,
    document,
    cures,
    mappings,
    load_manager,
    load_orders,
    load_going_back,
    load_plans,
    load_holds,
    load_prices,
    load_databases,
    locks,
    lock_episodes,
    dashboard,
    period,
    reconciliation,
    trail,
    consumers,
    till_accounts,
    users,
)
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def console(services: ConsoleServices, *, stopping: Callable[[], bool] = lambda: False) -> Router:
    """Mounted at ``/console``. ``services`` is asked from worker threads, never from the event loop.

    ``stopping``: whether the server is about to stop, so that no open page keeps it waiting.
    """
    shared = SharedPages()

    async def come(request: ConsoleRequest) -> None:
        await anybody(request, services)

    return Router(
        ROOT,
        route_handlers=[
            static,
            Router("/", before_request=come, route_handlers=entry.OUTSIDE),
            _inside(services, shared, [_changed(services, shared, stopping)]),
        ],
        exception_handlers={
            PageRefusedError: _refused,
            StoreError: _store_failed,
            DocumentNotFoundError: _not_found,
            HTTPException: _not_served,
            Exception: _failed,
        },
        include_in_schema=False,
        opt={"public": True},  # no till's token: these pages have sessions
    )


def _inside(services: ConsoleServices, shared: SharedPages, beside: list[Any]) -> Router:
    """What only who has signed in may see: every page, and the handlers ``beside``."""

    async def enter(request: ConsoleRequest) -> Response[Any] | None:
        request.state["shared"] = shared
        if request.method not in ("GET", "HEAD"):
            shared.forget()
        return await somebody(request, services)

    async def leave(request: ConsoleRequest) -> None:
        # Once more: what was rendered while it was being done shows it half done.
        if request.method not in ("GET", "HEAD"):
            shared.forget()

    pages = [handler for page in PAGES for handler in page.HANDLERS]
    handlers = [first, *beside, *entry.INSIDE, *pages, nothing_here]
    return Router("/", before_request=enter, after_response=leave, route_handlers=handlers)


def _changed(services: ConsoleServices, shared: SharedPages, stopping: Callable[[], bool]) -> Any:
    """Tells open pages that something is other than before."""
    streams = {
        "": Changes(services.pulse, stopping=stopping, changed=shared.forget),
        "locks": Changes(lambda _: str(int(services.now() / LOCKS_SECONDS)), stopping=stopping),
        "flow": Changes(lambda _: str(int(services.now() / FLOW_SECONDS)), stopping=stopping),
        # Of all streams: a page that is asked for at once after the word of a change must not be one made before it.
        "load-manager": Changes(services.structures_pulse, stopping=stopping, changed=shared.forget),
        "jobs": Changes(services.jobs_pulse, stopping=stopping, changed=shared.forget),
    }

    @get("/changes")
    async def changed(request: ConsoleRequest) -> ServerSentEvent:
        given = parameters(request)
        changes = streams.get(given.get("page", ""), streams[""])
        return ServerSentEvent(_messages(changes, given.get("till")), headers=HEADERS)

    return changed


@get("/", sync_to_thread=False, include_in_schema=False, opt={"public": True})
def front_door() -> Response[Any]:
    """Outside of ``ROOT``: what a person finds who knows the server's address only."""
    return Redirect(ROOT, status_code=303, headers=HEADERS)


@get("/", sync_to_thread=False)
def first(request: ConsoleRequest) -> Response[Any]:
    del request
    return Redirect(f"{ROOT}/tills", status_code=303)


@get("/static/{name:path}", sync_to_thread=False)
def static(request: ConsoleRequest, name: FromPath[str]) -> Response[bytes]:
    """From memory, by exact name: no path is ever built from what a browser says."""
    data = static_files().get(name.lstrip("/"))
    if data is None:
        return Response(b"", status_code=404, media_type="text/plain")
    kind = _TYPES[name[name.rindex(".") :]]
    kept = {"Cache-Control": f"public, max-age={YEAR}, immutable"}
    if accepts_gzip(request):
        data, kept = _packed(name.lstrip("/")), kept | {"Content-Encoding": "gzip"}
    return Response(data, media_type=f"{kind}; charset=utf-8", headers=HEADERS | kept | {"Vary": "Accept-Encoding"})


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(static_files()[name], mtime=0)


@get("/{rest:path}", sync_to_thread=False)
def nothing_here(rest: FromPath[str]) -> None:
    raise PageRefusedError("page_unknown", 404)


async def _messages(changes: Changes, till: str | None) -> AsyncIterator[ServerSentEventMessage]:
    async for word in changes.listen(till):
        yield ServerSentEventMessage(data="", event=word)


def _refused(request: ConsoleRequest, error: PageRefusedError) -> Response[str]:
    return _said(request, error.code, error.facts, error.status)


def _store_failed(request: ConsoleRequest, error: StoreError) -> Response[str]:
    return _said(request, error.code, {"detail": error.detail}, 503)


def _not_found(request: ConsoleRequest, error: DocumentNotFoundError) -> Response[str]:
    del error
    return _said(request, "page_unknown", {}, 404)


def _not_served(request: ConsoleRequest, error: HTTPException) -> Response[str]:
    code = "page_unknown" if isinstance(error, NotFoundException) or error.status_code == 405 else "request_invalid"
    return _said(request, code, {"detail": ""}, error.status_code)


def _failed(request: ConsoleRequest, error: Exception) -> Response[str]:
    """The outermost end of a request: a fault of the program."""
    # Without the message, which may quote a document.
    frames = "".join(traceback.format_tb(error.__traceback__))
    reference = secrets.token_hex(4)
    log.error("page_failed", reference=reference, error=type(error).__qualname__, traceback=frames)
    return _said(request, "server_failed", {"detail": reference}, 500)


def _said(request: ConsoleRequest, code: str, facts: dict[str, str], status: int) -> Response[str]:
    """A page that says what happened and what to do; a message where only a part of a page was asked for."""
    if "visit" not in request.state or "console" not in request.state:
        return Response("", status_code=status, media_type="text/html", headers=HEADERS)
    if is_partial(request):
        language = visit_of(request).language
        words = (f"{rejection.title(code, language)}.", rejection.cause(code, facts, language, technical=False))
        event = {"HX-Trigger": json.dumps(told(" ".join(words), "stopped"))}
        return Response("", status_code=status, media_type="text/html", headers=HEADERS | event)
    return answer(request, "refused", {"code": code, "facts": facts, "came_from": came_from(request)}, status=status)
