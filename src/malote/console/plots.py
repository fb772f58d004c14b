"""Small plots that stand in a page as they are: lines of an SVG, drawn here, so that they need no script."""

from collections.abc import Sequence


def line(values: Sequence[int], width: int, height: int, most: int | None = None, *, points: int = 0) -> str:
    """The path of a line through the values, the first at the left; ``most`` is at the top.

    ``points``: so many sums of neighbours are drawn instead, where that is fewer.
    """
    shown = _together(values, points) if points and points < len(values) else list(values)
    if len(shown) < 2:
        return ""
    top = max(most or 0, max(shown), 1)
    step = width / (len(shown) - 1)
    places = [
        f"{_short(step * place)} {_short(height - 1 - (height - 2) * one / top)}" for place, one in enumerate(shown)
    ]
    return "M" + "L".join(places)


def area(values: Sequence[int], width: int, height: int, most: int | None = None) -> str:
    """The same, closed along the bottom."""
    path = line(values, width, height, most)
    return f"{path}L{width} {height}L0 {height}Z" if path else ""


def _together(values: Sequence[int], points: int) -> list[int]:
    size = -(-len(values) // points)
    first = len(values) % size  # an odd rest would make the newest sum too small
    return [sum(values[start : start + size]) for start in range(first, len(values), size)]


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
