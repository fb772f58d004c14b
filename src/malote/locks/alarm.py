"""Whether sales stand still because the ERP is locked: since when, who holds it, and how many wait. For the banner.

Two witnesses: the reasons of the documents that wait, and, before the first of them has given up, Malote's own sessions
in the ERP that wait right now. So a stop is known within seconds, and by any server, whoever posts.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import msgspec
from sqlalchemy import Engine

from malote.bilingual import Bilingual
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.watching import SessionsSight, Wait, Watch
from malote.locks.lock_reports import Blocker, Head, Root, Stoppage
from malote.locks.waiting import NotedHolder, Waiting, together, waiting
from malote.register.backlog import flows
from malote.rejection import Language

LEAST_SECONDS = 1.0  # a shorter wait is everyday life
LOOK_SECONDS = 1.0  # however many people look
LINGER_SECONDS = 4.0  # between two tries of a poster nobody waits, and the lock is still there
FLOWS_SECONDS = 10.0  # a sale posted so lately says that others get through


class Alarm:
    """Safe for threads. Remembers when the stop began, which no single look tells."""

    def __init__(self, engine: Engine, watch: Watch | None, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._watch = watch
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._last: Stoppage | None = None
        self._witnessed_at = float("-inf")
        self._posted: int | None = None
        self._flowed_at = float("-inf")
        self._first_seen: dict[str, float] = {}  # Malote's waiting sessions, where the server doesn't tell since when

    def __call__(self) -> Stoppage | None:
        """Raises ``StoreError``."""
        with self._lock:
            now = self._clock()
            if not 0 <= now - self._looked_at < LOOK_SECONDS:
                self._last = self._look(now)
                self._looked_at = now
            return self._last

    def released(self) -> None:
        """The ERP was seen just now with nobody who holds it: what was seen before lingers no more."""
        with self._lock:
            self._last, self._looked_at, self._witnessed_at = None, float("-inf"), float("-inf")

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()

    def _look(self, now: float) -> Stoppage | None:
        seen = waiting(self._engine)
        sight = self._sight(seen)
        locked = _still_locked(seen, sight)
        waits = self._waits(sight.waits if sight else [], now)
        if not locked and not waits:
            lingers = seen.tills and now - self._witnessed_at < LINGER_SECONDS
            return self._still(seen) if self._last and lingers else None
        self._witnessed_at = now
        starts = [noted.since for noted in locked if noted.since] + [now - age for age, _ in waits.values()]
        starts += [self._last.since] if self._last else []
        since = min(starts, default=now)
        whole = not self._flows(seen, since, now)
        blockers = _blockers(seen, locked, [wait for _, wait in waits.values()])
        first = max(blockers, key=lambda one: (bool(one.session), blockers[one]), default=Blocker(""))
        held = together([*locked.values(), *(seen.posting.get(name, {}) for name in waits)])
        tills = seen.tills if whole else held
        roots = _roots(blockers, first, sum(tills.values()), seen, sight)
        return Stoppage(since, first, max(0, len(blockers) - 1), tills, whole, roots, sight is not None)

    def _sight(self, seen: Waiting) -> SessionsSight | None:
        """What the ERP shows; None where there is nothing to ask for, or nobody to ask."""
        if self._watch is None or not (seen.posting or seen.locked):
            return None
        try:
            return self._watch.look({noted.session for noted in seen.locked})
        except SessionsError:
            return None  # then the ERP is away, which is another matter

    def _flows(self, seen: Waiting, since: float, now: float) -> bool:
        """Whether other sales get through: more were posted than a moment ago, or one of the newest was."""
        settled = self._last is not None and now - since > FLOWS_SECONDS / 2
        if settled and self._posted is not None and seen.posted > self._posted:
            self._flowed_at = now
        self._posted = seen.posted
        if now - self._flowed_at < FLOWS_SECONDS:
            return True
        return flows(self._engine, max(since + LEAST_SECONDS, now - FLOWS_SECONDS))

    def _still(self, seen: Waiting) -> Stoppage | None:
        assert self._last is not None  # noqa: S101 the caller looked
        return msgspec.structs.replace(self._last, tills=seen.tills) if self._last.whole else self._last

    def _waits(self, waits: Iterable[Wait], now: float) -> dict[str, tuple[float, Wait]]:
        """Malote's own sessions that wait long enough to speak of, by name, each with its age in seconds."""
        found = {wait.program: wait for wait in waits}
        self._first_seen = {program: self._first_seen.get(program, now) for program in found}
        ages = {
            program: (now - self._first_seen[program] if wait.age is None else wait.age, wait)
            for program, wait in found.items()
        }
        return {program: aged for program, aged in ages.items() if aged[0] >= LEAST_SECONDS}


