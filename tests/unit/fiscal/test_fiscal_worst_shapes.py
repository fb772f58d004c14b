"""The family of worst shapes is what it says: of the size asked for, and the others' costs are tried on it."""

import pytest

from tests.unit.fiscal.worst_shapes import SHAPES


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_fills_the_size_it_may_have(name: str) -> None:
    document = SHAPES[name](200_000)
    assert 100_000 < len(document) <= 200_000
