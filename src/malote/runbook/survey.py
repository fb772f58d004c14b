"""Looks at everything the procedure is decided by, and changes nothing; what can't be looked at says so."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import Engine

from malote import __version__, rejection
from malote.config import Settings
from malote.database.engine import reading
from malote.findings import lights, listing
from malote.findings.kinds import Finding
from malote.locks.lock_service import Locks
from malote.quarantine.quarantine_service import Quarantine
from malote.quarantine.synchronising import Synchronisation
from malote.runbook import document_counts, rejection_advice
from malote.runbook.observations import (
    MOST_NAMED,
    Cause,
    Marks,
    ObservedLock,
    ObservedStructure,
    OrdersUnderWay,
    Situation,
)
from malote.schema.definition import Scope, StructureError
from malote.schema.structure_reports import Drift, StructureDifference
from malote.setup.server_check import disk
from malote.structures.structure_service import Structures
from malote.tills.till import Till

_DATABASES: tuple[Scope, ...] = ("store", "erp")
MOST_LATE = 50  # synchronisations under way whose end is looked for at one look


class SurveyParts(msgspec.Struct, frozen=True):
    """What is asked. ``drift`` may answer as of a moment ago."""

    engine: Engine
    settings: Settings
    quarantine: Quarantine
    synchronisation: Synchronisation
    structures: Structures
    locks: Locks
    drift: Callable[[Scope], Drift]
    clock: Callable[[], float] = time.time


def see(parts: SurveyParts, till: Till | None, marks: Marks | None) -> Situation:
    """Of a till, or of all. Raises ``StoreError``."""
    now, timings = parts.clock(), dict[str, float]()
    till_id = till.id if till else None
    with _timed(timings, "findings"):
        found = _findings(parts, till, now)
    with _timed(timings, "figures"), reading(parts.engine) as connection:
        seen = document_counts.figures(connection, till_id)
        quiet = document_counts.quiet(connection, till_id, now)
        listening = document_counts.listening(connection, till_id, now)
        orders = document_counts.orders_since(connection, till_id, marks.orders) if marks else []
    with _timed(timings, "rejected"):
        groups = rejection_advice.groups(parts.quarantine, till_id) if seen.rejected else []
    with _timed(timings, "locks"):
        lock = _lock(parts, till)
    with _timed(timings, "structures"):
        structures = [*(_database(parts, scope) for scope in _DATABASES), _tills(parts, till)]
    own = _in_its_words(parts.engine, _named_refusals(parts.engine, _gathered(found)))
    causes = [
        *_with_examples(parts.engine, own, till_id),
        *_unheard(quiet, found),
        *_of_the_server(parts, seen.versions, till),
    ]
    return Situation(
        at=now,
        scope=till.name if till else "",
        disabled=till is not None and till.disabled_at is not None,
        causes=_disabled(till) + _once(causes),
        groups=groups,
        structures=structures,
        lock=lock,
        order=_order(parts, orders, till),
        listening=listening,
        server_version=__version__,
        timings={name: round(seconds, 3) for name, seconds in timings.items()},
        **msgspec.structs.asdict(seen),
    )


@contextmanager
def _timed(timings: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        timings[name] = time.perf_counter() - began


# ---- causes ----


def _findings(parts: SurveyParts, till: Till | None, now: float) -> Sequence[Finding]:
    if till is None:
        return listing.findings(parts.engine, now)
    overview = lights.till_overview(parts.engine, till.name, now=now)
    return overview.findings if overview else []


def _gathered(found: Iterable[Finding]) -> list[Cause]:
    """One for each kind and code, the heaviest first."""
    causes: dict[tuple[str, str], Cause] = {}
    weights: dict[tuple[str, str], int] = {}
    for one in found:
        key = (one.name, one.code)
        weights[key] = one.weight
        causes[key] = _with(causes.get(key), one)
    return [causes[key] for key in sorted(causes, key=lambda key: (-weights[key], key[1]))]


def _named_refusals(engine: Engine, causes: list[Cause]) -> list[Cause]:
    """What a till could not read by its own name for it, such as a folder that isn't there, where that is one thing."""
    found = []
    for one in causes:
        files = lights.refused_files(engine, one.named[0]) if one.name == "refused" and one.named else []
        codes = {file.code for file in files}
        alone = next(iter(codes)) if len(codes) == 1 else ""
        known = alone in rejection.catalogue()
        found.append(msgspec.structs.replace(one, code=alone) if known else one)
    return found


def _in_its_words(engine: Engine, causes: list[Cause]) -> list[Cause]:
    """What the ERP said of what everything waits for, where no finding has it: as the newest that waits was told."""
    found = []
    for one in causes:
        facts = one.facts
        if one.name in ("store_wide", "erp_stopped") and not facts:
            with reading(engine) as connection:
                facts = document_counts.newest_facts(connection, one.code)
        found.append(msgspec.structs.replace(one, facts=facts))
    return found


def _with_examples(engine: Engine, causes: list[Cause], till_id: int | None) -> Iterator[Cause]:
    """With a document that waits for it, where the catalogue names what a person may press for one."""
    for one in causes:
        if not rejection.entry(one.code).actions:
            yield one
            continue
        with reading(engine) as connection:
            yield msgspec.structs.replace(one, example=document_counts.example(connection, one.code, till_id))


def _with(known: Cause | None, one: Finding) -> Cause:
    if known is None:
        named = [one.till] if one.till else []
        return Cause(one.name, one.code, len(named), named, one.count, one.value, one.since, one.facts)
    since = min((at for at in (known.since, one.since) if at is not None), default=None)
    named = [*known.named, one.till] if len(known.named) < MOST_NAMED else known.named
    return msgspec.structs.replace(
        known,
        tills=known.tills + 1,
        named=named,
        count=known.count + one.count,
        value=known.value + one.value,
        since=since,
    )


