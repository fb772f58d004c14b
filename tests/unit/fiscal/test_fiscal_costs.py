"""What reading a document of the largest legal size costs beyond parsing it: in processor time, never by a clock."""

import contextlib
import time
import tracemalloc
from collections.abc import Callable

import pytest
from lxml import etree

from malote.fiscal import forms
from malote.fiscal.reader import read
from tests.unit.fiscal.support import only
from tests.unit.fiscal.worst_shapes import LARGEST, SHAPES

_ALLOWED = 0.3  # seconds of processor time
_YARDSTICK = b"<r>" + b"<a>1</a>" * 200_000 + b"</r>"
_YARDSTICK_SECONDS = 0.04  # to parse it, undisturbed
_MEGABYTES = 60  # of Python's own, beside the parser's


def _spent(function: Callable[[bytes], object], raw: bytes) -> float:
    began = time.thread_time()
    function(raw)
    return time.thread_time() - began


def _parsed(raw: bytes) -> None:
    with contextlib.suppress(etree.XMLSyntaxError):
        etree.fromstring(raw, etree.XMLParser(resolve_entities=False, no_network=True))


@pytest.mark.parametrize("name", SHAPES)
def test_reading_costs_little_more_than_parsing(name: str) -> None:
    raw = SHAPES[name](LARGEST)
    forms.forget()
    # The best of some: what disturbs a machine only adds.
    parsing = min(_spent(_parsed, raw) for _ in range(2))
    reading = min(_spent(read, raw) for _ in range(3))
    # On a machine that is busy with other things, a processor's second does less: so much as this parse tells.
    assert reading - parsing < _ALLOWED * max(1.0, _spent(_parsed, _YARDSTICK) / _YARDSTICK_SECONDS)


@pytest.mark.parametrize("name", SHAPES)
def test_reading_takes_bounded_memory(name: str) -> None:
    raw = SHAPES[name](LARGEST)
    tracemalloc.start()
    try:
        read(raw)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < _MEGABYTES * 1_000_000


def test_a_file_of_tags_is_refused_before_it_is_parsed() -> None:
    raw = b"<r>" + b"<a/>" * 1_200_000 + b"</r>"
    assert [one.code for one in only(raw).problems] == ["too_many_elements"]
