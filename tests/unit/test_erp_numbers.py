"""Numbers too large for any integer: where they stop on their way from a file to the ERP."""

import msgspec
import pytest

from malote.fiscal import documents
from malote.fiscal.amounts import CENTS, AmountError, whole_number
from malote.fiscal.documents import Sale, content_hash
from tests.engines.sales import sale

LARGEST = 2**64 - 1  # of what the spool's own format holds


def test_the_reader_takes_none_that_would_not_fit() -> None:
    assert whole_number("999999999") == 999_999_999
    assert whole_number("1000000000") is None
    assert whole_number("9" * 30) is None
    assert CENTS["9999999999999.99"] < 2**63
    with pytest.raises(AmountError):
        CENTS["10000000000000.00"]


def test_what_the_spool_can_hold_can_be_compared() -> None:
    one = msgspec.structs.replace(sale(1), number=LARGEST)
    again = documents.decode(documents.encode([one]))[0]
    assert isinstance(again, Sale)
    assert content_hash(again) == content_hash(one)


def test_beyond_that_nothing_enters_the_spool() -> None:
    with pytest.raises(OverflowError):
        documents.encode([msgspec.structs.replace(sale(1), number=LARGEST + 1)])
