"""How the agent says what happened: each trouble once when it begins, once more when it is over."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Literal

import msgspec

from malote.fiscal.problems import Problem, warning

About = Literal["begins", "over", "happened"]


class TroubleNotice(msgspec.Struct, frozen=True):
    """``problem`` holds a code of the catalogue and its facts."""

    about: About
    problem: Problem


class Lasting(msgspec.Struct, frozen=True):
    """What goes on under a topic, for how many seconds."""

    topic: str
    problem: Problem
    seconds: float


class Voice:
    """Tells each notice to ``listener``. Used by several threads at once."""

    def __init__(
        self, listener: Callable[[TroubleNotice], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._listener = listener
        self._monotonic = monotonic
        self._lock = Lock()
        self._lasting: dict[str, tuple[Problem, float]] = {}

    @property
    def lasting(self) -> list[Lasting]:
        """What goes on now, in memory alone: a full disk can't be asked."""
        now = self._monotonic()
        with self._lock:
            return [Lasting(topic, problem, now - since) for topic, (problem, since) in self._lasting.items()]

    def trouble(self, topic: str, code: str, **facts: str) -> None:
        """Something goes on. Said when it begins under this topic, and again only when it becomes another trouble."""
        problem = warning(code, **facts)
        with self._lock:
            before, since = self._lasting.get(topic, (None, 0.0))
            begins = before is None or before.code != code
            self._lasting[topic] = (problem, self._monotonic() if begins else since)
            # Facts such as an attempt's exact error may differ from one time to the next.
            if begins:
                self._listener(TroubleNotice("begins", problem))

    def over(self, topic: str) -> None:
        """Whatever went on under this topic is over."""
        with self._lock:
            problem, _ = self._lasting.pop(topic, (None, 0.0))
            if problem is not None:
                self._listener(TroubleNotice("over", problem))

    def happened(self, code: str, **facts: str) -> None:
        """Something happened once."""
        with self._lock:
            self._listener(TroubleNotice("happened", warning(code, **facts)))
