"""What a person has ticked: documents of a till, or tills."""

import math

from malote.console.visits import PageRefusedError, Visit
from malote.quarantine.quarantine_reports import Selection

LARGEST = 10_000  # ticked one by one
LARGEST_ID = 2**63
LONGEST_SEARCH = 60


def documents_of(visit: Visit, till: str) -> Selection:
    """The ticked documents of a till; with ``everything``, all that the page's filter matched when it was shown.

    An id of another till's document chooses nothing. Raises ``PageRefusedError`` where nothing is ticked.
    """
    if visit.text("everything") == "1":
        search = visit.text("search")[:LONGEST_SEARCH]
        return Selection(till=till, code=visit.text("code") or None, search=search, until=_moment(visit.text("until")))
    ids = ids_of(visit)
    if not ids:
        raise PageRefusedError("nothing_selected", 422)
    return Selection(ids=ids, till=till)


def _moment(text: str) -> float | None:
    """Seconds since the epoch, as the page says it."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def ids_of(visit: Visit) -> tuple[int, ...]:
    ticked = [text for text in visit.texts("selected") if text.isascii() and text.isdigit() and len(text) < 20]
    return tuple(sorted({number for text in ticked[:LARGEST] if 0 < (number := int(text)) < LARGEST_ID}))
