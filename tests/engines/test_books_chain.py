"""Closed days: a chain that nothing changes, and an export in which a stranger finds any byte changed."""

import random
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from malote.accounts import audit
from malote.accounts.audit import SYSTEM, Actor
from malote.books import board, chain, exporting, verifying
from malote.books.exporting import ExportedDay
from malote.books.verifying import verifies, verify
from malote.business_day import BusinessCalendar
from malote.spool.documents import Settlement
from malote.spool.sql_queue import Spool
from malote.tills.till import Till
from malote.trust.signing_key import SigningKey
from tests.engines import spool_support
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import OPENING, cancellation, sale
from tests.engines.spool_support import body_of, file_with, incoming

pytest_plugins = ["tests.engines.spool_fixtures"]

DAY = OPENING.date()
TODAY = DAY + timedelta(days=1)
KEY = SigningKey(bytes(range(32)))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, f"sqlite:///{tmp_path / 'erp.sqlite3'}") as opened:
        with closing(opened.erp()) as erp:
            erp.create_structure()
        opened.accept(*(sale(n) for n in range(1, 6)), cancellation(sale(2)))
        book(opened)
        yield opened


def book(shop: Shop) -> None:
    with closing(shop.poster()) as poster:
        poster.drain()


def close(shop: Shop) -> int:
    return chain.close(shop.engine, BusinessCalendar(), KEY, TODAY, shop.clock())


def exported(shop: Shop) -> ExportedDay:
    return exporting.export(shop.engine, KEY, DAY, SYSTEM)


def checked(content: bytes) -> list[str]:
    return verify(content, KEY.public)


def test_a_day_is_closed_once_and_what_comes_late_is_a_supplement(shop: Shop) -> None:
    assert chain.close(shop.engine, BusinessCalendar(), KEY, DAY, shop.clock()) == 0  # it isn't over
    assert (close(shop), close(shop)) == (1, 0)
    [first] = chain.entries(shop.engine, DAY)
    assert [line.split(" ")[1] for line in sorted(first.lines)] == ["booked", "cancelled", "booked", "booked", "booked"]
    shop.accept(sale(9), cancellation(sale(3)))
    book(shop)
    assert (close(shop), close(shop)) == (1, 0)
    before, late = chain.entries(shop.engine, DAY)
    assert before == first
    assert (late.turn, '"kind": "supplement"' in late.statement) == (2, True)
    assert sorted(line.split(" ")[0] for line in late.lines) == sorted([sale(3).access_key, sale(9).access_key])
    assert verifying.link_of(first.statement) in late.statement
    assert checked(exported(shop).content) == []


def test_who_closes_and_exports_by_hand_is_in_the_trail_and_the_night_is_not(shop: Shop) -> None:
    before = len(audit.entries(shop.engine))
    hand = Actor("cli:ana", "loja")
    assert [chain.close(shop.engine, BusinessCalendar(), KEY, TODAY, shop.clock(), actor=hand) for _ in range(2)] == [
        1,
        0,
    ]
    exporting.export(shop.engine, KEY, DAY, hand)
    exporting.export(shop.engine, KEY, TODAY, hand)  # no day of any till
    shop.accept(sale(9))
    book(shop)
    assert chain.close_changed(shop.engine, BusinessCalendar(), KEY, TODAY, shop.clock()) == 1
    added = audit.entries(shop.engine)[: -before or None]
    assert [(one.actor, one.action, one.object, one.after["day"]) for one in reversed(added)] == [
        ("cli:ana", "day_closed", "till:caixa1", DAY.isoformat()),
        ("cli:ana", "day_exported", "server", DAY.isoformat()),
    ]


def test_days_are_chained_one_to_the_other(shop: Shop) -> None:
    shop.accept(sale(20, issued_at=OPENING + timedelta(days=1)))
    book(shop)
    assert chain.close(shop.engine, BusinessCalendar(), KEY, DAY + timedelta(days=2), shop.clock()) == 2
    found = exporting.export(shop.engine, KEY, other := DAY + timedelta(days=1), SYSTEM)
    assert (found.tills, found.sales, found.pruned) == (1, 1, [])
    assert checked(found.content) == []
    # Whoever is handed one day's file for another's sees it, though nothing in it was changed.
    for day, [held] in ((DAY, verifying.contents(exported(shop).content)), (other, verifying.contents(found.content))):
        assert (held["day"], held["till"], held["kind"]) == (day.isoformat(), "caixa1", "day")
    assert verifying.told(held).startswith(f"{other}  caixa1  day 2: 1 x, R$ ")


