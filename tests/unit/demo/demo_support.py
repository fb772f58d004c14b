"""Notes and schemas that several tests of the demo need."""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from random import Random

import nfelib
from lxml import etree

from malote.demo import baskets, notes
from malote.demo.issuers import ISSUERS, Issuer
from malote.demo.notes import DemoNote

AT = datetime(2026, 11, 24, 10, 30, 0, tzinfo=notes.SAO_PAULO)
NFE = {"n": notes.NAMESPACE}


@cache
def schema(path: str) -> etree.XMLSchema:
    """One of the official schemas that nfelib ships."""
    return etree.XMLSchema(etree.parse(Path(nfelib.__file__).parent / path))


def faults(path: str, content: bytes) -> list[str]:
    """What the schema says against a document; nothing when it is valid."""
    validator = schema(path)
    if validator.validate(etree.fromstring(content)):
        return []
    return [str(validator.error_log)]


def random_notes(count: int, issuers: tuple[Issuer, ...] = ISSUERS) -> Iterator[DemoNote]:
    """Notes of every issuer in turn, each tenth of them offline."""
    for number in range(1, count + 1):
        emission = notes.CONTINGENCY if number % 10 == 0 else notes.NORMAL
        issuer = issuers[number % len(issuers)]
        yield notes.compose(issuer, 1, number, AT, baskets.draw(Random(number)), emission)
