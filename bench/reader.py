"""How fast documents are read, with every check, against the bare XML parser over the same bytes.

Every document is another one: keys, prices, quantities and payments differ as they do in a shop, so that no memory of
earlier values helps more than it would there.
"""

import statistics
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random
from time import perf_counter
from typing import Any

from lxml import etree
from tests.unit.fiscal.notes import Line, build_note

from malote.fiscal.reader import read

_DOCUMENTS = 200
_ROUNDS = 15


def run() -> list[dict[str, Any]]:
    """Rows of name, value, unit, bound and ratio; the bound of both is ``lxml.etree.fromstring``."""
    documents = _documents(Random(65))
    seconds = _medians(
        documents,
        {"bare": etree.fromstring, "known": read, "parsed": _read_parsed},
    )
    bare = len(documents) / seconds["bare"]
    rows = []
    for name, title in (("known", "reader, all checks"), ("parsed", "reader, all checks, unknown markup")):
        value = len(documents) / seconds[name]
        rows.append({"name": title, "value": value, "unit": "documents/s", "bound": bare, "ratio": value / bare})
    return rows


def _read_parsed(document: bytes) -> object:
    # A comment is no form's markup: such a file is parsed every time.
    return read(document.replace(b"<nfeProc", b"<!-- --><nfeProc", 1))


def _medians(documents: Sequence[bytes], functions: dict[str, Callable[[bytes], object]]) -> dict[str, float]:
    """Seconds for all documents, the functions taking turns so that all of them meet the same noise."""
    rounds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(_ROUNDS):
        for name, function in functions.items():
            started = perf_counter()
            for document in documents:
                function(document)
            rounds[name].append(perf_counter() - started)
    return {name: statistics.median(times) for name, times in rounds.items()}


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
        sys.stdout.write(f"{row['name']}: {row['value']:.0f} {row['unit']}, {row['ratio']:.2f} of {row['bound']:.0f}\n")


if __name__ == "__main__":
    main()
