"""Telling open pages that something changed: one look per second at the database, however many people watch."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from anyio import to_thread

from malote import incidents
from malote import log as logs
from malote.database.errors import StoreError

LOOK_SECONDS = 1.0
BREATH_SECONDS = 15.0  # between signs that the connection lives
LONGEST_SECONDS = 600.0  # then the browser connects anew, and must still be signed in

Pulse = Callable[[str | None], str]

log = logs.get_logger("malote.console")


@dataclass(slots=True)
class _Topic:
    version: int = 0
    listeners: int = 0
    seen: str | None = None
    looked: bool = False
    task: asyncio.Task[None] | None = None


class Changes:
    """Topics are names of tills, or None for all of them. Only what somebody listens to is looked at."""

    def __init__(
        self,
        pulse: Pulse,
        *,
        seconds: float = LOOK_SECONDS,
        stopping: Callable[[], bool] = lambda: False,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """``stopping``: whether every stream must end now. ``changed`` is called before anybody hears of a change."""
        self._pulse = pulse
        self._seconds = seconds
        self._stopping = stopping
        self._changed = changed
        self._topics: dict[str | None, _Topic] = {}

    async def listen(self, name: str | None, *, longest: float = LONGEST_SECONDS) -> AsyncIterator[str]:
        """``hello`` once it was looked, then ``changed`` after changes and ``alive`` now and then.

        What changed between a page's drawing and the first look nobody is told: who hears ``hello`` draws anew.
        """
        clock = asyncio.get_running_loop().time
        topic = self._enter(name)
        try:
            while not topic.looked and not self._stopping():
                await asyncio.sleep(self._seconds / 10)
            known, end, breath = topic.version, clock() + longest, clock()
            yield "hello"
            while clock() < end and not self._stopping():
                await asyncio.sleep(self._seconds)
                if topic.version != known:
                    known, breath = topic.version, clock()
                    yield "changed"
                elif clock() - breath > BREATH_SECONDS:
                    breath = clock()
                    yield "alive"
        finally:
            self._leave(name, topic)

    def _enter(self, name: str | None) -> _Topic:
        topic = self._topics.setdefault(name, _Topic())
        topic.listeners += 1
        if topic.task is None:
            topic.task = asyncio.create_task(self._look(name, topic))
        return topic

    def _leave(self, name: str | None, topic: _Topic) -> None:
        topic.listeners -= 1
        if topic.listeners == 0 and topic.task is not None:
            topic.task.cancel()
            self._topics.pop(name, None)

    async def _look(self, name: str | None, topic: _Topic) -> None:
        while True:
            try:
                seen = await to_thread.run_sync(self._pulse, name)
            except StoreError as error:
                log.warning("pulse_waits", reason=str(error))
            except Exception as error:  # noqa: BLE001 - outermost loop: the pages of this topic must not freeze
                incidents.report("pulse_failed", error)
            else:
                if topic.seen != seen:
                    self._changed()
                    topic.version += 1
                topic.seen = seen
            topic.looked = True
            await asyncio.sleep(self._seconds)
