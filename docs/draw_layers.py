"""Draws docs/layers.svg from the first import contract of pyproject.toml: ``python docs/draw_layers.py``."""

import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
_WIDTH, _HEIGHT, _GAP, _LETTER = 1000, 30, 22, 7.4
_STYLE = (
    "text{font:13px ui-monospace,monospace;text-anchor:middle;fill:#1f2933}"
    "rect{fill:#eef4fb;stroke:#7b97b5;rx:4}.alone rect{fill:#fdf6e3;stroke:#b58900}"
    "path{stroke:#52606d;fill:none}polygon{fill:#52606d}"
)


def picture(contract: list[str]) -> str:
    """A row for each layer, from which an arrow leads to all below. Rooms of a yellow row don't know each other."""
    drawn, top = [], 10.0
    for number, layer in enumerate(contract):
        for place, row in enumerate(_rows(layer)):
            if number and not place:
                drawn.append(_arrow(top))
            top += (_GAP if number and not place else 4) if number or place else 0
            drawn.append(_row(row, top, alone="|" in layer))
            top += _HEIGHT
    size = f'width="{_WIDTH}" height="{top + 10:g}" viewBox="0 0 {_WIDTH} {top + 10:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>Layers of Malote</title>'
    white = f'<path d="M0 0H{_WIDTH}V{top + 10:g}H0Z" style="fill:#fff;stroke:none"/>'
    return "\n".join([head, f"<style>{_STYLE}</style>", white, *drawn, "</svg>", ""])


def _rows(layer: str) -> list[list[str]]:
    """The rooms of a layer, as many in a line as there is room for."""
    rows: list[list[str]] = [[]]
    for name in layer.replace("malote.", "").replace("|", ":").split(":"):
        if sum(_wide(one) for one in [*rows[-1], name]) > _WIDTH - 20:
            rows.append([])
        rows[-1].append(name.strip())
    return rows


def _wide(name: str) -> float:
    return len(name.strip()) * _LETTER + 26


def _row(names: list[str], top: float, *, alone: bool) -> str:
    left = (_WIDTH - sum(map(_wide, names)) + 6) / 2
    boxes = []
    for name in names:
        width = _wide(name) - 6
        middle = f'x="{left + width / 2:.1f}" y="{top + 20:g}"'
        boxes.append(f'<rect x="{left:.1f}" y="{top:g}" width="{width:.1f}" height="{_HEIGHT}"/>')
        boxes.append(f"<text {middle}>{escape(name)}</text>")
        left += width + 6
    kind = ' class="alone"' if alone else ""
    return f"<g{kind}>{''.join(boxes)}</g>"


def _arrow(top: float) -> str:
    middle, end = _WIDTH / 2, top + _GAP - 2
    head = f"{middle - 5:g},{end - 8:g} {middle + 5:g},{end - 8:g} {middle:g},{end:g}"
    return f'<path d="M{middle:g} {top + 2:g}V{end - 8:g}"/><polygon points="{head}"/>'


def layers() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return list(next(one["layers"] for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == "layers"))


if __name__ == "__main__":
    (ROOT / "docs" / "layers.svg").write_text(picture(layers()), encoding="utf-8", newline="\n")
