"""When a version of an entity waits for a person: no empty price list, and no half of one, reaches a till by itself."""

import msgspec

from malote.config import LoadsSettings
from malote.loads.comparing import Counts

# Of these only a look at all rows knows that they are over: one at what changed doesn't see what is gone.
SEEN_WHOLE = frozenset({"load_would_empty", "load_gone_many"})
UNDECLARED = "load_entity_undeclared"  # loaded once, and in no profile any more: confirmed, it is kept as it is
UNREADABLE = "load_entity_unreadable"  # nothing is known of it that a person could decide on
_PRICED = ("price", "promotion")  # of which changes are looked at; of others, what goes and what is refused


class EntityHold(msgspec.Struct, frozen=True):
    """``code`` and ``facts`` are the catalogue's; ``gone`` and ``changed`` what a person confirms, at most."""

    code: str
    facts: dict[str, str]
    gone: int = 0
    changed: int = 0
    is_final: bool = False  # nobody can let it through: tills would have nothing of the entity


def hold_of(entity: str, counts: Counts, settings: LoadsSettings, *, is_empty: bool) -> EntityHold | None:
    """Why these changes are not made by themselves; None: they are. ``is_empty``: not a row would be left of what may
    not be empty."""
    facts = {
        "entity": entity,
        "rows": str(counts.held),
        "gone": str(counts.gone),
        "changed": str(counts.changed),
        "new": str(counts.new),
        "refused": str(counts.refused),
    }
    if is_empty:
        code = "load_refused_many" if counts.refused and not counts.held else "load_would_empty"
    else:
        code = _code(entity, counts, settings)
    return EntityHold(code, facts, counts.gone, counts.changed, is_empty) if code else None


def _code(entity: str, counts: Counts, settings: LoadsSettings) -> str:
    if _is_much(counts.gone, counts.held, settings.most_gone_percent, settings.least_rows):
        return "load_gone_many"
    if entity in _PRICED and _is_much(counts.changed, counts.held, settings.most_changed_percent, settings.least_rows):
        return "load_changed_many"
    if _is_much(counts.refused, max(counts.held, counts.read), settings.most_refused_percent, settings.least_rows):
        return "load_refused_many"
    return ""


def _is_much(some: int, of: int, percent: float, least: int) -> bool:
    return some >= least and some * 100 > of * percent
