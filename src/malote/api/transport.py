"""A connection's transport that loses no reply by closing too early, and holds none for who reads it never."""

import asyncio
from typing import Any

from malote import log as logs

LINGER_SECONDS = 3.0  # in which what still comes is thrown away
LINGER_BYTES = 16_000_000  # thrown away at most

log = logs.get_logger("malote.api")


class PatientTransport:
    """Stands before asyncio's own."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, stall_seconds: float) -> None:
        """``stall_seconds``: how long a reply may stand still, not a byte of it being read."""
        self._transport = transport
        self._loop = loop
        self._stall_seconds = stall_seconds
        self._alarm: asyncio.TimerHandle | None = None
        self.lingers = False  # whether closing leaves time for what the client still sends
        self.lingering = False  # whether it is doing so
        self._thrown_away = 0  # bytes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        """Where asked to linger: closed with bytes unread, a connection is reset, and the reply is lost with it."""
        if self.lingers and not self.lingering and not self._transport.is_closing():
            self.lingering = True
            if self._transport.can_write_eof():
                self._transport.write_eof()
            self._transport.resume_reading()
            self._loop.call_later(LINGER_SECONDS, self._transport.abort)
            return
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self.watch_reading()

    def throw_away(self, data: bytes) -> None:
        """What came while it lingered."""
        self._thrown_away += len(data)
        if self._thrown_away > LINGER_BYTES:
            self._transport.abort()

    def watch_reading(self) -> None:
        """From now on, ends it where nothing of what waits to be sent goes out for too long."""
        if self._alarm is None:
            self._look_again(self._transport.get_write_buffer_size())

    def _look_again(self, unsent: int) -> None:
        self._alarm = self._loop.call_later(self._stall_seconds, self._look, unsent)

    def _look(self, before: int) -> None:
        self._alarm = None
        unsent = self._transport.get_write_buffer_size()
        if 0 < unsent < before:
            self._look_again(unsent)
        elif unsent:
            log.info("reply_unread", unsent=unsent)
            self._transport.abort()
