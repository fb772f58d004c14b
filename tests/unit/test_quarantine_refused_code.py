"""Which of a document's codes a form of mapping is about."""

import pytest

from malote.quarantine.cure_codes import refused_code
from malote.spool.documents import Reason

PRODUCTS = ("10", "99817", "998")


@pytest.mark.parametrize(
    ("facts", "chosen"),
    [
        ({"products": "998", "detail": "sale_item, 10"}, "998"),
        ({"detail": "Key (product)=(99817) is not present in table product"}, "99817"),
        ({"said": "the product 998 is unknown"}, "998"),
        ({"detail": "something else"}, ""),
        ({}, ""),
    ],
)
def test_it_is_the_one_that_the_reason_names(facts: dict[str, str], chosen: str) -> None:
    assert refused_code(Reason("erp_constraint", facts), "map_product", PRODUCTS) == chosen


def test_where_there_is_only_one_it_is_that() -> None:
    assert refused_code(Reason("erp_constraint", {}), "map_payment", ("23",)) == "23"
