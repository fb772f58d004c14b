"""The parts of an engine's folder, loaded when they are first needed: no driver is, but that of the ERP at hand.

``engine`` and ``faults``, ``types``, ``scratch`` are in every folder; ``sessions`` and ``watch`` where an engine has
sessions that can be looked at, ``target`` where its structure can be compared and altered.
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from malote.erp_engines import BY_SCHEME


@cache
def part_of(scheme: str, part: str) -> Any:
    """The module. ``scheme``: the engine's name, SQLAlchemy's for its dialect, or as an address of it begins. Raises
    ``KeyError`` for one that no engine has."""
    return import_module(_path(scheme, part))


@cache
def has_part(scheme: str, part: str) -> bool:
    """Whether there is such an engine, with such a part."""
    return scheme in BY_SCHEME and find_spec(_path(scheme, part)) is not None


def _path(scheme: str, part: str) -> str:
    return f"malote.erp.{BY_SCHEME[scheme].name}.{part}"
