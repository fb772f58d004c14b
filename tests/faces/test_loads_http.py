"""Loads over real HTTP, at the server's side: what a till is ordered, by which files it gets there, and who may ask."""

import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from typer.testing import CliRunner

from malote import wire
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.app import Services
from malote.cli.main import assemble
from malote.config import LoadsSettings
from malote.load_format import files
from malote.load_format.digest import digest_of_rows
from malote.load_format.entity import Entity, Row
from malote.load_format.files import Gone
from malote.load_format.wire import PATH_FILE, PATH_MANIFEST, EntityState, LoadItem, LoadOrder, Manifest, ManifestQuery
from malote.loads.planning import Wanted
from malote.tills.till import create_till
from tests.engines.loads_support import Erp
from tests.faces.intake_support import Speaker, fault_of, serving, settings_in, store_with_till

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
        self.progress: list[wire.OrderProgress] = []

    def contact(self, **others: Any) -> wire.Order | None:
        held = wire.LoadsHeld(self.version, int(time.time()) if self.version else 0, self.held, **others)
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
        version = self.services.loads.stage(ANA, **others).version
        self.services.loads.orders._target._known.clear()  # what tills should have is looked at twice a second
        return version


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    home = tmp_path / "home"
    home.mkdir()
    erp = Erp(tmp_path / "erp.sqlite3")
    (home / "cargas.toml").write_text(SOURCES, encoding="utf-8")
    settings = settings_in(home)
    loads = LoadsSettings(sources="cargas.toml", parameters={"loja": 3}, least_rows=5)
    settings = msgspec.structs.replace(settings, loads=loads, erp=msgspec.structs.replace(settings.erp, url=erp.url))
    with (
        store_with_till(settings) as (services, _, token),
        serving(services) as address,
        Speaker(address, token) as speaker,
    ):
        yield Place(services, erp, LoadedTill(speaker), address, home)
    erp.connection.close()


def test_a_new_till_gets_all_and_then_what_changed(place: Place) -> None:
    till = place.till
    assert till.contact() is None, "while nothing was loaded"
    place.stage()
    assert {header.mode for header in till.follow()} == {"whole"}
    assert (till.version, len(till.rows["product"]), len(till.rows["price"])) == (1, 50, 50)
    assert till.contact() is None, "who has all is told nothing"
    place.erp.set_price(7, "12.50")
    place.erp.do("DELETE FROM embalagem WHERE cod = 3")
    place.stage()
    found = {(one.entity.name, one.mode, one.rows, one.after) for one in till.follow()}
    assert found == {("price", "changes", 1, 1), ("package", "changes", 1, 1)}
    assert till.rows["price"]["7", "", "", "1970-01-01T00:00:00Z"][5] == "12.50"
    state = place.services.loads.status().tills[0]
    assert (state.state, state.version, state.missing, state.differing) == ("current", 2, [], [])
    assert state.going is None


def test_a_till_that_was_off_catches_up_with_the_difference(place: Place) -> None:
    place.stage()
    place.till.follow()
    for turn in range(3):
        place.erp.set_price(7, f"{20 + turn}")
        place.stage()
    place.erp.set_price(8, "9")
    place.stage()
    (header,) = place.till.follow()
    assert (header.rows, header.after, header.version) == (2, 1, 5)


