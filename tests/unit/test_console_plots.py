"""Small plots: the path of a line."""

from malote.console import plots


def test_a_line_goes_from_left_to_right_and_its_highest_value_to_the_top() -> None:
    assert plots.line([0, 2, 1], 100, 20) == "M0 19L50 1L100 10"
    assert plots.line([0, 2, 1], 100, 20, most=4) == "M0 19L50 10L100 14.5"
    assert plots.line([0, 0], 10, 20) == "M0 19L10 19"
    assert plots.area([1, 1], 10, 20) == "M0 1L10 1L10 20L0 20Z"
    assert plots.line([1], 10, 20) == plots.area([], 10, 20) == ""


def test_neighbours_are_drawn_as_their_sum() -> None:
    assert plots.line([9, 1, 1, 2], 100, 20, points=2) == plots.line([10, 3], 100, 20)
    assert plots.line([5, 9, 1, 1, 2], 100, 20, points=3) == plots.line([10, 3], 100, 20)  # the newest is whole
