"""Questions that many viewers ask at once: asked once for all of them. Safe for threads.

An answer is never older than the question: where it may be, ``malote.remembered`` is cheaper, and for whole pages
``shared_pages``.
"""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class _Run(Generic[Answer]):
    """One asking, for all who came before it began."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.answers: list[Answer] = []
        self.error: Exception | None = None


class Together(Generic[Key, Answer]):
    """Who asks while the same is being asked shares the next asking with all others who came meanwhile.

    So many who ask at once cost two askings, and nobody gets an answer from before he asked.
    """

    def __init__(self, ask: Callable[[Key], Answer]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._running: dict[Key, _Run[Answer]] = {}
        self._next: dict[Key, _Run[Answer]] = {}

    def __call__(self, key: Key) -> Answer:
        """Raises what ``ask`` raises."""
        with self._lock:
            joined = self._next.get(key)
            run = joined or self._next.setdefault(key, _Run())
            before = self._running.get(key)
        if joined is None:
            if before is not None:
                before.over.wait()
            self._do(key, run)
        run.over.wait()
        if run.error is not None:
            raise run.error
        return run.answers[0]

    def _do(self, key: Key, run: _Run[Answer]) -> None:
        with self._lock:
            del self._next[key]  # whoever comes from now on is too late for this one
            self._running[key] = run
        try:
            run.answers.append(self._ask(key))
        except Exception as error:  # noqa: BLE001 - raised again for each who asked
            run.error = error
        finally:
            with self._lock:
                if self._running.get(key) is run:
                    del self._running[key]
            run.over.set()
