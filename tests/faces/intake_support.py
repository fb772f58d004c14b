"""A billing server on a free port, with a real database in a folder of its own, and a till that speaks to it."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from malote import wire
from malote.api.application import create_app
from malote.app import Services, services_for
from malote.config import IntakeSettings, Settings, StoreSettings
from malote.sealing import seal
from malote.tills.till import Till, create_till
from malote.wire import Fault, FileReceipt, PouchFile, PouchReply
from tests.faces.application_serving import serving as listening_server

PROTOCOL = {wire.PROTOCOL_HEADER: str(wire.PROTOCOL_VERSION)}


def settings_in(home: Path, *, store: StoreSettings | None = None, intake: IntakeSettings | None = None) -> Settings:
    return Settings(home=str(home), language="en", store=store or StoreSettings(), intake=intake or IntakeSettings())


@contextmanager
def store_with_till(settings: Settings, name: str = "caixa1") -> Iterator[tuple[Services, Till, str]]:
    """The server's parts without HTTP, one till, and its token."""
    with services_for(settings) as services:
        till, token = create_till(services.engine, name)
        yield services, till, token


@contextmanager
def serving(services: Services) -> Iterator[str]:
    """The address of a server that really listens."""
    with listening_server(create_app(services), services.settings, graceful_seconds=None) as address:
        yield address


def file(content: bytes, name: str = "venda.xml") -> PouchFile:
    return PouchFile(name, hashlib.sha256(content).digest(), content)


def sealed(files: Sequence[PouchFile]) -> tuple[bytes, dict[str, str]]:
    """A pouch's body, and the headers it needs beside the token."""
    body, sha256 = seal(files, datetime.now(UTC))
    return body, {wire.POUCH_HASH_HEADER: sha256, "Content-Type": wire.POUCH_MEDIA_TYPE}


class Speaker:
    """A till's side of the wire, as plain as can be."""

    def __init__(self, address: str, token: str | None) -> None:
        headers = PROTOCOL | ({"Authorization": f"Bearer {token}"} if token is not None else {})
        self.http = httpx.Client(base_url=address, headers=headers, timeout=60)

    def __enter__(self) -> "Speaker":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def send(self, files: Sequence[PouchFile]) -> list[FileReceipt]:
        body, headers = sealed(files)
        reply = self.http.post(wire.PATH_POUCHES, content=body, headers=headers)
        assert reply.status_code == 200, reply.text
        return msgspec.json.decode(reply.content, type=PouchReply).receipts

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return self.http.post(path, content=msgspec.json.encode(body), headers=headers)


def fault_of(reply: httpx.Response, status: int, code: str) -> Fault:
    """The reply's fault, which must have this status and code, and words for a person."""
    assert reply.status_code == status, reply.text
    assert reply.headers["Content-Type"].startswith("application/json")
    assert reply.headers[wire.PROTOCOL_HEADER] == str(wire.PROTOCOL_VERSION)
    fault = msgspec.json.decode(reply.content, type=Fault)
    assert fault.code == code, reply.text
    assert fault.title
    assert fault.remedy
    assert "Traceback" not in reply.text
    return fault