def _still_locked(seen: Waiting, sight: SessionsSight | None) -> dict[NotedHolder, dict[str, int]]:
    """What waits for sessions that hold locks still. The others' documents will be tried in their turn."""
    if sight is None:
        return seen.locked
    return {noted: tills for noted, tills in seen.locked.items() if not noted.session or noted.session in sight.holding}


def _blockers(
    seen: Waiting, locked: Mapping[NotedHolder, Mapping[str, int]], waits: Iterable[Wait]
) -> dict[Blocker, int]:
    """Who holds how many sales up. A holder of several things is named with the one most sales need."""
    counts: dict[Blocker, int] = defaultdict(int)
    for noted, tills in locked.items():
        counts[Blocker(noted.session, noted.user, noted.program, noted.object)] += sum(tills.values())
    for wait in waits:
        for holder in wait.holders:
            blocker = Blocker(holder.session, holder.user, holder.program, holder.object)
            counts[blocker] += sum(seen.posting.get(wait.program, {}).values())
    chosen: dict[str, tuple[Blocker, int]] = {}
    for blocker, count in counts.items():
        before = chosen.get(blocker.session)
        best = blocker if before is None or count > before[1] else before[0]
        chosen[blocker.session] = best, count + (before[1] if before else 0)
    if len(chosen) > 1:
        chosen.pop("", None)  # unknown then, and known by now
    return dict(chosen.values())


def _roots(
    blockers: Mapping[Blocker, int], first: Blocker, sales: int, seen: Waiting, sight: SessionsSight | None
) -> tuple[Root, ...]:
    """Each with the sales that need what it holds; who is heaviest, with those also that merely stand in line. Their
    value is told by share: the tallies know it of all that wait."""
    counts = {first: 0, **blockers}
    counts[first] += max(0, sales - sum(counts.values()))
    every = sum(seen.tills.values()) or 1
    idle = sight.idle if sight else {}
    found = [Root(one, count, seen.cents * count // every, _head(one, idle)) for one, count in counts.items()]
    return tuple(sorted(found, key=lambda one: (one.blocker != first, -one.sales)))


def _head(blocker: Blocker, idle: Mapping[str, bool]) -> Head:
    if blocker.session.startswith(_PREPARED_PREFIX):
        return "prepared"
    found = idle.get(blocker.session)
    return "unknown" if found is None else "idle" if found else "active"


def words(stoppage: Stoppage, now: float, language: Language = "pt") -> str:
    """The banner's sentence."""
    began = (_STOPPED if stoppage.whole else _HELD_BACK).of(language).format(duration=_duration(now - stoppage.since))
    others = _OTHERS.of(language).format(count=stoppage.others) if stoppage.others else ""
    return f"{began}: {_who(stoppage.blocker, language)}{others}; {_how_many(stoppage, language)}"


_STOPPED = Bilingual("Vendas paradas há {duration}", "Sales stopped for {duration}")
_HELD_BACK = Bilingual("Algumas vendas esperam há {duration}", "Some sales have been waiting for {duration}")
_OTHERS = Bilingual(" (e outros {count})", " (and {count} more)")
_SESSION = Bilingual("a sessão {session}{who} segura {object}", "session {session}{who} holds {object}")
_PREPARED = Bilingual(
    "a transação preparada {session}{who} segura {object}",
    "the prepared transaction {session}{who} holds {object}",
)
_SOMEBODY = Bilingual("outro programa segura {object}", "another program holds {object}")
_TABLE = Bilingual("a tabela {name}", "the table {name}")
_ANYTHING = Bilingual("o banco do ERP", "the ERP's database")
_LOCK = Bilingual("o bloqueio {name}", "the lock {name}")
_PREPARED_PREFIX = "prepared:"


def _who(blocker: Blocker, language: Language) -> str:
    if not blocker.session:
        template = _SOMEBODY
    else:
        template = _PREPARED if blocker.session.startswith(_PREPARED_PREFIX) else _SESSION
    who = ", ".join(part for part in (blocker.user, blocker.program) if part)
    return template.of(language).format(
        session=blocker.session.removeprefix(_PREPARED_PREFIX),
        who=f" ({who})" if who else "",
        object=_object(blocker.object, language),
    )


def _object(name: str, language: Language) -> str:
    if not name:
        return _ANYTHING.of(language)
    return (_LOCK if name.startswith("advisory ") else _TABLE).of(language).format(name=name)


def _how_many(stoppage: Stoppage, language: Language) -> str:
    tills, sales = len(stoppage.tills), stoppage.sales
    said = Bilingual(
        f"{tills} {'caixa' if tills == 1 else 'caixas'}, {sales} {'venda espera' if sales == 1 else 'vendas esperam'}",
        f"{tills} {'till' if tills == 1 else 'tills'}, {sales} {'sale waits' if sales == 1 else 'sales wait'}",
    )
    return said.of(language)


def _duration(seconds: float) -> str:
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
