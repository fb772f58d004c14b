"""Speaks to the server in the place of a till's agent: for troubles that this machine can't really be made to have,
such as a full disk at one till, or a clock of its own that is wrong.
"""

import threading
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec

from malote import __version__, wire

_SECONDS = 1.0

Contact = Callable[[], wire.Contact]


class StandIn:
    """Gives signs of life, in a thread of its own, until it is stopped; with the till's own settings and token."""

    def __init__(self, settings: Path, contact: Contact) -> None:
        till = tomllib.loads(settings.read_text(encoding="utf-8"))["till"]
        self._address = till["server"] + wire.PATH_CONTACT
        self._headers = {"Authorization": f"Bearer {till['token']}", "Content-Type": "application/json"}
        self._headers[wire.PROTOCOL_HEADER] = str(wire.PROTOCOL_VERSION)
        self._contact = contact
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._speak, name="stand-in", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _speak(self) -> None:
        with httpx.Client(trust_env=False, timeout=10, headers=self._headers) as client:
            while not self._over.wait(_SECONDS):
                try:
                    client.post(self._address, content=msgspec.json.encode(self._contact()))
                except httpx.TransportError:
                    continue  # a server that is started again


def wrong_clock() -> wire.Contact:
    """A quarter of an hour ahead."""
    return wire.Contact(__version__, datetime.now(UTC) + timedelta(minutes=15), 0, 0, troubles=[])


def full_disk() -> wire.Contact:
    facts = {"detail": "/var/lib/malote"}
    trouble = wire.TillTrouble("till_disk_full", facts=facts)
    return wire.Contact(__version__, datetime.now(UTC), 0, 0, troubles=[trouble])
