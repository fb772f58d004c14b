"""Whether it is worth while to try the quick way first, by how often it led anywhere of late."""

_MOST_LUCK = 32  # files that weren't known, more than were, before others go unlooked at
_OUT_OF_LUCK = 8  # then one file in so many is looked at


class Luck:
    """Whether it is worth while to look at a file: it costs up to a third of the long way and may save more than half.

    Threads may count at once and lose a count: it is only an estimate.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._left = _MOST_LUCK
        self._turn = 0

    def holds(self) -> bool:
        if self._left:
            return True
        self._turn = (self._turn + 1) % _OUT_OF_LUCK
        return self._turn == 0

    def count(self, was_known: bool) -> None:
        self._left = min(self._left + 1, _MOST_LUCK) if was_known else max(self._left - 1, 0)
