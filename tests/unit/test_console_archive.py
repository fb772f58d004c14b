"""An archive that is sent while it is made."""

import io
import random
import zipfile
from collections.abc import Iterator

from malote.console.archive import AT_ONCE, pieces


def test_it_holds_all_and_little_of_it_at_once() -> None:
    """Ten times what is sent together, of bytes that nothing packs: each goes out before the next is asked for."""
    content = random.Random(1).randbytes(AT_ONCE)
    asked: list[int] = []

    def files() -> Iterator[tuple[str, bytes]]:
        for number in range(10):
            asked.append(number)
            yield f"{number}.xml", content

    sent: list[bytes] = []
    for piece in pieces(files(), "FALTAM.txt", "Faltam:"):
        sent.append(piece)
        assert len(piece) < AT_ONCE * 1.1
        assert len(asked) == min(len(sent), 10)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(sent)))
    assert archive.testzip() is None
    assert archive.namelist() == [f"{number}.xml" for number in range(10)]
    assert {archive.read(name) for name in archive.namelist()} == {content}


def test_what_could_not_be_had_is_named_in_it() -> None:
    sent = b"".join(pieces([("1.xml", b"<a/>"), ("2.xml", None)], "FALTAM.txt", "Faltam:"))
    archive = zipfile.ZipFile(io.BytesIO(sent))
    assert archive.namelist() == ["1.xml", "FALTAM.txt"]
    assert archive.read("FALTAM.txt") == b"Faltam:\n2.xml\n"


def test_nothing_is_an_archive_too() -> None:
    assert zipfile.ZipFile(io.BytesIO(b"".join(pieces([], "FALTAM.txt", "")))).namelist() == []
