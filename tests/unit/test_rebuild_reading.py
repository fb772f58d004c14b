"""A damaged SQLite file, read row by row."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from malote.rebuild.reading import TableReader, opened

PAGE = 4096


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Two hundred rows, of which those on two pages are nonsense."""
    path = tmp_path / "store.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.execute("CREATE TABLE sale (id INTEGER PRIMARY KEY, note TEXT)")
        connection.executemany("INSERT INTO sale VALUES (?, ?)", [(number, "y" * 500) for number in range(1, 201)])
        connection.commit()
    content = bytearray(path.read_bytes())
    content[5 * PAGE : 7 * PAGE] = b"\xa5" * (2 * PAGE)
    path.write_bytes(content)
    return path


def test_a_damaged_page_spoils_only_the_rows_on_it(damaged: Path) -> None:
    with opened(damaged) as connection:
        reader = TableReader(connection, "sale", ["id", "note", "column_of_a_newer_version"])
        rows = list(reader.rows())
    assert reader.columns == ["id", "note"]
    assert len(rows) + reader.unreadable == 200
    assert 0 < reader.unreadable < 30
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)


def test_a_table_whose_root_is_nonsense_is_not_counted_for_what_nobody_knows(damaged: Path) -> None:
    content = bytearray(damaged.read_bytes())
    content[PAGE : 2 * PAGE] = b"\xa5" * PAGE
    damaged.write_bytes(content)
    with opened(damaged) as connection:
        reader = TableReader(connection, "sale", ["id"])
        assert list(reader.rows()) == []
    assert reader.unreadable == 1


def test_a_table_that_is_not_there_has_no_rows(damaged: Path) -> None:
    with opened(damaged) as connection:
        assert list(TableReader(connection, "of_a_newer_version", ["id"]).rows()) == []


def test_what_is_no_database_says_so(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(sqlite3.DatabaseError), opened(path):
        pytest.fail("opened")
