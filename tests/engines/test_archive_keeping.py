"""Nothing that belongs into the legal archive is pruned before it stands there."""

import csv
import io
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, insert, select, update

from malote.archive import exporting, keeping
from malote.archive.exporting import ArchivePart
from malote.archive.selecting import ArchiveMonth
from malote.database.archive_tables import archive_part
from malote.database.engine import reading, writing
from malote.database.kept_tables import damaged_file
from malote.database.tables import pouch
from malote.register import contents
from malote.register.contents import ContentDamagedError
from malote.spool import retention
from malote.spool.sql_queue import Spool
from malote.tills.till import Till
from tests.engines.spool_support import (
    ISSUER,
    NOON,
    START,
    Clock,
    body_of,
    cancellation,
    content_of,
    file_with,
    incoming,
    posted,
    sale,
)

pytest_plugins = ("tests.engines.spool_fixtures",)

DAY = 86400.0


def send(spool: Spool, till: Till, number: int, issued_at: datetime, *, authorised: bool = True) -> None:
    """One booked sale in a pouch of its own."""
    file = file_with(number, incoming(sale(number, issued_at=issued_at, authorised=authorised)))
    spool.accept(till.id, body_of([number]), [file], received_at=START)
    spool.settle([posted(one) for one in spool.lease("p", 10, 60)])


def kept(engine: Engine) -> list[int]:
    query = select(pouch.c.id).where(pouch.c.pruned_at.is_(None)).order_by(pouch.c.id)
    with reading(engine) as connection:
        return list(connection.execute(query).scalars())


def files_in(path: Path) -> set[bytes]:
    with zipfile.ZipFile(path) as archive:
        return {archive.read(name) for name in archive.namelist() if name.startswith("documentos/")}


def housekeeping(engine: Engine, spool: Spool, folder: Path, before: float) -> int:
    keeping.archive(engine, folder, before)
    return retention.prune(spool.engine, before, only_archived=True, now=spool.clock())


def spoil(engine: Engine, number: int, of: int = 99) -> None:
    """The pouch of a sale holds another file."""
    with writing(engine) as connection:
        connection.execute(update(pouch).where(pouch.c.id == number).values(body=body_of([of])))


def test_a_damaged_file_never_leaves_as_good_and_its_month_waits_for_a_persons_word(
    spool: Spool, till_one: Till, spool_engine: Engine, tmp_path: Path, late: float
) -> None:
    for number in (1, 2):
        send(spool, till_one, number, NOON)
    spoil(spool_engine, 2)
    part = ArchivePart(ISSUER, ArchiveMonth("2026-11"))
    told = exporting.export(spool_engine, part, tmp_path / "month.zip")
    assert (told.documents, told.missing, told.damaged) == (2, 0, [2])
    assert files_in(tmp_path / "month.zip") == {content_of(1)}
    with pytest.raises(ContentDamagedError):
        contents.content(spool_engine, 2)
    assert housekeeping(spool_engine, spool, tmp_path, late) == 0
    assert not list(tmp_path.glob("*/*.zip"))
    damage = {"document_id": 2, "till_id": till_one.id, "what": "changed", "found_at": START, "accepted_at": START}
    with writing(spool_engine) as connection:
        connection.execute(insert(damaged_file), damage)
    assert housekeeping(spool_engine, spool, tmp_path, late) == 2


@pytest.fixture
def late(spool_clock: Clock) -> float:
    """In January: November is over, and was settled long ago."""
    spool_clock.now = START
    return START + 60 * DAY


def test_a_month_is_written_and_then_pruned(
    spool: Spool, till_one: Till, spool_engine: Engine, tmp_path: Path, late: float
) -> None:
    for number in (1, 2):
        send(spool, till_one, number, NOON)
    send(spool, till_one, 3, NOON, authorised=False)
    # Nothing goes while nothing is archived.
    assert retention.prune(spool.engine, late, only_archived=True, now=spool.clock()) == 0
    assert housekeeping(spool_engine, spool, tmp_path, late) == 3
    path = tmp_path / ISSUER / f"{ISSUER}-2026-11.zip"
    assert files_in(path) == {content_of(number) for number in (1, 2, 3)}
    with zipfile.ZipFile(path) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("index.csv").decode())))
    assert [row["authorised"] for row in rows] == ["true", "true", "false"]
    assert kept(spool_engine) == []


def test_a_month_that_isn_t_over_stays(spool: Spool, till_one: Till, spool_engine: Engine, tmp_path: Path) -> None:
    send(spool, till_one, 1, NOON)
    assert housekeeping(spool_engine, spool, tmp_path / "archive", START + 2 * DAY) == 0
    assert kept(spool_engine) == [1]
    assert not (tmp_path / "archive").exists()


def test_what_comes_later_is_a_part_of_its_own(
    spool: Spool, till_one: Till, spool_engine: Engine, tmp_path: Path, late: float
) -> None:
    send(spool, till_one, 1, NOON)
    housekeeping(spool_engine, spool, tmp_path, late)
    first = (tmp_path / ISSUER / f"{ISSUER}-2026-11.zip").read_bytes()
    send(spool, till_one, 2, NOON + timedelta(days=3))
    assert retention.prune(spool.engine, late, only_archived=True, now=spool.clock()) == 0
    assert housekeeping(spool_engine, spool, tmp_path, late) == 1
    assert files_in(tmp_path / ISSUER / f"{ISSUER}-2026-11-2.zip") == {content_of(2)}
    assert (tmp_path / ISSUER / f"{ISSUER}-2026-11.zip").read_bytes() == first
    assert keeping.archive(spool_engine, tmp_path, late) == 0  # and nothing more is written


def test_killed_between_the_file_and_its_row_nothing_is_pruned(
    spool: Spool, till_one: Till, spool_engine: Engine, tmp_path: Path, late: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(spool, till_one, 1, NOON)
    with monkeypatch.context() as patched:

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(keeping, "_note", die)
        with pytest.raises(KeyboardInterrupt):
            keeping.archive(spool_engine, tmp_path, late)
    assert retention.prune(spool.engine, late, only_archived=True, now=spool.clock()) == 0
    assert housekeeping(spool_engine, spool, tmp_path, late) == 1
    assert [path.name for path in (tmp_path / ISSUER).iterdir()] == [f"{ISSUER}-2026-11.zip"]
    with reading(spool_engine) as connection:
        assert len(connection.execute(select(archive_part)).all()) == 1


def test_a_folder_that_can_t_be_written_keeps_everything(
    spool: Spool, till_one: Till, spool_engine: Engine, tmp_path: Path, late: float
) -> None:
    send(spool, till_one, 1, NOON)
    (tmp_path / "folder").write_bytes(b"a file")
    with pytest.raises(OSError, match="folder"):
        keeping.archive(spool_engine, tmp_path / "folder", late)
    assert retention.prune(spool.engine, late, only_archived=True, now=spool.clock()) == 0


def test_what_has_no_time_is_never_pruned_with_the_switch(
    spool: Spool, till_one: Till, spool_engine: Engine, tmp_path: Path, late: float
) -> None:
    send(spool, till_one, 1, NOON)
    timeless = msgspec.structs.replace(incoming(cancellation(1)), issued_at=None)
    spool.accept(till_one.id, body_of(["c"]), [file_with("c", timeless)], received_at=START)
    spool.settle([posted(one) for one in spool.lease("p", 10, 60)])
    assert housekeeping(spool_engine, spool, tmp_path, late) == 1
    assert kept(spool_engine) == [2]
    assert retention.prune(spool.engine, late, now=spool.clock()) == 1  # without the switch it goes
