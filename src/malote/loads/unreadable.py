"""Which entities that the ERP didn't give may be read again: asked at every look, by a statement that gives no rows.

A table that wasn't there, or a right that was lacking, is so told apart from rows that can't be read: these are tried
again once, and then after a while, since all of them would be read for it.
"""

from collections.abc import Callable, Collection


class UnreadableEntities:
    """``opens``: those of these entities that the ERP now has with all of their columns. For one thread."""

    def __init__(self, opens: Callable[[Collection[str]], set[str]]) -> None:
        self._opens = opens
        self._tried: set[str] = set()  # since they open

    def worth_reading(self, unreadable: Collection[str]) -> set[str]:
        """Raises as ``opens`` does."""
        open_now = self._opens(unreadable) if unreadable else set()
        due = open_now - self._tried
        self._tried = open_now
        return due
