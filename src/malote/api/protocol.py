"""uvicorn's HTTP protocol, given patience with an end.

A connection waits for a request's head, then for its body; then the client waits; then it is idle. A client that keeps
the server waiting too long, or whose place others need, gets a reply in words, and goes.
"""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Literal, cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from malote import log as logs
from malote.api.connections import HttpConnections
from malote.api.faults import RETRY_AFTER_SECONDS, words_of
from malote.api.log_throttle import Seldom
from malote.api.transport import PatientTransport
from malote.config import Settings
from malote.rejection import Language
from malote.tills.till import Till

# A body in chunks of a byte costs a hundred times its size: so much more may come on the wire than what it says.
MOST_WRAPPING = 1.1
SLACK = 400_000  # bytes, of which some have come and were not looked at yet

Phase = Literal["new", "head", "body", "served", "idle"]

log = logs.get_logger("malote.api")


def refusal(status: HTTPStatus, code: str, facts: Mapping[str, str], language: Language) -> bytes:
    """A whole reply that ends its connection."""
    body = words_of(code, facts, language)
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\nRetry-After: {RETRY_AFTER_SECONDS}\r\n\r\n"
    )
    return head.encode() + body


class PatientProtocol(H11Protocol):
    """One connection."""

    transport: Any

    def __init__(
        self, *args: Any, connections: HttpConnections, settings: Settings, endings: Seldom, **named: Any
    ) -> None:
        super().__init__(*args, **named)
        self.app = self._watched(self.app)
        self._connections = connections
        self._endings = endings
        self._settings = settings.server
        self._language = settings.language
        self._address = ""
        self._phase: Phase = "new"
        self._since = 0.0
        self._received = 0  # bytes in this phase
        self._alarm: asyncio.TimerHandle | None = None

    # ---- what the transport says ----

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(Any, PatientTransport(transport, self.loop, self._settings.body_seconds)))
        self._address = self.client[0] if self.client else ""
        if self._connections.enter(self, self._address):
            self._enter("head")
        else:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "server_busy", {})

    def data_received(self, data: bytes) -> None:
        if self._is_over():
            self.transport.throw_away(data)
            return
        if self._phase == "idle":
            self._enter("head")
        super().data_received(data)
        self._look()
        self._received += len(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.leave(self)
        self._unset_keepalive_if_required()
        self._silence()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.watch_reading()

    # ---- phases, and how long each may last ----

    def _look(self) -> None:
        """Finds out in which phase the connection is now."""
        if self._is_over():
            self._connections.waits(self)
        elif (cycle := self._under_way()) is not None:
            self._enter("body" if cycle.more_body else "served")
        else:
            self._enter("idle" if self.timeout_keep_alive_task else "head")

    def _under_way(self) -> RequestResponseCycle | None:
        """The request that has no whole answer yet."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return None if cycle is None or cycle.response_complete else cycle

    def _is_over(self) -> bool:
        return bool(self.transport.lingering or self.transport.is_closing())

    def _enter(self, phase: Phase) -> None:
        if phase == self._phase:
            return
        self._phase, self._since, self._received = phase, self.loop.time(), 0
        self._silence()
        if phase == "served":
            self._connections.is_served(self)
            return
        self._connections.waits(self)
        if phase != "idle":  # which uvicorn's own timer ends
            self._set_alarm(self._settings.head_seconds if phase == "head" else self._settings.body_seconds)

    def _set_alarm(self, seconds: float) -> None:
        self._silence()
        self._alarm = self.loop.call_later(seconds, self._time_is_up)

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _time_is_up(self) -> None:
        """A large body may take long over a slow line, as long as it comes."""
        self._alarm = None
        if self._is_over():
            return
        if self._phase == "body":
            allowed = self._settings.body_seconds + self._received / self._settings.slowest_bytes
            left = self._since + allowed - self.loop.time()
            if self.flow.read_paused:  # the client waits for us
                left = self._settings.body_seconds
            if left > 0:
                self._set_alarm(left)
                return
        detail = "the body stopped coming" if self._phase == "body" else "the request stopped coming"
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "request_invalid", {"detail": detail})

    # ---- ends ----

    def turn_away(self) -> None:
        """Ends a connection that keeps the server waiting, since others need its place."""
        if self._is_over():
            self._connections.leave(self)
            self.transport.abort()
        elif self._phase == "idle":
            self._connections.leave(self)
            self.timeout_keep_alive_handler()
        else:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "server_busy", {})

    def _refuse(self, status: HTTPStatus, code: str, facts: Mapping[str, str]) -> None:
        """Says why, unless a reply has begun, and closes."""
        self._connections.leave(self)
        self._silence()
        self._unset_keepalive_if_required()
        self._endings.tell(self._address, status=int(status), phase=self._phase)
        cycle = self._under_way()
        if cycle is None or not cycle.response_started:
            self.transport.write(refusal(status, code, facts, self._language))
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        # One that has only just come may be about to send: closed at once, it would be reset under its own request.
        self.transport.lingers = self._phase == "new" and self._connections.may_linger(self)
        self.transport.close()

    def _watched(self, app: Any) -> Callable[..., Any]:
        """The application, with an eye on what it answers before it was asked all, and on who proved to be a till."""

        async def run(scope: Any, receive: Any, send: Any) -> None:
            cycle = self.cycle
            size = 0

            async def answer(message: Any) -> None:
                if message["type"] == "http.response.start" and cycle.more_body:
                    # Nobody waits for the rest of the body.
                    self.transport.lingers = True
                    message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
                await send(message)

            async def listen() -> Any:
                nonlocal size
                if isinstance(scope.get("auth"), Till):
                    # Its body is waited for as long as its time allows, whoever else comes.
                    self._connections.is_a_tills(self._address)
                    self._connections.is_served(self)
                message = await receive()
                size += len(message.get("body", b""))
                if self._received > SLACK + MOST_WRAPPING * size:
                    detail = {"detail": "the body comes in too small chunks"}
                    self._refuse(HTTPStatus.BAD_REQUEST, "request_invalid", detail)
                    return {"type": "http.disconnect"}
                return message

            await app(scope, listen, answer)
            if isinstance(scope.get("auth"), Till):
                self._connections.is_a_tills(self._address)

        return run