def _once(causes: list[Cause]) -> list[Cause]:
    """What holds for the whole server is told once, with the tills that were found to have it."""
    whole = {one.code: one for one in causes if not one.tills}
    at_tills = {one.code: one for one in causes if one.tills and one.code in whole}
    found = []
    for one in causes:
        own = at_tills.get(one.code)
        if own is None:
            found.append(one)
        elif one is whole[one.code]:
            count, value = max(one.count, own.count), max(one.value, own.value)
            found.append(msgspec.structs.replace(one, tills=own.tills, named=own.named, count=count, value=value))
    return found


def _unheard(quiet: Sequence[Cause], found: Sequence[Finding]) -> Iterator[Cause]:
    """Those of which the lights don't tell the same already."""
    told = {one.till for one in found if one.name in ("silent", "cut_off", "never")}
    for cause in quiet:
        if cause.name == "token" or not set(cause.named) <= told:
            yield cause


def _of_the_server(parts: SurveyParts, versions: dict[str, int], till: Till | None) -> Iterator[Cause]:
    looked = disk(shutil.disk_usage(parts.settings.home_path).free, parts.settings.home_path)
    if looked.code:
        yield Cause("disk", looked.code, facts=looked.facts)
    others = {version: count for version, count in versions.items() if version != __version__}
    if others:
        facts = {"server": __version__, "agents": ", ".join(sorted(others)[:MOST_NAMED])}
        named = [till.name] if till else []
        yield Cause("versions", "agent_version_differs", sum(others.values()), named, facts=facts)


def _disabled(till: Till | None) -> list[Cause]:
    if till is None or till.disabled_at is None:
        return []
    return [Cause("disabled", "till_disabled", 1, [till.name], since=till.disabled_at)]


# ---- synchronisation, locks, structures ----


def _order(parts: SurveyParts, rows: Sequence[Any], till: Till | None) -> OrdersUnderWay | None:
    if not rows:
        return None
    late = [row for row in rows if row.ended_at is None]
    progress = {row.name: parts.synchronisation.progress(row.id) for row in late[:MOST_LATE]}
    still = [row for row in late if (one := progress.get(row.name)) is None or one.stage not in ("done", "replaced")]
    now = parts.clock()
    silent = [row.name for row in still if (row.last_contact_at or now) < now - document_counts.QUIET_SECONDS]
    last = parts.synchronisation.progress(rows[-1].id) if till is not None else None
    return OrdersUnderWay(min(row.asked_at for row in rows), len(rows), len(still), last.sent if last else 0, silent)


def _lock(parts: SurveyParts, till: Till | None) -> ObservedLock | None:
    stoppage = parts.locks.stoppage()
    if stoppage is None or (till is not None and not stoppage.whole and till.name not in stoppage.tills):
        return None
    one = stoppage.blocker
    counts = (stoppage.others, len(stoppage.tills), stoppage.sales, stoppage.whole, stoppage.witnessed)
    return ObservedLock(stoppage.since, one.session, one.user, one.program, one.object, *counts)


def are_sales_gone(parts: SurveyParts) -> bool:
    """Whether the ERP lacks a table that held sales of this server. Raises ``StoreError``."""
    return _database(parts, "erp").state == "gone"


def _database(parts: SurveyParts, scope: Scope) -> ObservedStructure:
    run = parts.structures.last_run(scope)
    if run is not None and run.state == "running":
        return ObservedStructure(scope, "running", len(run.steps) - run.done)
    try:
        drift = parts.drift(scope)
    except StructureError as error:
        return ObservedStructure(scope, "unknown", code=error.code, facts=error.facts)
    missing = [one for one in drift.differences if one.severity == "missing"]
    conflicts = [one for one in drift.differences if one.severity == "conflict"]
    gone = _gone(parts, scope, missing)
    if gone:
        return ObservedStructure(scope, "gone", len(gone), _named(gone), "structure_sales_gone")
    if missing:
        return ObservedStructure(scope, "behind", len(missing), _named(missing))
    if conflicts:
        first = conflicts[0]
        return ObservedStructure(scope, "conflict", len(conflicts), _named(conflicts), first.code, first.facts)
    return ObservedStructure(scope, "current")


def _gone(parts: SurveyParts, scope: Scope, missing: Sequence[StructureDifference]) -> list[StructureDifference]:
    """The ERP's tables that are absent though this server booked into them: no version of Malote added a table to its
    own (``erp_of_2025``), and where the ERP's design is another's, only the ledger is a step of the plan."""
    tables = [one for one in missing if one.what == "table"]
    if scope != "erp" or not tables:
        return []
    with reading(parts.engine) as connection:
        return tables if document_counts.is_anything_booked(connection) else []


def _named(differences: Sequence[Any]) -> list[str]:
    names = [one.table if one.what == "table" else f"{one.table}.{one.name}" for one in differences]
    return list(dict.fromkeys(names))[:MOST_NAMED]


def _tills(parts: SurveyParts, till: Till | None) -> ObservedStructure:
    if till is not None and till.disabled_at is not None:
        return ObservedStructure("till", "current")
    behind = [one.till for one in parts.structures.tills([till.name] if till else None) if one.current is False]
    if not behind:
        return ObservedStructure("till", "current")
    rollout = parts.structures.rollout()
    if rollout is not None and rollout.state == "stopped":
        return ObservedStructure(
            "till", "failed", len(behind), behind[:MOST_NAMED], rollout.code, {"till": rollout.stopped_by}
        )
    state = "running" if rollout is not None and rollout.state == "running" else "behind"
    return ObservedStructure("till", state, len(behind), behind[:MOST_NAMED])  # type: ignore[arg-type]
