"""Manifests and files that lie: nothing changes at the till, and the server is told."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from malote.frames import zstd
from malote.load_format.files import Header
from malote.load_format.wire import Manifest, ManifestFile, ManifestQuery
from tests.loads_support import PRICE, PRODUCT, SINCE, LoadedTill, price, prices, product


@pytest.fixture
def till(tmp_path: Path) -> Iterator[LoadedTill]:
    made = LoadedTill(tmp_path)
    with made.outbox:
        yield made


Lie = Callable[[LoadedTill, Manifest], Manifest]


def _header_of_another(till: LoadedTill, manifest: Manifest) -> Manifest:
    """A file with another entity's rows, under this one's name."""
    other = till.depot.put(Header(PRODUCT, "whole", 2, 0, 1), [product("1")])
    return Manifest(manifest.version, [msgspec.structs.replace(one, sha256=other.sha256) for one in manifest.files])


def _rows(*rows: Any) -> Lie:
    def lie(till: LoadedTill, manifest: Manifest) -> Manifest:
        return Manifest(manifest.version, [till.depot.put(Header(PRICE, "whole", 2, 0, len(rows)), list(rows))])

    return lie


def _altered(**changes: Any) -> Lie:
    def lie(_till: LoadedTill, manifest: Manifest) -> Manifest:
        return Manifest(manifest.version, [msgspec.structs.replace(one, **changes) for one in manifest.files])

    return lie


def _bomb(till: LoadedTill, manifest: Manifest) -> Manifest:
    content = zstd.compress(msgspec.json.encode(Header(PRICE, "whole", 2, 0, 3)) + b"\n" + b"0" * 50_000_000)
    sha256 = hashlib.sha256(content).hexdigest()
    till.depot.files[sha256] = content
    return Manifest(2, [ManifestFile(sha256, len(content), "price", "whole", 3, 2)])


LIES: dict[str, Lie] = {
    "no file": lambda _till, manifest: Manifest(manifest.version, []),
    "a file of another entity": _header_of_another,
    "another row": _rows(price("000000", "2.00"), price("000001", "2.00"), price("000002", "0.01")),
    "fewer rows": _rows(price("000000", "2.00")),
    "a key twice": _rows(price("000000", "2.00"), price("000001", "2.00"), price("000001", "2.00")),
    "an integer where a text is": _rows((1, SINCE, None, "2.00"), price("000001", "2.00"), price("000002", "2.00")),
    "a path for a hash": _altered(sha256="../../outbox.sqlite3"),
    "a hash in capitals": _altered(sha256="A" * 64),
    "another version": _altered(version=9),
    "more rows than a load may have": _altered(rows=2**40),
    "larger than a file may be": _altered(bytes=2**40),
    "a bomb": _bomb,
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_what_lies_changes_nothing_and_is_told(till: LoadedTill, lie: Lie) -> None:
    till.depot.stage((PRICE, prices(3)))
    till.obey(till.depot.order_of(1))
    till.depot.stage((PRICE, prices(3, "2.00")))
    before = till.held()
    till.depot.lie = lambda manifest: lie(till, manifest)
    said = till.obey(till.depot.order_of(2))
    assert (said.state, said.code) == ("failed", "load_unproven")
    assert till.select("SELECT price FROM price") == [("1.00",)] * 3
    assert till.held() == before
    assert len(till.depot.queries) <= 3, "asked once more, and no more"
    till.depot.lie = lambda manifest: manifest
    assert till.obey(till.depot.order_of(2)).state == "done"


def test_what_lies_once_is_fetched_whole(till: LoadedTill) -> None:
    till.depot.stage((PRICE, prices(30)))
    till.obey(till.depot.order_of(1))
    till.depot.stage((PRICE, prices(30, "2.00")))

    def once(manifest: Manifest) -> Manifest:
        return Manifest(2, []) if manifest.files[0].mode == "changes" else manifest

    till.depot.lie = once
    assert till.obey(till.depot.order_of(2)).state == "done"
    assert [list(query.held) for query in till.depot.queries] == [[], ["price"], []]
    assert till.select("SELECT SUM(price = '2.00') FROM price") == [(30,)]


def test_a_file_whose_bytes_change_on_the_way_is_fetched_twice_and_told(till: LoadedTill) -> None:
    till.depot.stage((PRICE, prices(3)))
    order = till.depot.order_of(1)
    (listed,) = till.depot.manifest(ManifestQuery(1)).files
    other = "f" * 64
    till.depot.files[other] = till.depot.files[listed.sha256]
    till.depot.lie = lambda _manifest: Manifest(1, [msgspec.structs.replace(listed, sha256=other)])
    said = till.obey(order)
    assert (said.state, said.code) == ("failed", "load_file_damaged")
    assert len(till.depot.fetched) == 2


def test_chosen_items_of_a_lying_file_are_not_set(till: LoadedTill) -> None:
    till.depot.stage((PRICE, prices(3)))
    till.depot.stage((PRICE, prices(3, "2.00")))
    till.obey(till.depot.order_of(1))
    order = till.depot.items(2, "price", ("000001", SINCE))
    for rows in ([price("000001", "0.01")], [price("000002", "2.00")], []):
        listed = till.depot.put(Header(PRICE, "items", 2, 0, len(rows)), rows)
        lying = Manifest(2, [listed])
        till.depot.lie = lambda _, lying=lying: lying  # type: ignore[misc]
        assert till.obey(order).code == "load_unproven"
    assert till.select("SELECT SUM(price = '1.00') FROM price") == [(3,)]
