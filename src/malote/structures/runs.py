"""What was applied: every run with its steps, in the store database, so that one that broke off says where."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, insert, select, update

from malote.database.engine import reading, writing
from malote.database.structure_tables import structure_run as runs
from malote.database.structure_tables import structure_step as steps
from malote.schema.definition import Scope
from malote.schema.structure_reports import RunReport, RunState, StepReport, StructureDifference

SILENT_SECONDS = 30.0  # without a sign of life: whoever ran it is gone

_differences = msgspec.json.Decoder(list[StructureDifference])
_facts = msgspec.json.Decoder(dict[str, str])
_step = msgspec.json.Decoder(StepReport)


def begin(connection: Connection, scope: Scope, version: int, who: str, now: float) -> int:
    """A new run's id. Runs of the scope whose makers are gone are noted as interrupted."""
    gone = (runs.c.scope == scope) & (runs.c.state == "running") & (runs.c.beat_at < now - SILENT_SECONDS)
    connection.execute(update(runs).where(gone).values(state="interrupted", finished_at=runs.c.beat_at))
    values = {
        "scope": scope,
        "version": version,
        "asked_by": who,
        "started_at": now,
        "beat_at": now,
        "state": "running",
        "refused": "[]",
        "replayed": 0,
        "code": "",
        "facts": "{}",
    }
    return int(connection.execute(insert(runs).values(values).returning(runs.c.id)).scalar_one())


def planned(engine: Engine, report: RunReport) -> None:
    """Keeps the steps before the first of them runs."""
    with writing(engine) as connection:
        connection.execute(update(runs).where(runs.c.id == report.id).values(refused=_json(report.refused)))
        if report.steps:
            connection.execute(
                insert(steps),
                [{"run_id": report.id, "number": one.step.number, "report": _json(one)} for one in report.steps],
            )


def stepped(engine: Engine, run_id: int, changed: Sequence[StepReport], now: float) -> None:
    with writing(engine) as connection:
        for one in changed:
            mine = (steps.c.run_id == run_id) & (steps.c.number == one.step.number)
            connection.execute(update(steps).where(mine).values(report=_json(one)))
        connection.execute(update(runs).where(runs.c.id == run_id).values(beat_at=now))


def beat(engine: Engine, run_id: int, now: float) -> None:
    """A sign of life."""
    with writing(engine) as connection:
        connection.execute(update(runs).where(runs.c.id == run_id).values(beat_at=now))


def finish(connection: Connection, report: RunReport) -> None:
    values = {
        "state": report.state,
        "finished_at": report.finished_at,
        "refused": _json(report.refused),
        "replayed": report.replayed,
        "code": report.code,
        "facts": _json(report.facts),
    }
    connection.execute(update(runs).where(runs.c.id == report.id).values(values))


def find(engine: Engine, run_id: int, now: float) -> RunReport | None:
    return _one(engine, runs.c.id == run_id, now)


def newest(engine: Engine, scope: Scope, now: float) -> RunReport | None:
    return _one(engine, runs.c.scope == scope, now)


def _one(engine: Engine, chosen: Any, now: float) -> RunReport | None:
    with reading(engine) as connection:
        row = connection.execute(select(runs).where(chosen).order_by(runs.c.id.desc()).limit(1)).one_or_none()
        if row is None:
            return None
        found = connection.scalars(select(steps.c.report).where(steps.c.run_id == row.id).order_by(steps.c.number))
        reports = [_step.decode(text) for text in found]
    return RunReport(
        id=row.id,
        scope=row.scope,
        asked_by=row.asked_by,
        started_at=row.started_at,
        finished_at=row.finished_at,
        state=_state(row, now),
        steps=reports,
        refused=_differences.decode(row.refused),
        replayed=row.replayed,
        code=row.code,
        facts=_facts.decode(row.facts),
    )


def _state(row: Any, now: float) -> RunState:
    silent = row.state == "running" and row.beat_at < now - SILENT_SECONDS
    return "interrupted" if silent else row.state


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
