"""The description of the HTTP interface, as OpenAPI and as a page for people: no program of others is loaded for it."""

import html
from collections.abc import Iterator
from typing import Any

from litestar import MediaType, Request, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin

from malote import __version__
from malote.api.admittance import ANY_CLIENT, DESCRIPTION
from malote.api.consumer_description import webhooks
from malote.bilingual import Bilingual
from malote.rejection import Language

_WORDS: Bilingual[dict[str, str]] = Bilingual(
    {
        "title": "Interface HTTP do Malote",
        "all": "Tudo isto como OpenAPI, para programas",
        "parameters": "Parâmetros",
        "replies": "Respostas",
        "body": "Corpo",
        "example": "Exemplo",
        "sent": "Enviado a webhooks",
    },
    {
        "title": "Malote's HTTP interface",
        "all": "All of this as OpenAPI, for programs",
        "parameters": "Parameters",
        "replies": "Replies",
        "body": "Body",
        "example": "Example",
        "sent": "Sent to webhooks",
    },
)
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h2{border-top:1px solid #bbb;padding-top:1rem}pre{background:#f4f4f4;padding:.5rem;white-space:pre-wrap;"
    "overflow-wrap:anywhere}td,th{text-align:left;vertical-align:top;padding:.1rem .8rem .1rem 0}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def described(language: Language) -> OpenAPIConfig:
    """Served at ``/schema`` and ``/schema/openapi.json``, to whoever has a token of any kind."""
    return OpenAPIConfig(
        title="Malote",
        version=__version__,
        webhooks=webhooks(),
        use_handler_docstrings=True,
        render_plugins=[_Page(language), JsonRenderPlugin()],
        openapi_router=Router(
            "/schema",
            route_handlers=[],
            include_in_schema=False,
            opt={ANY_CLIENT: True, DESCRIPTION: True},
            response_headers={"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"},
        ),
    )


class _Page(OpenAPIRenderPlugin):
    def __init__(self, language: Language) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)
        self._language = language

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return page(openapi_schema, self._language).encode()


def page(schema: dict[str, Any], language: Language) -> str:
    """The page of a description."""
    words = _WORDS.of(language)
    pieces = [
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{words["title"]}</title>',
        f"<style>{_STYLE}</style><h1>{words['title']} {html.escape(schema['info']['version'])}</h1>",
        f'<p><a href="/schema/openapi.json">{words["all"]}</a></p>',
    ]
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            pieces += _operation(f"{method.upper()} {path}", operation, words)
    for operation in (item["post"] for item in schema.get("webhooks", {}).values()):
        pieces += _operation(f"POST · {words['sent']}", operation, words)
    return "".join(pieces) + "</html>\n"


def _operation(heading: str, operation: dict[str, Any], words: dict[str, str]) -> Iterator[str]:
    yield f"<h2><code>{html.escape(heading)}</code></h2><p>{html.escape(operation.get('description', ''))}</p>"
    if parameters := operation.get("parameters"):
        rows = ((one["name"], one.get("description", "")) for one in parameters)
        yield f"<h3>{words['parameters']}</h3>{_table(rows)}"
    if body := operation.get("requestBody"):
        yield f"<h3>{words['body']}</h3><p>{html.escape(', '.join(body['content']))}</p>"
        yield from _examples(body["content"], words)
    rows = ((status, reply.get("description", "")) for status, reply in operation["responses"].items())
    yield f"<h3>{words['replies']}</h3>{_table(rows)}"
    yield from _examples(operation["responses"].get("200", {}).get("content", {}), words)


def _table(rows: Iterator[tuple[str, str]]) -> str:
    cells = (f"<tr><th><code>{html.escape(name)}</code><td>{html.escape(said)}" for name, said in rows)
    return f"<table>{''.join(cells)}</table>"


def _examples(content: dict[str, Any], words: dict[str, str]) -> Iterator[str]:
    for media, described in content.items():
        for one in (described.get("examples") or {}).values():
            yield f"<h3>{words['example']} · {html.escape(media)}</h3><pre>{html.escape(_text(one['value']))}</pre>"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else bytes(value).decode()