def test_a_file_is_whole_or_a_part_and_never_changes(place: Place) -> None:
    place.stage()
    order = place.till.contact()
    assert order is not None
    found = {one.entity: one for one in place.till.manifest(order.number).files}
    assert found == {one.entity: one for one in place.till.manifest(order.number).files}
    sha256 = found["product"].sha256
    whole = place.till.file(sha256)
    assert (len(whole.content), whole.headers["ETag"]) == (found["product"].bytes, f'"{sha256}"')
    assert "immutable" in whole.headers["Cache-Control"]
    rest = place.till.file(sha256, Range="bytes=100-")
    assert (rest.status_code, rest.content) == (206, whole.content[100:])
    assert rest.headers["Content-Range"] == f"bytes 100-{len(whole.content) - 1}/{len(whole.content)}"
    assert place.till.file(sha256, Range="bytes=10-19").content == whole.content[10:20]
    assert place.till.file(sha256, Range=f"bytes={len(whole.content)}-").status_code == 416
    assert place.till.file(sha256, **{"If-None-Match": f'"{sha256}"'}).status_code == 304
    other = place.till.file(sha256, Range="bytes=100-", **{"If-Range": '"another"'})
    assert other.content == whole.content
    private = place.till.file(found["operator"].sha256).headers["Cache-Control"]
    assert private == "private, no-store", "no shared cache keeps what is a person's"
    (place.home / "cargas" / f"{sha256}.jsonl.zst").unlink()
    assert place.till.file(sha256).status_code == 404
    assert place.till.manifest(order.number).files == list(found.values()), "made again, the same to the byte"
    assert place.till.file(sha256).content == whole.content


@pytest.mark.parametrize("sha256", ["0" * 64, "..%2F..%2Fstore.sqlite3", "ABC"])
def test_nothing_else_is_a_file(place: Place, sha256: str) -> None:
    fault_of(place.till.file(sha256), 404, "not_found")


def test_only_tills_ask_and_only_for_orders_of_theirs(place: Place) -> None:
    place.stage()
    order = place.till.contact()
    assert order is not None
    sha256 = place.till.manifest(order.number).files[0].sha256
    with Speaker(place.address, "1.wrong") as stranger:
        fault_of(stranger.post(PATH_MANIFEST, ManifestQuery(order.number)), 401, "token_invalid")
        fault_of(stranger.http.get(PATH_FILE.format(sha256=sha256)), 401, "token_invalid")
    _, token = create_till(place.services.engine, "caixa2")
    with Speaker(place.address, token) as other:
        fault_of(other.post(PATH_MANIFEST, ManifestQuery(order.number)), 409, "load_order_over")
    fault_of(place.till.speaker.http.post(PATH_MANIFEST, content=b"{"), 400, "request_invalid")


def test_what_a_person_orders_joins_what_is_open(place: Place) -> None:
    loads = place.services.loads
    loads.orders._settings = msgspec.structs.replace(loads.orders._settings, automatic=False)
    place.stage()
    place.till.follow()
    place.erp.set_price(7, "70")
    place.erp.set_price(8, "80")
    place.stage()
    loads.order(Wanted(entities=["product"], anew=True), ANA)
    loads.order(Wanted(), ANA, items={"price": loads.keys_of("price", "7")})
    order = place.till.contact()
    assert order is not None
    assert order.payload is not None
    said = msgspec.json.decode(order.payload, type=LoadOrder)
    assert (set(said.entities), said.anew) == ({"product"}, True)
    assert [one.key[0] for one in said.items["price"]] == ["7"]
    found = {one.entity: (one.mode, one.rows) for one in place.till.manifest(order.number).files}
    assert found == {"product": ("whole", 50), "price": ("items", 1)}


def test_two_orders_make_one_that_asks_for_both() -> None:
    from malote.loads.load_orders import LoadOrders

    def merged(first: LoadOrder, second: LoadOrder) -> LoadOrder:
        texts = [msgspec.json.encode(one).decode() for one in (first, second)]
        return msgspec.json.decode(LoadOrders.merged(None, *texts), type=LoadOrder)  # type: ignore[arg-type]

    old, new = EntityState(3, 5, "a"), EntityState(7, 6, "b")
    items = [LoadItem(("1",), "c"), LoadItem(("2",), "d")]
    first = LoadOrder(3, {"price": old, "tax": old}, anew=True, items={"product": items[:1], "package": items})
    second = LoadOrder(
        7, {"price": new, "package": new}, items={"product": [LoadItem(("1",), "e"), items[1]]}, emergency=True
    )
    both = merged(first, second)
    assert both == LoadOrder(
        7,
        {"price": new, "tax": old, "package": new},
        anew=True,
        items={"product": [LoadItem(("1",), "e"), items[1]]},
        emergency=True,
    )
    assert merged(second, first).entities["price"] == new, "the newer state, whichever came first"


