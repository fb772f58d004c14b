"""A till's folder that is large: what a look at it holds in memory, and reads, is counted."""

import hashlib
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from malote.database.engine import writing
from malote.database.tables import document, pouch
from malote.quarantine import rejected_files
from malote.quarantine.folder_reconciler import Reconciler
from tests.engines.quarantine_support import House

COUNT = 3000
MOST_BYTES = 700  # held at once for each file, beside a page of rows


@pytest.fixture
def large(tmp_path: Path) -> Iterator[House]:
    """A till with many rejected files that are as they should be."""
    house = House(tmp_path / "home")
    house.scan()
    house.folder.mkdir(exist_ok=True)
    contents = [b"<venda>%d</venda>" % number for number in range(COUNT)]
    for content in contents:
        path = house.folder / f"{rejected_files.stem(None, hashlib.sha256(content).digest(), 0)}.xml"
        path.write_bytes(content)
        path.with_suffix(".json").write_bytes(b"{}")
    with writing(house.engine) as connection:
        connection.execute(insert(pouch).values(id=1, till_id=house.till.id, received_at=1.0))
        connection.execute(insert(document), [_row(house.till.id, content) for content in contents])
    yield house
    house.close()


def _row(till_id: int, content: bytes) -> dict[str, object]:
    fixed = {"pouch_id": 1, "pouch_index": 0, "till_id": till_id, "position": 0, "file_name": "a.xml"}
    said = {"state": "rejected", "reason_code": "root_unknown", "accepted_at": 1.0, "settled_at": 1.0, "attempts": 0}
    return fixed | said | {"file_sha256": hashlib.sha256(content).digest(), "duplicate": False, "kept": True}


def peak(reconciler: Reconciler) -> int:
    """Bytes held at once, and those left, by one look."""
    tracemalloc.start()
    try:
        reconciler.scan({"caixa1"})
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_look_holds_little_of_each_file_and_reads_none_twice(large: House, monkeypatch: pytest.MonkeyPatch) -> None:
    reconciler = large.quarantine.reconciler
    large.scan()
    assert set(large.states().values()) == {"rejected"}
    read: list[Path] = []
    monkeypatch.setattr(rejected_files, "hash_of", read.append)
    reconciler._rounds._rests.clear()
    assert peak(reconciler) < COUNT * MOST_BYTES
    assert read == []
