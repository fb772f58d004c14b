"""Requests as no browser would send them, straight to the application, and all routes to send them to."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute


class Raw(msgspec.Struct, frozen=True):
    """One request. ``path`` as it stands on the wire."""

    method: str
    path: str
    query: bytes = b""
    headers: Mapping[bytes, bytes] = {}
    body: bytes = b""

    async def status(self, app: Litestar) -> int:
        """Of the reply."""
        statuses: list[int] = []
        pieces = [self.body]

        async def receive() -> dict[str, Any]:
            if pieces:
                return {"type": "http.request", "body": pieces.pop(), "more_body": False}
            return {"type": "http.disconnect"}

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        length = {b"content-length": str(len(self.body)).encode()} if self.body else {}
        headers = {b"host": b"testserver", **length, **self.headers}
        scope = {
            "type": "http",
            "method": self.method,
            "path": unquote(self.path),
            "raw_path": self.path.encode(),
            "query_string": self.query,
            "headers": list(headers.items()),
            "client": ("127.0.0.1", 50_000),
            "server": ("testserver", 80),
            "scheme": "http",
            "http_version": "1.1",
            "root_path": "",
            "asgi": {"version": "3.0"},
            "state": {},
        }
        await app(scope, receive, answer)  # type: ignore[arg-type]
        return statuses[0]


class Place(NamedTuple):
    """A route for one method."""

    method: str
    path: str
    handler: HTTPRouteHandler

    @property
    def needs(self) -> Any:
        return self.handler.opt.get("needs")


def places(app: Litestar) -> list[Place]:
    """Every method and path that this program answers."""
    return [
        Place(method, route.path, handler)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in sorted(handler.http_methods)
        if method != "OPTIONS" and not route.path.startswith("/schema")
    ]


def filled(path: str, values: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """The path with each of the values of its parameters, by the parameters' kinds."""
    before, brace, rest = path.partition("{")
    if not brace:
        yield path
        return
    parameter, _, after = rest.partition("}")
    for value in values[parameter.partition(":")[2]]:
        for ending in filled(after, {kind: list(some)[:1] for kind, some in values.items()}):
            yield before + value + ending