def test_a_till_with_other_rows_than_it_should_have_is_seen(place: Place) -> None:
    place.stage()
    place.till.follow()
    good = place.till.held["price"]
    place.till.held["price"] = wire.EntityHeld(good.version, "0" * 64)
    assert place.till.contact() is not None, "it is told to have them right"
    (state,) = place.services.loads.status().tills
    assert (state.differing, state.state) == (["price"], "behind")


def test_a_till_that_failed_is_told_again_later_and_one_taken_back_is_left(place: Place) -> None:
    place.stage()
    order = place.till.contact()
    assert order is not None
    place.till.progress = [wire.OrderProgress("load", order.number, "failed", code="till_disk_full")]
    assert place.till.contact() is None
    assert place.till.contact() is None
    (state,) = place.services.loads.status().tills
    assert (state.state, state.code) == ("failed", "till_disk_full")
    place.services.loads.order(Wanted(), ANA)
    place.till.follow()
    place.erp.set_price(7, "70")
    place.stage()
    place.till.follow()
    place.till.version = 1
    place.till.held["price"] = wire.EntityHeld(1, "f" * 64)
    assert place.till.contact(rolled_back_from=2) is None
    place.erp.set_price(7, "71")
    place.stage()
    assert place.till.contact(rolled_back_from=2) is not None, "until there is a newer version"


def command(place: Place, *words: str) -> tuple[int, str]:
    config = place.home / "malote.toml"
    config.write_text(
        f'language = "en"\n[erp]\nurl = "{place.erp.url}"\n[loads]\nsources = "cargas.toml"\n'
        "parameters = { loja = 3 }\nleast_rows = 5\n",
        encoding="utf-8",
    )
    result = CliRunner().invoke(assemble("loads"), ["loads", *words, "--config", str(config)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.stdout


def test_the_commands(place: Place) -> None:
    assert command(place, "run", "--dry-run")[0] == 0
    code, said = command(place, "run", "--json")
    assert (code, json.loads(said)["staged"]["version"], json.loads(said)["tills"]) == (0, 1, ["caixa1"])
    place.till.follow()
    at = json.loads(command(place, "status", "--json")[1])["status"]["made_at"]
    place.erp.set_price(7, "12.50")
    assert command(place, "run")[0] == 0
    assert "R$ 12.50" in command(place, "price", "7")[1]
    assert "R$ 10.00" in command(place, "price", "7890000000007", "--till", "caixa1")[1], "which has it not yet"
    then = datetime.fromtimestamp(at + 0.001, UTC).isoformat()
    assert json.loads(command(place, "price", "7", "--at", then, "--json")[1])["version"] == 1
    code, said = command(place, "diff", "1", "2", "--json")
    assert [(one["entity"], one["before"]["price"], one["after"]["price"]) for one in json.loads(said)] == [
        ("price", "10.00", "12.50")
    ]
    assert "price=12.50" in command(place, "diff", "1", "2")[1]
    place.erp.do("DELETE FROM produto WHERE cod > 30")
    code, said = command(place, "run")
    assert (code, "load_gone_many" in said) == (1, True)
    assert command(place, "status")[0] == 1
    assert command(place, "confirm", "product", "--reason", "closed")[0] == 0
    assert command(place, "confirm", "product")[0] == 3
    place.erp.set_price(9, "-1")
    assert command(place, "run")[0] == 1
    code, said = command(place, "refused")
    assert (code, "load_value_negative" in said) == (1, True)
    assert "30 6 * * 1" in command(place, "schedule", "--add", "30 6 * * 1", "--full")[1]
    assert command(place, "schedule", "--add", "never")[0] == 3
    assert json.loads(command(place, "schedule", "--remove", "1", "--json")[1])["plans"] == []
    trail = {one.action for one in audit.entries(place.services.engine)}
    assert {"load_made", "load_ordered", "load_confirmed", "load_planned", "load_plan_removed"} <= trail
