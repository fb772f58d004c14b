"""What an ERP's own procedure answers, and what is no answer: then nothing is booked, and no document is at fault."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import read
from malote.erp.protocol import ErpError, Result
from tests.engines.sales import cancellation, postings, sale

SOLD = [sale(1), sale(2)]
FIRST, SECOND = (one.access_key for one in SOLD)
PROFILE = """
name = "lote"
[post]
call = [{call}]
call_cancellation = "select '{first}' as identity, 'refused' as answer where :document is not null"
"""
TOGETHER = "insert into venda select json_extract(value, '$.identity') from json_each(:documents)"
EACH = "insert into venda select json_extract(:document, '$.identity')"

Answering = Callable[[str, str], list[str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "erp.sqlite3"
    with closing(sqlite3.connect(made)) as database, database:
        database.execute("create table venda (chave text)")
    return made


@pytest.fixture
def answering(file: Path) -> Answering:
    """Books the two sales by a statement that writes, and one that answers; tells how they ended."""

    def book(call: str, answers: str) -> list[str]:
        written = ", ".join(f'"{one}"' for one in (call, answers))
        profile = read(PROFILE.format(call=written, first=FIRST), "test")
        address = f"sqlite:///{file.as_posix()}"
        with closing(open_erp(address, lock_timeout_seconds=1, tables=ErpTables(profile))) as erp:
            erp.create_structure()
            return [one.result.name for one in erp.post(postings(SOLD))]

    return book


def booked(file: Path) -> list[int]:
    with closing(sqlite3.connect(file)) as database:
        tables = ("venda", "posting_key where length(identity) = 44", "malote_sale")
        return [database.execute(f"select count(*) from {table}").fetchone()[0] for table in tables]


def rows(*answers: tuple[str | None, str]) -> str:
    """A statement that answers so, whatever it is given."""
    values = ", ".join(f"(nullif('{one or ''}', ''), '{said}')" for one, said in answers)
    return f"with a (identity, answer) as (values {values}) select * from a where :documents is not null"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([(FIRST, "booked"), (SECOND, "booked"), (SECOND, "booked")], f"{SECOND}: 2 answers (booked, booked)"),
        ([(FIRST, "booked"), (FIRST, "refused"), (SECOND, "booked")], f"{FIRST}: 2 answers (booked, refused)"),
        ([(FIRST, "booked"), (SECOND, "booked"), (None, "refused")], "1 answers without identity (refused)"),
        ([(None, "booked"), (None, "booked")], "2 answers without identity (booked, booked)"),
        ([(FIRST, "booked"), (SECOND, "booked"), ("35" * 22, "booked")], f"{'35' * 22}: not handed over (booked)"),
        ([(FIRST, "booked")], f"{SECOND}: no answer"),
    ],
)
def test_answers_that_contradict_each_other_are_the_erps_trouble(
    answering: Answering, file: Path, answers: list[tuple[str | None, str]], words: str
) -> None:
    with pytest.raises(ErpError) as caught:
        answering(TOGETHER, rows(*answers))
    assert (caught.value.code, caught.value.transient) == ("erp_call_broken", True)
    assert words in caught.value.facts["detail"]
    assert booked(file) == [0, 0, 0]


def test_one_answer_for_each_is_understood_padded_too(answering: Answering, file: Path) -> None:
    assert answering(TOGETHER, rows((f"{SECOND}   ", "booked"), (FIRST, "booked"))) == ["POSTED", "POSTED"]
    assert booked(file) == [2, 2, 2]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ("select 'booked' as answer where :document <> '' union all select 'refused'", "2 answers (booked, refused)"),
        (f"select '{SECOND}' as identity, :document <> '' as id", f"{SECOND}: not handed over"),
    ],
)
def test_a_call_for_each_document_answers_for_that_one(
    answering: Answering, file: Path, answers: str, words: str
) -> None:
    with pytest.raises(ErpError) as caught:
        answering(EACH, answers)
    assert (caught.value.code, caught.value.transient) == ("erp_call_broken", True)
    assert words in caught.value.facts["detail"]
    assert booked(file) == [0, 0, 0]


def test_several_rows_of_numbers_say_the_first(answering: Answering, file: Path) -> None:
    """``insert … returning id`` of several lines."""
    assert answering(EACH, "select 7 as id where :document <> '' union all select 8") == ["POSTED", "POSTED"]
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("select distinct erp_id from malote_sale").fetchall() == [("7",)]


def test_a_cancellation_is_answered_under_its_own_identity_or_its_sales_key(file: Path) -> None:
    profile = read(PROFILE.format(call=f'"{EACH}"', first=FIRST), "test")
    address = f"sqlite:///{file.as_posix()}"
    with closing(open_erp(address, lock_timeout_seconds=1, tables=ErpTables(profile))) as erp:
        erp.create_structure()
        erp.post(postings(SOLD))
        assert [one.result for one in erp.post(postings([cancellation(SOLD[0])], first_id=5))] == [Result.REFUSED]
        with pytest.raises(ErpError, match="not handed over"):
            erp.post(postings([cancellation(SOLD[1])], first_id=6))