def test_any_byte_that_is_changed_is_found(shop: Shop) -> None:
    close(shop)
    content = exported(shop).content
    assert checked(content) == []
    dice = random.Random(7)
    places = [*dice.sample(range(len(content) - verifying.SEAL_LENGTH), 60)]
    places += dice.sample(range(len(content) - verifying.SEAL_LENGTH, len(content)), 30)
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << dice.randrange(8)
        assert checked(bytes(changed)) != [], place
    for other in (content[:-1], content + b" ", content[1:], b"", content[: len(content) // 2]):
        assert checked(other) != []


def test_any_member_left_out_or_doubled_is_found_and_named(shop: Shop) -> None:
    close(shop)
    content = exported(shop).content
    with zipfile.ZipFile(BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
        seal = archive.comment
    assert len(members) == 7
    for name in members:
        for count in (0, 2):
            wrong = checked(_rewritten(members, name, count, seal))
            assert any("sealed" in one for one in wrong), (name, count)
            if name.endswith(".xml") and not count:
                assert any("was left out" in one for one in wrong)
            if count:
                assert f"{name}: stands twice in the archive" in wrong


def _rewritten(members: dict[str, bytes], name: str, count: int, seal: bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, content in members.items():
            for _ in range(count if each == name else 1):
                archive.writestr(zipfile.ZipInfo(each), content)
        archive.comment = seal
    return file.getvalue()


def test_what_somebody_else_signed_is_not_the_servers(shop: Shop) -> None:
    close(shop)
    other = SigningKey(bytes(32))
    forged = exporting.export(shop.engine, other, DAY, SYSTEM).content
    assert any("another key" in one for one in checked(forged))
    assert any("signature" in one for one in verify(forged, other.public))
    assert checked(exported(shop).content) == verify(exported(shop).content, KEY.public[:16]) == []
    assert verify(exported(shop).content, KEY.public[:15]) != []


def test_the_program_runs_alone(shop: Shop, tmp_path: Path) -> None:
    close(shop)
    file = tmp_path / "day.zip"
    file.write_bytes(exported(shop).content)
    program = Path(verifying.__file__)
    assert not re.search(r"(?:from|import) (?:malote|cryptography)", program.read_text(encoding="utf-8"))
    alone = tmp_path / "verify.py"
    alone.write_bytes(program.read_bytes())
    arguments = [sys.executable, "-I", str(alone), str(file), "--key", KEY.public]
    assert subprocess.run(arguments, check=False, capture_output=True).returncode == 0
    file.write_bytes(file.read_bytes()[:-9])
    assert subprocess.run(arguments, check=False, capture_output=True).returncode == 1


def test_the_signatures_are_those_of_the_standard() -> None:
    for seed in range(5):
        key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        public, message = key.public_key().public_bytes_raw(), b"x" * seed
        signature = key.sign(message)
        assert verifies(public, message, signature)
        assert not verifies(public, message + b"y", signature)
        assert not verifies(public, message, signature[:33] + bytes([signature[33] ^ 1]) + signature[34:])
        assert not verifies(public[:31], message, signature)


def test_it_is_the_same_on_either_kind_of_store_database(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    some = [spool_support.sale(n) for n in (1, 2)]
    files = [file_with(one.access_key, incoming(one)) for one in some]
    spool.accept(till_one.id, body_of([one.access_key for one in some]), files, received_at=1.0)
    leased = spool.lease("test", 10, 60.0)
    spool.settle([Settlement(one.id, one.lease, "posted") for one in leased])
    day = some[0].issued_at.date()
    after = day + timedelta(days=1)
    assert chain.close(spool_engine, BusinessCalendar(), KEY, after, 2.0) == 1
    assert chain.close(spool_engine, BusinessCalendar(), KEY, after, 3.0) == 0
    assert checked(exporting.export(spool_engine, KEY, day, SYSTEM).content) == []
    shown = board.board(spool_engine, BusinessCalendar(), board.BoardQuery(since=day, until=day), after)
    assert (shown.rows[0].cells[day].booked, shown.rows[0].cells[day].proven) == (2, "open")
    assert [one.state for one in board.of_day(spool_engine, BusinessCalendar(), "caixa1", day)] == ["posted", "posted"]
