"""One trouble played several times, and what is asserted of each round and written down of it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.troubles.light import Light, Look
from tests.faults.troubles.records import RoundRecord, append, read

FIVE_MINUTES = 300.0


def now() -> float:
    """By the clock that nobody sets, as the looks at the light are."""
    return time.monotonic()


class Round:
    """The moments of one playing. ``harm`` comes first, then ``tell``, then ``cure``."""

    def __init__(self, light: Light) -> None:
        self._light = light
        self._harmed = self._told = self._cured = self._over = 0.0
        self._others: list[tuple[Light, float]] = []
        self.looks = 0
        self.widest = 0.0
        self.note = ""  # what else is worth knowing of it

    def harm(self) -> float:
        """The trouble begins now: this moment."""
        self._harmed = now()
        return self._harmed

    def tell(self, look: Look, *, since: float | None = None) -> Look:
        """``look`` is the first that told of it; ``since``: an earlier one from which on none may be green."""
        self._told, self._first = look.at, since or look.at
        return look

    def tell_too(self, light: Light) -> None:
        """Waits until that light, the till's, tells of it as well: from then on it isn't green either, until the cure.
        Sales that are captured again are on their way, and no longer the till's trouble."""
        self._others.append((light, light.not_green().at))

    def cure(self) -> None:
        """What ends it is done, or ordered, from now on."""
        self._cured = self._over = now()

    def still_wrong(self, moment: float) -> None:
        """The ERP lacked something even then: no green look before it."""
        self._over = max(self._over, moment)

    @property
    def delay(self) -> float:
        """Seconds from the harm to the look that told of it."""
        return max(0.0, self._told - self._harmed)

    def judge(self) -> None:
        """Told in time; and none of all looks since then was green, or red without a word."""
        assert 0 < self._harmed <= self._over, "a moment was not noted"
        assert self._told, "nobody noted that it was told"
        assert self.delay < FIVE_MINUTES, f"told after {self.delay:.0f} s"
        between = self._light.never_green(self._first, self._over)
        self.looks = len(between) + sum(len(other.never_green(at, self._cured)) for other, at in self._others)
        moments = [self._first, *(look.ended for look in between), self._over]
        self.widest = max(later - sooner for sooner, later in pairwise(moments))


class Series:
    """Of the trouble of that name: as many rounds as are wanted and not written down yet.

    MALOTE_SOAK_TIMES says how many, MALOTE_SOAK_RECORD where they are written down: a series that was cut off goes on
    at its next round.
    """

    def __init__(self) -> None:
        recorded = os.environ.get("MALOTE_SOAK_RECORD")
        self._record = Path(recorded) if recorded else None
        self._done = len(read(self._record)) if self._record else 0

    def turns(self) -> Iterator[int]:
        """The number of each round to play, from 0."""
        yield from range(self._done, int(os.environ.get("MALOTE_SOAK_TIMES", "1")))

    @contextmanager
    def playing(self, turn: int, light: Light) -> Iterator[Round]:
        """Judges the round at its end, and writes down what became of it."""
        played, began, error = Round(light), now(), ""
        try:
            yield played
            played.judge()
        except (Exception, pytest.fail.Exception) as failed:
            error = f"{type(failed).__name__}: {failed}"
            raise
        finally:
            if error or played.looks:  # else it was interrupted
                self._write(turn, played, now() - began, error)

    def _write(self, turn: int, played: Round, seconds: float, error: str) -> None:
        record = RoundRecord(
            turn=turn,
            right=not error,
            seconds=round(seconds, 1),
            told_after=round(played.delay, 1),
            looks=played.looks,
            widest=round(played.widest, 1),
            load=round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
            ended_at=time.time(),
            note=played.note,
            error=error[:2000],
        )
        print(record, flush=True)
        if self._record:
            append(self._record, record)
