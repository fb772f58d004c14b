"""Tills of the load manager in groups, so that three hundred equal rows are one line: those whose load and structure
are in the same state, or those of one store; the worst first. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

import msgspec

from malote.loads.load_reports import TillLoad
from malote.orders.rollout_reports import RolloutTill
from malote.register.flow_slots import store_of
from malote.schema.structure_reports import ReportedStructure

FEW = 12  # a group of up to so many is shown till by till
MOST_SHOWN = 40  # tills of such groups, in all
MOST_GROUPS = 60

By = Literal["state", "store", "none"]
Light = Literal["stopped", "attention", "disabled", "ok"]
# Each from the worst to what is well. ``unheard``: nothing was ever heard of the till; ``unread``: of the ERP.
LoadState = Literal[
    "failed", "differing", "stalled", "loading", "none", "behind", "back", "unheard", "unable", "unread", "current"
]
StructureState = Literal["failed", "offered", "pending", "outdated", "silent", "current"]

_LOAD_LIGHTS: dict[LoadState, Light] = {
    "failed": "stopped",
    "differing": "stopped",
    "stalled": "stopped",
    "loading": "attention",
    "none": "attention",
    "behind": "attention",
    "back": "attention",
    "unheard": "disabled",
    "unable": "disabled",
    "unread": "disabled",
    "current": "ok",
}
_STRUCTURE_LIGHTS: dict[StructureState, Light] = {
    "failed": "stopped",
    "offered": "attention",
    "pending": "attention",
    "outdated": "attention",
    "silent": "disabled",
    "current": "ok",
}
_LIGHTS: tuple[Light, ...] = get_args(Light)
_LOADS = list(_LOAD_LIGHTS)
_STRUCTURES = list(_STRUCTURE_LIGHTS)


class TillRow(msgspec.Struct, frozen=True, gc=False):
    """A till with what the newest roll-out did there, and its load; None where nothing is known of that."""

    till: ReportedStructure
    progress: RolloutTill | None
    load: TillLoad | None
    load_state: LoadState
    structure_state: StructureState
    light: Light  # the worse of the two
    state: str  # equal for tills of which a person would say the same
    place: tuple[int, int, int]  # the worst first

    @property
    def name(self) -> str:
        return self.till.till

    @property
    def structure_is_worse(self) -> bool:
        load, structure = _LOAD_LIGHTS[self.load_state], _STRUCTURE_LIGHTS[self.structure_state]
        return _LIGHTS.index(structure) < _LIGHTS.index(load)


def till_row(till: ReportedStructure, progress: RolloutTill | None, load: TillLoad | None) -> TillRow:
    of_load, of_structure = _load_state(load), _structure_state(till, progress)
    light = min(_LOAD_LIGHTS[of_load], _STRUCTURE_LIGHTS[of_structure], key=_LIGHTS.index)
    said, structure = str(of_load), str(of_structure)
    if of_load == "failed" and load is not None:
        said = f"failed:{load.code}"
    if of_structure == "failed" and progress is not None:
        structure = f"failed:{progress.code}"
    elif of_structure == "outdated":
        structure = f"outdated:{till.version}"
    place = _LIGHTS.index(light), _LOADS.index(of_load), _STRUCTURES.index(of_structure)
    return TillRow(till, progress, load, of_load, of_structure, light, f"{said}.{structure}", place)


def _load_state(load: TillLoad | None) -> LoadState:
    if load is None:
        return "unheard"
    if load.going is not None and load.going.stalled_since is not None:
        return "stalled"
    if load.going is not None and load.going.state == "begun":
        return "loading"
    if load.differing:
        return "differing"
    if load.state == "unable":
        return "unheard" if load.contact_at is None else "unable"
    if load.state == "current":
        return "current" if load.version else "unread"
    return "behind" if load.state == "loading" else load.state


def _structure_state(till: ReportedStructure, progress: RolloutTill | None) -> StructureState:
    if progress is not None and progress.state in ("failed", "offered", "pending"):
        return progress.state
    if till.current is None:
        return "silent"
    return "current" if till.current else "outdated"


class RowGroup(msgspec.Struct, frozen=True):
    """``worst`` says what is wrong with all of them, or with the worst of a store; ``rows`` are those shown."""

    key: str
    worst: TillRow
    count: int
    troubled: int  # that a person must look at
    lacking: int  # a load, or a structure
    rows: list[TillRow]


class WantedGroups(msgspec.Struct, frozen=True):
    """Of the group ``open`` (its key) ``opened`` tills are shown."""

    by: By = "state"
    open: str = ""
    opened: int = 50


def grouped(rows: Iterable[TillRow], wanted: WantedGroups) -> tuple[list[RowGroup], int]:
    """The groups, the worst first, and how many more there are than are shown."""
    by_key: dict[str, list[TillRow]] = defaultdict(list)
    for row in rows:
        by_key[store_of(row.name) if wanted.by == "store" else row.state].append(row)
    if wanted.by == "store":
        for some in by_key.values():
            some.sort(key=lambda one: one.place)
    ordered = sorted(by_key.items(), key=lambda one: _order(wanted.by, *one))
    room, groups = MOST_SHOWN, []
    for key, some in ordered[:MOST_GROUPS]:
        shown = wanted.opened if key == wanted.open else len(some) if len(some) <= min(FEW, room) else 0
        room -= min(shown, len(some))
        groups.append(_group(key, some, shown))
    return groups, max(0, len(ordered) - MOST_GROUPS)


def _order(by: By, key: str, some: Sequence[TillRow]) -> tuple[tuple[int, ...], str]:
    """A group of one state has its place whatever its number, so that it doesn't jump while that changes."""
    if by == "state":
        return some[0].place, key
    lights = [one.light for one in some]
    return (_LIGHTS.index(some[0].light), -lights.count("stopped"), -lights.count("attention")), key


def _group(key: str, some: Sequence[TillRow], shown: int) -> RowGroup:
    lights = [one.light for one in some]
    return RowGroup(key, some[0], len(some), lights.count("stopped"), lights.count("attention"), list(some[:shown]))
