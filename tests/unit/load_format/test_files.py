"""The files of a load, read back; what is cut, changed or said wrongly is found out; and digests that prove rows."""

import hashlib
import io
from collections.abc import Sequence

import pytest

from malote.frames import zstd
from malote.load_format import digest, files
from malote.load_format.entity import Entity, EntityColumn, Row
from malote.load_format.files import Gone, Header, LoadFileError

PRICE = Entity("price", ("code",), (EntityColumn("code"), EntityColumn("price", "decimal", required=True)))


def rows(count: int) -> list[Row]:
    return [PRICE.row([str(number), number]) for number in range(count)]


def packed(lines: Sequence[Row | Gone], count: int | None = None, after: int = 0) -> bytes:
    file = io.BytesIO()
    header = Header(PRICE, "changes" if after else "whole", 7, after, len(lines) if count is None else count)
    written = files.write(file, header, lines)
    content = file.getvalue()
    assert (written.sha256, written.bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    return content


def unpacked(content: bytes) -> list[Row | Gone]:
    header, lines = files.read(io.BytesIO(content))
    assert header.entity == PRICE
    return list(lines)


def test_rows_and_what_is_gone_come_back_as_they_went() -> None:
    lines: list[Row | Gone] = [*rows(20_000), Gone(("a",))]
    assert unpacked(packed(lines, after=6)) == lines
    assert unpacked(packed([])) == []


def test_the_same_rows_make_the_same_file() -> None:
    assert packed(rows(500)) == packed(rows(500))


def test_a_file_that_is_cut_anywhere_is_found_out() -> None:
    content = packed(rows(300))
    for end in range(len(content)):
        with pytest.raises(LoadFileError):
            unpacked(content[:end])
    with pytest.raises(LoadFileError):
        unpacked(content + b"\0")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}\n",
        b"[]\n",
        b"\xff\n",
        b'{"gone":["1"]}\n',
        b"x" * 200_000,
    ],
)
def test_what_is_no_header_is_refused(text: bytes) -> None:
    with pytest.raises(LoadFileError):
        unpacked(zstd.compress(text))


@pytest.mark.parametrize(
    "line", [b'["1"]', b'["1",2]', b'["1",null]', b'{"gone":"1"}', b"null", b"", b'["1","2.00"]\n["2","2.00"]']
)
def test_a_line_that_is_no_row_of_the_entity_is_refused(line: bytes) -> None:
    first = zstd.decompress(packed(rows(1))).split(b"\n")[0]
    with pytest.raises(LoadFileError):
        unpacked(zstd.compress(first + b"\n" + line + b"\n"))


def test_a_line_beyond_all_bounds_ends_the_reading_and_not_the_memory() -> None:
    first = zstd.decompress(packed(rows(1))).split(b"\n")[0]
    with pytest.raises(LoadFileError, match="long line"):
        unpacked(zstd.compress(first + b'\n["' + b"1" * 50_000_000))


def test_what_writes_fewer_rows_than_it_says_is_refused() -> None:
    with pytest.raises(ValueError, match="its header says 4"):
        packed(rows(3), count=4)


def test_a_digest_is_that_of_the_rows_in_any_order_and_of_no_others() -> None:
    some = rows(3000)
    one = digest.digest_of_rows(PRICE, some)
    assert digest.digest_of_rows(PRICE, reversed(some)) == one
    others = [
        some[:-1],
        [*some, some[0]],
        [*some[:-1], PRICE.row([some[-1][0], "0.01"])],
    ]
    assert len({one, *(digest.digest_of_rows(PRICE, other) for other in others)}) == 4
    wider = Entity("price", ("code",), (*PRICE.columns, EntityColumn("note")))
    assert digest.digest_of_rows(wider, []) != digest.digest_of_rows(PRICE, [])


def test_the_digest_of_a_load_is_over_names_and_digests() -> None:
    whole = digest.whole_digest({"price": "a", "product": "b"})
    assert digest.whole_digest({"product": "b", "price": "a"}) == whole
    assert digest.whole_digest({"price": "b", "product": "a"}) != whole
