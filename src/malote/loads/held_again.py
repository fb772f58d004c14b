"""Which entities that wait for a person are judged again before their time: those of which something changed at the ERP
since, which may have been set right. Asked at every look, for a count and the newest change alone.
"""

from collections.abc import Callable, Collection, Mapping

Signs = Mapping[str, object]  # by entity: what is another with each change of it


class HeldAgain:
    """``signs``: of those of these entities that say what changed. For one thread."""

    def __init__(self, signs: Callable[[Collection[str]], Signs]) -> None:
        self._signs = signs
        self._seen: Signs = {}
        self._judged: Signs = {}  # what they were like when they were last judged

    def changed(self, held: Collection[str]) -> set[str]:
        """Those that are due, until they were judged. Raises as ``signs`` does."""
        now = self._signs(held) if held else {}
        due = {name for name, sign in now.items() if self._judged.get(name) != sign}
        self._seen = now
        return due

    def judged(self) -> None:
        """After the look: where the ERP went away meanwhile, they are due at the next one."""
        self._judged = self._seen
