"""Sincronizar: the till sends again what is not proven, the server tries again what waits or may be cured now."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import Connection, Engine

from malote import rejection
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.bilingual import Bilingual
from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.orders import book
from malote.orders.kinds import Placing
from malote.quarantine import candidates
from malote.quarantine import synchronise_orders as orders
from malote.quarantine.job_reports import Settled
from malote.quarantine.quarantine_reports import Refused, SyncOrder, SyncProgress, SyncStage
from malote.quarantine.synchronise_orders import KIND, SynchroniseOrderNote, Synchronising
from malote.register import replaying
from malote.register.replaying import Judge
from malote.rejection import Language
from malote.spool import wake_waiting
from malote.spool.state_changes import LockedDocument
from malote.tills.till import Till, TillError, find_till, list_tills

OFFLINE_SECONDS = 120.0  # without a sign of life: a till that is there gives one every few seconds


class _Plan(msgspec.Struct, frozen=True):
    """What an order finds to do for one till on the server."""

    till: Till
    posted: int
    waiting: int
    curable: list[int]


class Synchronisation:
    """Safe for threads. Every method raises ``StoreError``."""

    def __init__(self, engine: Engine, judge: Judge, clock: Callable[[], float] = time.time) -> None:
        """``judge`` reads and judges a file as at its arrival."""
        self._engine = engine
        self._judge = judge
        self._clock = clock

    def order(self, tills: Sequence[str] | None, actor: Actor, *, dry_run: bool = False) -> list[SyncOrder]:
        """Synchronises these tills, or all that are enabled where ``tills`` is None. Raises ``TillError``."""
        chosen = self._chosen(tills)
        done: list[SyncOrder] = []
        for some in chunks(chosen):
            plans = self._plans(some)
            done += self._foreseen(plans, actor) if dry_run else self._place(plans, actor)
        return done

    def after_restore(self) -> int:
        """Where a backup took this server's place: synchronises each till that was not since, how many. They let go of
        what an earlier server proved to them, of which this one knows nothing; the ERP's ledger knows it. Doing it
        again does nothing."""
        restored = audit.entries(self._engine, limit=1, action=audit.RESTORED)
        if not restored:
            return 0
        since = orders.asked_since(self._engine, restored[0].at)
        behind = [till.name for till in self._chosen(None) if till.id not in since]
        return len(self.order(behind, audit.SYSTEM)) if behind else 0

    def size(self, tills: Sequence[str] | None) -> int:
        """How much an order for these tills is: tills, or documents to be tried again, whichever are more.

        Raises ``TillError``.
        """
        chosen = self._chosen(tills)
        with reading(self._engine) as connection:
            totals = [orders.totals(connection, [till.id for till in some]) for some in chunks(chosen)]
        rejected = sum(sum(states.get("rejected", {}).values()) for each in totals for states in each.values())
        return max(len(chosen), rejected)

    def chosen(self, tills: Sequence[str] | None) -> list[Till]:
        """These tills, or all that are enabled. Raises ``TillError``."""
        return self._chosen(tills)

    def order_listed(self, till_ids: Sequence[int], actor: Actor, settled: Settled) -> None:
        """Synchronises these, as far as they are enabled still; ``settled`` hears of each in the transaction that
        does it."""
        known = {till.id: till for till in list_tills(self._engine)}
        there = [known[one] for one in till_ids if one in known and known[one].disabled_at is None]
        refused = [
            Refused(
                one,
                "till_disabled" if one in known else "till_unknown",
                {"till": known[one].name} if one in known else {},
            )
            for one in till_ids
            if one not in {till.id for till in there}
        ]
        self._place(
            self._plans(there), actor, lambda connection: settled(connection, [one.id for one in there], refused)
        )

    def progress(self, order_id: int) -> SyncProgress | None:
        """None where there is no such order."""
        return self._progress(orders.find(self._engine, order_id))

    def latest(self, till: str) -> SyncProgress | None:
        """Of the till's newest order; None where there never was one."""
        return self._progress(orders.newest(self._engine, till))

    def _chosen(self, names: Sequence[str] | None) -> list[Till]:
        if names is None:
            return [till for till in list_tills(self._engine) if till.disabled_at is None]
        found = {till.id: till for till in (find_till(self._engine, name) for name in names)}
        for till in found.values():
            if till.disabled_at is not None:
                raise TillError("till_disabled", till.name)
        return list(found.values())

    def _plans(self, tills: Sequence[Till]) -> list[_Plan]:
        with reading(self._engine) as connection:
            totals = orders.totals(connection, [till.id for till in tills])
            return [
                _Plan(
                    till=till,
                    posted=sum(totals[till.id].get("posted", {}).values()),
                    waiting=sum(totals[till.id].get("waiting", {}).values()),
                    # Nearly always a till has nothing rejected, which its tallies tell.
                    curable=candidates.curable(connection, till.id) if totals[till.id].get("rejected") else [],
                )
                for till in tills
            ]

    def _foreseen(self, plans: Sequence[_Plan], actor: Actor) -> list[SyncOrder]:
        now = self._clock()
        return [SyncOrder(0, one.till.name, actor.name, now, one.waiting, len(one.curable)) for one in plans]

    def _place(
        self, plans: Sequence[_Plan], actor: Actor, settled: Callable[[Connection], None] | None = None
    ) -> list[SyncOrder]:
        now = self._clock()
        replayed = self._replay(plans, actor, now)
        with writing(self._engine) as connection:
            noted = [
                SynchroniseOrderNote(
                    posted_before=one.posted,
                    retried=wake_waiting.retry(connection, one.till.id, now) if one.waiting else 0,
                    replayed=replayed[one.till.id],
                )
                for one in plans
            ]
            placings = [
                Placing(plan.till.id, note=msgspec.json.encode(one).decode())
                for plan, one in zip(plans, noted, strict=True)
            ]
            ids = book.place(connection, KIND, placings, who=actor.name, now=now)
            placed = [
                SyncOrder(order_id, plan.till.name, actor.name, now, one.retried, one.replayed)
                for order_id, plan, one in zip(ids, plans, noted, strict=True)
            ]
            if settled is not None:
                settled(connection)
            for one in placed:
                after = {"order": one.id, "retried": one.retried, "replayed": one.replayed}
                audit.record(connection, actor, "till_synchronised", f"till:{one.till}", after=after, now=now)
        return placed

    def _replay(self, plans: Sequence[_Plan], actor: Actor, now: float) -> Counter[int]:
        """Puts the curable ones back in the queue; how many of each till went."""
        gone: Counter[int] = Counter()

        def note(_: Connection, standings: Sequence[LockedDocument]) -> None:
            gone.update(one.till_id for one in standings)

        curable = [document_id for one in plans for document_id in one.curable]
        if curable:
            replaying.replay(self._engine, curable, self._judge, who=actor.name, now=now, note=note)
        return gone

    def _progress(self, found: Synchronising | None) -> SyncProgress | None:
        if found is None:
            return None
        return _progress(orders.finished(self._engine, found, self._clock()), self._clock())


