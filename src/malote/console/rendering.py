"""From a page's context to its HTML: the whole page, or only the part of it that changes."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import tzinfo
from functools import cache, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response
from litestar.datastructures import Cookie
from litestar.enums import MediaType

from malote import rejection
from malote.console import language as languages
from malote.console import load_words, plots, trail_words
from malote.console.formats import Formats
from malote.console.shared_pages import Viewer
from malote.console.taxpayers import in_facts
from malote.console.visits import (
    REFRESH_HEADER,
    ROOT,
    ConsoleRequest,
    is_partial,
    services_of,
    shared_of,
    visit_of,
)
from malote.fiscal import field_words
from malote.locks.alarm import words as stoppage_words
from malote.plain import clean, clean_lines
from malote.quarantine.history_text import words
from malote.quarantine.synchronising import words as progress_words
from malote.rejection import Language

# No script, style, picture or connection from anywhere else, and nobody may put these pages into a frame.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
_NEVER_KEPT = {"Cache-Control": "no-store", "Vary": "HX-Request, Cookie, Accept-Language"}


def answer(
    request: ConsoleRequest,
    page: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
    cookies: list[Cookie] | None = None,
    events: Mapping[str, Any] | None = None,
) -> Response[str]:
    """The page ``page``, or its part ``page.live`` where the browser already has the rest.

    ``events`` are triggered in the browser, as htmx does it.
    """
    template = f"{page}.live.html" if is_partial(request) and _has_part(page) else f"{page}.html"
    headers = HEADERS | _NEVER_KEPT
    if events:
        headers["HX-Trigger"] = json.dumps(events)
    return Response(
        render(request, template, context),
        media_type=MediaType.HTML,
        status_code=status,
        headers=headers,
        cookies=cookies,
    )


def answer_shared(
    request: ConsoleRequest, page: str, context: Callable[[], Mapping[str, Any]]
) -> Response[str] | Response[bytes]:
    """As ``answer``. A page that refreshes itself gets what others who look at the same have got; nothing, where it
    already has that.

    Only such answers are compressed: they hold no secret (docs/decisions/0008-what-is-compressed.md).
    """
    if not is_partial(request) or REFRESH_HEADER not in request.headers:
        return answer(request, page, context())
    viewer = Viewer(visit_of(request).language, visit_of(request).user.role)
    template = f"{page}.live.html"
    key = template, viewer.language, viewer.role, _here(request)
    rendered = shared_of(request).get(key, lambda: render(request, template, context(), viewer))
    headers = HEADERS | _NEVER_KEPT | {"ETag": rendered.tag}
    headers["Vary"] += ", Accept-Encoding"
    if request.headers.get("If-None-Match") == rendered.tag:
        return Response(b"", media_type=MediaType.HTML, status_code=204, headers=headers)
    packed = accepts_gzip(request)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(rendered.packed if packed else rendered.text, media_type=MediaType.HTML, headers=headers)


def accepts_gzip(request: ConsoleRequest) -> bool:
    given = request.headers.get("Accept-Encoding", "").lower().replace(" ", "")
    return any(one.partition(";")[0] == "gzip" and not one.endswith(";q=0") for one in given.split(","))


def render(request: ConsoleRequest, template: str, context: Mapping[str, Any], viewer: Viewer | None = None) -> str:
    """With a ``viewer``, for whoever is one: nothing of this visitor gets in."""
    visit, services = viewer or visit_of(request), services_of(request)
    surroundings = {
        "visit": visit,
        "shared": viewer is not None,
        "services": services,
        "path": request.url.path,
        "here": _here(request),
        "partial": is_partial(request),
        "answered": request.method == "POST",  # to a form that stood on another page
        "now": services.now(),
        "address": _address(request),
    }
    return environment(visit.language, services.zone()).get_template(template).render(surroundings | dict(context))


@cache
def _has_part(page: str) -> bool:
    """Whether a part of the page changes by itself; of one without, whoever asks for that gets all."""
    return (resources.files("malote.console") / "templates" / f"{page}.live.html").is_file()


def told(text: str, kind: str = "ok", undo: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The event that shows a message for a while; with ``undo``, where the named ids are sent to, a button for that."""
    return {"toast": {"text": clean(text), "kind": kind} | ({"undo": undo} if undo else {})}


def _harmless(value: Any) -> Any:
    """Every text that a page shows, but what the page itself made of it."""
    return clean_lines(value) if type(value) is str else value


@lru_cache(maxsize=16)
def environment(language: Language, zone: tzinfo | None = None) -> Environment:
    formats = Formats(language, languages.LOCALES[language], zone)
    env = Environment(
        loader=PackageLoader("malote.console"),
        autoescape=True,
        finalize=_harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    env.install_gettext_translations(languages.translations(language), newstyle=True)  # type: ignore[attr-defined]
    env.filters["load_name"] = lambda name: load_words.entity(name, language)
    env.globals |= {
        "f": formats,
        "trail": lambda entry: trail_words.told(entry, language, formats),
        "language": language,
        "tag": languages.TAGS[language],
        "root": ROOT,
        "static": _static,
        "title": lambda code: rejection.title(code, language),
        "cause": lambda code, facts=None: rejection.cause(code, in_facts(facts or {}), language, technical=False),
        "technical": lambda code, facts=None: rejection.technical(code, facts or {}),
        "remedy": lambda code, facts=None: rejection.remedy(code, in_facts(facts or {}), language, on_page=True),
        "entry": rejection.entry,
        "field_words": lambda fields: field_words.in_words(fields, language),
        "plots": plots,
        "load_entity": lambda name: load_words.entity(name, language),
        "load_column": lambda name: load_words.column(name, language),
        "load_facts": lambda facts: load_words.facts(facts, language, formats.moment),
        "loads_way": load_words.way,
        "cron_words": lambda text: load_words.cron(text, language),
        "event_words": lambda event: words(msgspec.structs.replace(event, facts=in_facts(event.facts)), language),
        "stoppage_words": lambda stoppage, now: stoppage_words(stoppage, now, language),
        "progress_words": lambda progress: progress_words(progress, language),
    }
    return env


@cache
def static_files() -> dict[str, bytes]:
    """Every file that pages may ask for, by its path under ``static/``.

    A folder such as ``console.css/`` is one file for browsers: its parts, in the order of their names.
    """
    folder = resources.files("malote.console") / "static"
    served = (".css", ".js", ".svg")
    found = {one.name: _whole(one) for one in folder.iterdir() if one.name.endswith(served)}
    vendor = (file for file in (folder / "vendor").iterdir() if file.name.endswith(served))
    return found | {f"vendor/{file.name}": file.read_bytes() for file in vendor}


def _whole(file: Traversable) -> bytes:
    if file.is_file():
        return file.read_bytes()
    return b"".join(part.read_bytes() for part in sorted(file.iterdir(), key=lambda part: part.name))


def _static(name: str) -> str:
    """The address of a file, which changes with its content, so that browsers may keep it for ever."""
    return f"{ROOT}/static/{name}?v={hashlib.sha256(static_files()[name]).hexdigest()[:12]}"


def _here(request: ConsoleRequest) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _address(request: ConsoleRequest) -> Any:
    """This page's address with other parameters: an empty one is left out."""
    current = dict(request.query_params.items())

    def changed(path: str | None = None, **changes: object) -> str:
        values = {name: value for name, value in (current | changes).items() if value not in (None, "")}
        return (path or request.url.path) + (f"?{urlencode(values)}" if values else "")

    return changed
