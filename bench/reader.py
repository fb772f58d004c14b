"""How fast documents are read, with every check, against the bare XML parser over the same bytes.

Every document is another one: keys, prices, quantities and payments differ as they do in a shop, so that no memory of
earlier values helps more than it would there.
"""

import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import count
from random import Random
from time import perf_counter
from typing import Any, NamedTuple

from lxml import etree
from tests.unit.fiscal.notes import Line, build_note

from malote.fiscal.reader import read

_DOCUMENTS = 200
_ROUNDS = 15

Read = Callable[[bytes], object]


class _Way(NamedTuple):
    """What is measured: a function over the documents as some programs would write them."""

    title: str
    read: Read
    rewrite: Callable[[bytes, int], bytes]  # with a number that no other document of the run has


def run() -> list[dict[str, Any]]:
    """Rows of name, value, unit, bound and ratio; the bound of all is ``lxml.etree.fromstring``."""
    documents = _documents(Random(65))
    megabytes = sum(map(len, documents)) / len(documents) / 1e6
    ways = (
        _Way("bare", etree.fromstring, _as_it_is),
        _Way("reader, all checks, known forms", read, _as_it_is),
        _Way("reader, all checks, forms never seen before", read, _unlike_any),
        _Way("reader, all checks, a frame that is no form", read, _commented),
        _Way("reader, all checks, parsed whole", read, _commented_throughout),
    )
    bare, *measured = (len(documents) / seconds for seconds in _fastest(documents, ways))
    return [
        {
            "name": way.title,
            "value": value,
            "unit": "documents/s",
            "bound": bare,
            "ratio": value / bare,
            "megabytes_per_second": value * megabytes,
        }
        for way, value in zip(ways[1:], measured, strict=True)
    ]


def _as_it_is(document: bytes, number: int) -> bytes:
    return document


def _unlike_any(document: bytes, number: int) -> bytes:
    # By turns in what is around the items, and in the last of them, where it is found out last.
    if number % 2:
        return document.replace(b"<natOp>", b"<x%d/><natOp>" % number, 1)
    return (b"<prod><x%d/>" % number).join(document.rsplit(b"<prod>", 1))


def _commented(document: bytes, number: int) -> bytes:
    # A comment is no form's markup: what is around the items is parsed every time.
    return document.replace(b"<nfeProc", b"<!-- --><nfeProc", 1)


def _commented_throughout(document: bytes, number: int) -> bytes:
    return _commented(document, number).replace(b"<prod>", b"<!-- --><prod>")


def _fastest(documents: Sequence[bytes], ways: Sequence[_Way]) -> list[float]:
    """Seconds for all documents in the best round of each way; they take turns, so that all meet the same noise."""
    rounds: list[list[float]] = [[] for _ in ways]
    numbers = count()
    for _ in range(_ROUNDS):
        for way, times in zip(ways, rounds, strict=True):
            rewritten = [way.rewrite(document, next(numbers)) for document in documents]
            read_one = way.read
            started = perf_counter()
            for document in rewritten:
                read_one(document)
            times.append(perf_counter() - started)
    return [min(times) for times in rounds]


def _documents(dice: Random) -> list[bytes]:
    documents = []
    for number in range(1, _DOCUMENTS + 1):
        lines = [_line(dice) for _ in range(8)]
        total = sum(line.net for line in lines)
        cash = dice.randrange(1, total)
        note = build_note(
            number=number,
            code=f"{dice.randrange(10**8):08}",
            items=lines,
            payments=[("01", cash), ("17", total - cash)],
            consumer="11144477735" if dice.random() < 0.3 else "",
        )
        documents.append(note.replace(b"135260000000001", f"13526{number:010}".encode()))
    return documents


def _line(dice: Random) -> Line:
    code = dice.randrange(1000, 9000)
    return Line(
        code=str(code),
        description=f"PRODUTO DE MERCEARIA {code} PACOTE 500G",
        quantity=f"{dice.choice([1, 1, 1, 2, 3, 6, dice.randrange(100, 3000) / 1000]):.4f}",
        price=str(Decimal(dice.randrange(99, 9999)) / 100),
        discount=dice.choice([0, 0, 0, dice.randrange(1, 90)]),
        gtin="7891000315507",
    )


def main() -> None:
    for row in run():
        sys.stdout.write(
            f"{row['name']}: {row['value']:.0f} {row['unit']}, {row['megabytes_per_second']:.0f} MB/s, "
            f"{row['ratio']:.2f} of {row['bound']:.0f}\n"
        )


if __name__ == "__main__":
    main()
