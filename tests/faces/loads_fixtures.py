"""A server that loads from an ERP, and as much of a till as it sees. A plugin: name it in ``pytest_plugins``."""

import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from malote import wire
from malote.accounts.audit import Actor
from malote.app import Services
from malote.config import LoadsSettings, Settings
from malote.load_format import files
from malote.load_format.digest import digest_of_rows
from malote.load_format.entity import Entity, Row
from malote.load_format.files import Gone
from malote.load_format.wire import PATH_FILE, PATH_MANIFEST, LoadOrder, Manifest, ManifestQuery
from tests.engines.loads_support import Erp
from tests.faces.intake_support import Speaker, serving, settings_in, store_with_till

ANA = Actor("ana")
SOURCES = """
[load.product]
table = "produto"
columns = { code = "cod", description = "descr" }
[load.price]
table = "preco"
where = "loja = :loja"
changed = "alterado"
overlap = 0
columns = { product_code = "cod", price = "preco" }
[load.package]
table = "embalagem"
columns = { barcode = "ean", product_code = "cod" }
[load.operator]
table = "operador"
columns = { code = "cod", name = "nome", pin_hash = "senha" }
"""


class LoadedTill:
    """As much of a till as the server sees of it: rows by key, and what it says of them."""

    def __init__(self, speaker: Speaker) -> None:
        self.speaker = speaker
        self.rows: dict[str, dict[Any, Row]] = {}
        self.entities: dict[str, Entity] = {}
        self.held: dict[str, wire.EntityHeld] = {}
        self.version = 0
        self._applied = (0, 0)
        self.progress: list[wire.OrderProgress] = []

    def contact(self, **others: Any) -> wire.Order | None:
        if self._applied[0] != self.version:  # as a till does, it says the same of one load each time
            self._applied = (self.version, int(time.time()))
        held = wire.LoadsHeld(*self._applied, self.held, **others)
        said = wire.Contact("1", datetime.now(UTC), 0, 0, orders=self.progress, loads=held)
        reply = self.speaker.post(wire.PATH_CONTACT, said)
        assert reply.status_code == 200, reply.text
        told = msgspec.json.decode(reply.content, type=wire.ContactReply).orders or []
        return next((one for one in told if one.kind == "load"), None)

    def follow(self) -> list[files.Header]:
        """Obeys what it is told, and says so; headers of the files that it took for it."""
        order = self.contact()
        if order is None:
            return []
        assert order.payload is not None
        wanted = msgspec.json.decode(order.payload, type=LoadOrder)
        headers = [self._apply(one.sha256) for one in self.manifest(order.number).files]
        for name, state in wanted.entities.items():
            assert digest_of_rows(self.entities[name], self.rows[name].values()) == state.sha256
            self.held[name] = wire.EntityHeld(state.version, state.sha256)
        self.version = wanted.version
        self.progress = [wire.OrderProgress("load", order.number, "done", done=9, total=9, unit="rows")]
        self.contact()
        return headers

    def manifest(self, number: int) -> Manifest:
        reply = self.speaker.post(PATH_MANIFEST, ManifestQuery(number, self.held))
        assert reply.status_code == 200, reply.text
        return msgspec.json.decode(reply.content, type=Manifest)

    def file(self, sha256: str, **headers: str) -> httpx.Response:
        return self.speaker.http.get(PATH_FILE.format(sha256=sha256), headers=headers)

    def _apply(self, sha256: str) -> files.Header:
        reply = self.file(sha256)
        assert reply.status_code == 200, reply.text
        header, lines = files.read(io.BytesIO(reply.content))
        entity = header.entity
        self.entities[entity.name] = entity
        rows = self.rows.setdefault(entity.name, {})
        if header.mode == "whole":
            rows.clear()
        for line in lines:
            if isinstance(line, Gone):
                rows.pop(line.gone, None)
            else:
                rows[tuple(line[place] for place in entity.key_places)] = line
        return header


class Place:
    def __init__(self, services: Services, erp: Erp, till: LoadedTill, address: str, home: Path) -> None:
        self.services, self.erp, self.till, self.address, self.home = services, erp, till, address, home

    def stage(self, **others: Any) -> int:
        version = self.services.loads.staging.run(ANA, **others).version
        self.services.loads.orders._target._known.clear()  # what tills should have is looked at twice a second
        return version


def loading_settings(folder: Path) -> tuple[Settings, Erp]:
    """Of a server whose home is below the folder, and that loads from a new ERP beside it."""
    home = folder / "home"
    home.mkdir()
    erp = Erp(folder / "erp.sqlite3")
    (home / "cargas.toml").write_text(SOURCES, encoding="utf-8")
    settings = settings_in(home)
    loads = LoadsSettings(sources="cargas.toml", parameters={"loja": 3}, least_rows=5)
    return msgspec.structs.replace(settings, loads=loads, erp=msgspec.structs.replace(settings.erp, url=erp.url)), erp


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    settings, erp = loading_settings(tmp_path)
    with (
        store_with_till(settings) as (services, _, token),
        serving(services) as address,
        Speaker(address, token) as speaker,
    ):
        yield Place(services, erp, LoadedTill(speaker), address, settings.home_path)
    erp.connection.close()
