"""The structure's data form, its declaration, and the signature under it."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from malote.config import ErpSettings, Settings
from malote.erp.postgresql.schema import POSTGRESQL
from malote.schema.definition import (
    FORMAT,
    Column,
    Index,
    Structure,
    StructureError,
    Table,
    decode,
    encode,
    fingerprint,
)
from malote.schema.dialects import same_text
from malote.schema.sqlite import SQLITE
from malote.schema.till_structure import BASE, TILL, VERSION
from malote.structures.wanted import declared, erp_of_2025
from malote.trust.signatures import is_signed
from malote.trust.signing_key import FILE_NAME, signing_key


@pytest.mark.parametrize("structure", [TILL, BASE, erp_of_2025(), declared("store", Settings()).structure])
def test_the_json_form_is_the_structure(structure: Structure) -> None:
    assert decode(encode(structure)) == structure
    assert encode(decode(encode(structure))) == encode(structure)


def test_the_declared_structures_change_only_with_their_version() -> None:
    """Whoever alters the till's structure raises its version, and writes the new pair down here."""
    assert (VERSION, fingerprint(TILL)) == (
        2,
        "5c74016dbd1a77f656c0a39f8eb5cc7adee6a2288044bcd5ccab8a3d1d63c25d",
    )
    assert BASE.version == 1
    assert {table.name for table in BASE.tables} < {table.name for table in TILL.tables}


def one_table(**changes: Any) -> bytes:
    table = msgspec.structs.replace(Table("t", (Column("a", "integer"),)), **changes)
    return encode(Structure(FORMAT, "till", 1, (table,)))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{",
        b'{"format": "x"}',
        b'{"format": 1}',
        b"\xff",
        b"[" * 100_000,
        one_table(name='t"; DROP TABLE file; --'),
        one_table(name=""),
        one_table(columns=()),
        one_table(columns=(Column("a", "integer"), Column("a", "text"))),
        one_table(columns=(Column("a", "geometry"),)),
        one_table(columns=(Column("a", "decimal(5)"),)),
        one_table(columns=(Column("a", "text", default="(SELECT 1)"),)),
        one_table(columns=(Column("a", "text", fill="'a' || 'b'"),)),
        one_table(primary_key=("b",)),
        one_table(uniques={"k": ("b",)}),
        one_table(uniques={"k k": ("a",)}),
        one_table(indexes=(Index("i", ("a",), where="a IN (SELECT 1)"),)),
        one_table(indexes=(Index("i", ("a",), where="a = 1; DROP TABLE file"),)),
        one_table(indexes=(Index("i;", ("a",)),)),
    ],
)
def test_what_is_odd_is_refused(text: bytes) -> None:
    with pytest.raises(StructureError) as caught:
        decode(text)
    assert caught.value.code == "structure_unreadable"


def test_a_newer_form_is_refused_whatever_else_is_in_it() -> None:
    with pytest.raises(StructureError) as caught:
        decode(b'{"format": 2, "tables": "elsewhere"}')
    assert (caught.value.code, caught.value.facts) == ("structure_newer", {"found": "2", "newest": "1"})


def test_fields_of_a_newer_server_are_passed_over() -> None:
    text = encode(TILL).replace(b'"format":1', b'"format":1,"later":[1]')
    assert decode(text) == TILL


@pytest.mark.parametrize(
    ("portable", "found", "fits"),
    [
        ("decimal(15,2)", "numeric(15,2)", True),
        ("decimal(15,2)", "numeric(18,2)", True),
        ("decimal(15,2)", "numeric(15,4)", False),
        ("decimal(15,2)", "numeric", True),
        ("decimal(15,2)", "double precision", False),
        ("integer", "bigint", True),
        ("bigint", "integer", False),
        ("text", "character varying", True),
        ("text", "character varying(20)", False),
        ("key", "text", True),
        ("moment", "timestamp without time zone", False),
    ],
)
def test_wider_types_of_postgresql_fit(portable: str, found: str, fits: bool) -> None:
    assert POSTGRESQL.fits(portable, found) is fits


@pytest.mark.parametrize(
    ("portable", "found", "fits"),
    [
        ("integer", "BIGINT", True),
        ("decimal(15,2)", "INTEGER", True),
        ("decimal(15,2)", "TEXT", False),
        ("text", "VARCHAR(20)", True),
        ("double", "REAL", True),
        ("boolean", "BOOLEAN", True),
        ("binary", "", True),
    ],
)
def test_types_of_sqlite_by_what_they_mean(portable: str, found: str, fits: bool) -> None:
    assert SQLITE.fits(portable, found) is fits


def test_expressions_that_say_the_same() -> None:
    assert same_text("retry_at IS NOT NULL", "(retry_at IS NOT NULL)")
    assert same_text("0", "0::numeric(15,2)")
    assert same_text("'x'", "'x'::text")
    assert not same_text("moved = false", "moved = true")


def test_the_servers_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = {key.public for key in pool.map(lambda _: signing_key(tmp_path), range(16))}
    assert len(keys) == 1, "processes that start at once have one key"
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    if os.name != "nt":
        assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0
    key = signing_key(tmp_path)
    signature = key.sign(b"structure")
    assert is_signed(b"structure", signature, key.public)
    assert not is_signed(b"structures", signature, key.public)
    assert not is_signed(b"structure", signature, "")
    for damaged in (b"AAAA", b"\xff", b""):
        (tmp_path / FILE_NAME).write_bytes(damaged)
        with pytest.raises(OSError, match="no signing key"):
            signing_key(tmp_path)


def test_a_profile_that_is_none_is_said() -> None:
    with pytest.raises(StructureError) as caught:
        declared("erp", Settings(erp=ErpSettings(profile="nowhere.toml")))
    assert caught.value.code == "erp_profile_invalid"


def test_of_another_erp_only_the_ledger_is_ours() -> None:
    wanted = declared("erp", Settings(erp=ErpSettings(profile="varejo")))
    assert len(wanted.creates) == 1
    assert wanted.foreign == {table.name for table in wanted.structure.tables} - wanted.creates
    assert "nfc_capa" in wanted.foreign
