"""What became of each round: a file of JSON lines for each trouble, and the table of all."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from rich.table import Table


class RoundRecord(msgspec.Struct, frozen=True, kw_only=True):
    """``told_after``: seconds from the harm to the first look that told of it. ``looks`` at the light since then and
    until it was over, none green; ``widest``: the longest time without one, in seconds. ``load`` of the machine at the
    end, ``ended_at`` in seconds since the epoch."""

    turn: int
    right: bool
    seconds: float
    told_after: float = 0.0
    looks: int = 0
    widest: float = 0.0
    load: float | None = None
    ended_at: float = 0.0
    note: str = ""
    error: str = ""


def read(file: Path) -> list[RoundRecord]:
    """In the order in which they were played, none where there is no file. A line that was cut off is left out."""
    if not file.exists():
        return []
    lines = file.read_bytes().splitlines(keepends=True)
    return [msgspec.json.decode(line, type=RoundRecord) for line in lines if line.endswith(b"\n")]


def append(file: Path, record: RoundRecord) -> None:
    """The file is made anew, and so loses a line that was cut off."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(msgspec.json.Encoder().encode_lines([*read(file), record]))
    part.replace(file)


def all_right(found: Mapping[str, Sequence[RoundRecord]], times: int) -> bool:
    """Whether each trouble was played so many times, and each time right."""
    return all(len(rounds) >= times and all(one.right for one in rounds) for rounds in found.values())


def drawn(found: Mapping[str, Sequence[RoundRecord]], times: int) -> Table:
    """A row for each trouble: of each round its seconds, and whether it was right."""
    table = Table(title=f"Troubles, {times} times each: seconds of each round")
    for heading in ("trouble", "right", *map(str, range(1, times + 1)), "told within", "looks", "widest", "load"):
        table.add_column(heading, justify="left" if heading == "trouble" else "right")
    for name, rounds in found.items():
        cells = [f"{one.seconds:.0f}" if one.right else f"[red]✗ {one.seconds:.0f}[/red]" for one in rounds[:times]]
        table.add_row(name, f"{sum(one.right for one in rounds)} of {times}", *_padded(cells, times), *_sums(rounds))
    return table


def _padded(cells: list[str], times: int) -> list[str]:
    return cells + ["–"] * (times - len(cells))


def _sums(rounds: Sequence[RoundRecord]) -> list[str]:
    if not rounds:
        return ["not measured", "", "", ""]
    loads = [one.load for one in rounds if one.load is not None]
    return [
        f"{max(one.told_after for one in rounds):.1f} s",
        str(sum(one.looks for one in rounds)),
        f"{max(one.widest for one in rounds):.1f} s",
        f"{min(loads):.0f}–{max(loads):.0f}" if loads else "",
    ]