def words(progress: SyncProgress, language: Language) -> str:
    """The result as a sentence: "312 enviadas, 2 rejeitadas: produto sem cadastro"."""
    parts = [_counted(progress.sent, *Bilingual(("enviada", "enviadas"), ("sent", "sent")).of(language))]
    if progress.rejected:
        rejected = sum(progress.rejected.values())
        name = _counted(rejected, *Bilingual(("rejeitada", "rejeitadas"), ("rejected", "rejected")).of(language))
        parts.append(f"{name}: {_reasons(progress.rejected, language)}")
    if progress.waiting:
        name = f"{sum(progress.waiting.values())} {Bilingual('em espera', 'waiting').of(language)}"
        parts.append(f"{name}: {_reasons(progress.waiting, language)}")
    if progress.stage != "done" and progress.pending + progress.at_till:
        parts.append(f"{progress.pending + progress.at_till} {Bilingual('a caminho', 'on their way').of(language)}")
    separator = "; " if len(parts) > 2 else ", "
    return separator.join(parts)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _reasons(counts: dict[str, int], language: Language) -> str:
    """The reasons' titles, the most frequent first; with their counts where there are several."""
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    titles = [(_uncapitalised(rejection.title(code, language)), count) for code, count in ordered]
    if len(titles) == 1:
        return titles[0][0]
    return ", ".join(f"{title} ({count})" for title, count in titles)


def _uncapitalised(title: str) -> str:
    """Within a sentence; an abbreviation stays what it is."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def _progress(found: Synchronising, now: float) -> SyncProgress:
    order, counts, noted = found.order, found.counts, found.noted
    rejected = sum(counts.rejected.values())
    under_way = counts.pending + sum(counts.waiting.values()) + counts.at_till
    contact = found.last_contact_at
    return SyncProgress(
        order=SyncOrder(order.id, found.till, order.asked_by, order.asked_at, noted.retried, noted.replayed),
        stage=_stage(found),
        agent=contact is not None,
        offline_since=contact if contact is not None and contact < now - OFFLINE_SECONDS else None,
        picked_up_at=order.obeyed_at,
        done_at=order.ended_at,
        total=counts.sent + rejected + under_way,
        done=counts.sent + rejected,
        sent=counts.sent,
        rejected=counts.rejected,
        waiting=counts.waiting,
        pending=counts.pending,
        at_till=counts.at_till,
    )


def _stage(found: Synchronising) -> SyncStage:
    if found.order.ended_at is not None:
        return "done" if found.order.state == "done" else "replaced"
    return "running" if found.order.obeyed_at is not None or found.last_contact_at is None else "offered"
