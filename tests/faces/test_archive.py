"""The legal archive: everything authorised in a month, whole or not there, found and proven without a server."""

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from malote.accounts import audit
from malote.app import Services, services_for
from malote.archive import exporting, index
from malote.archive.exporting import ArchivePart
from malote.archive.selecting import ArchiveMonth
from malote.cli.main import assemble
from malote.config import load
from malote.durable import replacing
from malote.spool import retention
from malote.tills.till import create_till
from tests.engines.spool_support import posted
from tests.faces.intake_support import file
from tests.unit.fiscal.notes import ISSUER, MORNING, build_cancellation, build_note, build_void, key_of

OTHER = "04252011000110"


class Store(NamedTuple):
    home: Path
    services: Services

    def run(self, *words: str, status: int = 0) -> Any:
        options = ["archive", *words, "--config", str(self.home / "malote.toml"), "--json"]
        result = CliRunner().invoke(assemble("archive"), options)
        assert result.exit_code == status, result.output
        return json.loads(result.stdout) if status < 2 else result.output


NOTES = [build_note(number=number) for number in (1, 2, 3)]
BESIDE = {
    "cancellation": build_cancellation(key_of(NOTES[0])),
    "number_void": build_void(first=10, last=12),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """November of two CNPJs, a note of December, an offline one without protocol, and one sent by two tills."""
    home = tmp_path_factory.mktemp("arquivo")
    (home / "malote.toml").write_text('language = "en"\n', encoding="utf-8")
    with services_for(load(home / "malote.toml", {})) as services:
        one, two = (create_till(services.engine, name)[0] for name in ("caixa1", "caixa2"))
        december = build_note(number=50, issued_at=MORNING + timedelta(days=20))
        offline = build_note(number=60, emission=9)
        for content in (*NOTES, *BESIDE.values(), december, offline):
            services.intake.take_files(one, [file(content)])
        services.intake.take_files(two, [file(NOTES[1]), file(build_note(number=7, issuer=OTHER))])
        yield Store(home, services)


def rows_of(path: Path) -> list[dict[str, str]]:
    with zipfile.ZipFile(path) as archive:
        return list(csv.DictReader(io.StringIO(archive.read(index.CSV).decode())))


def test_a_month_with_all_that_was_made_of_it(store: Store, tmp_path: Path) -> None:
    done = store.run("export", "--month", "2026-11", str(tmp_path), status=1)
    own, other = sorted(done, key=lambda one: str(one["issuer"]), reverse=True)
    assert (own["issuer"], own["missing"], own["waiting"]) == (ISSUER, 0, 1)
    assert (other["issuer"], other["documents"]) == (OTHER, 1)
    asked = audit.entries(store.services.engine, action="archive_exported")
    assert {one.after["issuer"] for one in asked} == {ISSUER, OTHER}
    assert asked[0].actor.startswith("cli:")
    path = tmp_path / f"{ISSUER}-2026-11.zip"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == own["sha256"]
    found = rows_of(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read(index.JSON)) == found
        for row in found:
            assert hashlib.sha256(archive.read(row["path"])).hexdigest() == row["sha256"]
        names = [name for name in archive.namelist() if name.startswith(index.FOLDER)]
        contents = {archive.read(name) for name in names}
        sums = archive.read(index.SUMS).decode().splitlines()
    # Each file once, though two tills sent one of them; a row for each document that came.
    assert contents == {*NOTES, *BESIDE.values()}
    assert len(names) == len(sums) == 5
    assert sorted(row["kind"] for row in found) == ["cancellation", "number_void", *["sale"] * 4]
    assert {row["number"] for row in found if row["kind"] == "sale"} == {"1", "2", "3"}
    assert oct(path.stat().st_mode & 0o777) == "0o600"


def test_the_same_month_is_the_same_bytes(store: Store, tmp_path: Path) -> None:
    first = store.run("export", "--month", "2026-11", "--cnpj", ISSUER, str(tmp_path / "a.zip"), status=1)
    second = store.run("export", "--month", "2026-11", "--cnpj", ISSUER, str(tmp_path / "b.zip"), status=1)
    assert first[0]["sha256"] == second[0]["sha256"]


def test_killed_in_the_middle_there_is_no_archive(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "a.zip"
    done = 0

    def die(count: int) -> None:
        nonlocal done
        done += count
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exporting.export(store.services.engine, ArchivePart(ISSUER, ArchiveMonth("2026-11")), target, die)
    assert list(tmp_path.iterdir()) == []
    exported = exporting.export(store.services.engine, ArchivePart(ISSUER, ArchiveMonth("2026-11")), target)
    assert exported.documents == 6
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


_KILLED = """
import os, signal, sys
from pathlib import Path
from malote.app import services_for
from malote.archive.exporting import ArchivePart, export
from malote.archive.selecting import ArchiveMonth
from malote.config import load
written = []
def die(count):
    written.append(count)
    if len(written) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
with services_for(load(Path(sys.argv[1]), {})) as services:
    export(services.engine, ArchivePart(sys.argv[3], ArchiveMonth("2026-11")), Path(sys.argv[2]), die)
"""


@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_process_killed_in_the_middle_leaves_no_archive(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "a.zip"
    command = [sys.executable, "-c", _KILLED, str(store.home / "malote.toml"), str(target), ISSUER]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not target.exists()
    (left,) = tmp_path.iterdir()
    exporting.export(store.services.engine, ArchivePart(ISSUER, ArchiveMonth("2026-11")), target)
    assert left.exists()  # it may be somebody's who is at it
    os.utime(left, (0, 0))
    exporting.export(store.services.engine, ArchivePart(ISSUER, ArchiveMonth("2026-11")), target)
    assert list(tmp_path.iterdir()) == [target]


def test_an_older_archive_stays_where_a_new_one_fails(tmp_path: Path) -> None:
    target = tmp_path / "a.zip"
    target.write_bytes(b"old")

    def fill_the_disk() -> None:
        with replacing(target) as half:
            half.write(b"new")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fill_the_disk()
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


@pytest.fixture(scope="module")
def exported(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    store.run("export", "--month", "2026-11", str(folder), status=1)
    return folder


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--key", key_of(NOTES[2])), 1),
        (("--key", f"NFe{key_of(NOTES[2])[:20]} {key_of(NOTES[2])[20:]}"[3:]), 1),
        (("--number", "2"), 2),
        (("--number", "000.011"), 1),  # within the void of 10 to 12
        (("--number", "13"), 0),
        (("--date", "2026-11-20", "--cnpj", OTHER), 1),
        (("--date", "20/11/2026", "--cnpj", OTHER), 1),
        (("--date", "2026-12"), 0),
        (("--value", "999,99"), 0),
        (("--value", "R$ 1.234,50"), 0),
        ((), 7),
    ],
)
def test_documents_are_found_without_a_server(store: Store, exported: Path, words: tuple[str, ...], count: int) -> None:
    found = store.run("search", str(exported), *words, status=0 if count else 1)
    assert len(found) == count


@pytest.mark.parametrize("day", ["31/02/2026", "2026-13", "ontem"])
def test_a_day_that_is_none_is_not_nothing_found(store: Store, exported: Path, day: str) -> None:
    store.run("search", str(exported), "--date", day, status=2)


def test_a_sale_is_found_by_its_value(store: Store, exported: Path) -> None:
    total = rows_of(exported / f"{OTHER}-2026-11.zip")[0]["total"]
    for value in (total, total.replace(".", ",")):
        assert len(store.run("search", str(exported), "--value", value)) >= 1


def test_one_changed_byte_a_file_taken_out_and_one_put_in_are_told(
    store: Store, exported: Path, tmp_path: Path
) -> None:
    original = exported / f"{ISSUER}-2026-11.zip"
    assert store.run("verify", str(exported)) == {str(path): [] for path in sorted(exported.iterdir())}
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(original) as old, zipfile.ZipFile(changed, "w") as new:
        files = [name for name in old.namelist() if name.startswith(index.FOLDER)]
        for name in old.namelist():
            content = old.read(name)
            if name == files[0]:
                content = content.replace(b"<mod>65", b"<mod>66")
            if name != files[1]:
                new.writestr(name, content)
        new.writestr(f"{index.FOLDER}/extra.xml", b"<x/>")
    (faults,) = store.run("verify", str(changed), status=1).values()
    assert {(one["path"], one["problem"]) for one in faults} == {
        (files[0], "altered"), (files[1], "missing"), (f"{index.FOLDER}/extra.xml", "unexpected"),
    }  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no zip at all"])
def test_what_is_no_archive_is_said(store: Store, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    for command in ("search", "verify"):
        assert "archive_damaged" in store.run(command, str(tmp_path / "a.zip"), status=3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--month", "13/2026", "x"), "YYYY-MM"),
        (("--month", "2026-13", "x"), "YYYY-MM"),
        (("--month", "2026-11", "x.zip"), "--cnpj"),
        (("--month", "2026-11", "--cnpj", "123", "x"), "--cnpj"),
    ],
)
def test_what_it_can_t_do_is_said(
    store: Store, words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in store.run("export", *words, status=2)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_left_the_server_is_named(tmp_path: Path) -> None:
    (tmp_path / "malote.toml").write_text("", encoding="utf-8")
    with services_for(load(tmp_path / "malote.toml", {})) as services:
        till = create_till(services.engine, "caixa1")[0]
        services.intake.take_files(till, [file(NOTES[0])])
        _post_and_prune(services)
        (exported,) = Store(tmp_path, services).run("export", "--month", "2026-11", str(tmp_path / "out"), status=1)
    assert (exported["documents"], exported["missing"]) == (1, 1)
    (row,) = rows_of(tmp_path / "out" / f"{ISSUER}-2026-11.zip")
    assert (row["path"], row["access_key"]) == ("", key_of(NOTES[0]))


def _post_and_prune(services: Services) -> None:
    assert services.spool.settle([posted(one) for one in services.spool.lease("p", 10, 60)]) == 1
    assert retention.prune(services.engine, 10**11, now=services.spool.clock()) == 1
