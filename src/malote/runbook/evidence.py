"""One zip that says what was wrong, for whoever is called: without consumers' data and without secrets.

What goes in is chosen by name and by form (``redaction``), never by what was found to leave out. ``situation.json`` is
all that the procedure is decided by: whoever gets the file decides again, and sees the same (``evidence_reading``).
"""

import hashlib
import io
import platform
import sys
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select

from malote import __version__, rejection
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.bilingual import Bilingual, filled
from malote.business_day import business_day
from malote.database.engine import reading, writing
from malote.database.tables import tally, till
from malote.erp_engines import ENGINES
from malote.findings import listing
from malote.locks.episode_ranking import ranked
from malote.locks.lock_reports import Tree
from malote.rejection import Language
from malote.runbook import redaction, settings_summary, step_texts
from malote.runbook.next_step import Procedure, RunbookStep, decide
from malote.runbook.observations import Cause, Marks, Situation
from malote.runbook.runbook_service import Runbook, View
from malote.schema.definition import Scope, StructureError
from malote.tills.clocks import store_clock

FORMAT = 1
MOST_LINES = 4000  # of logs
MOST_TILLS = 20_000
MOST_EPISODES = 500
LONGEST_LINE = 20_000  # bytes of a log's line
_LIBRARIES = ("sqlalchemy", *(one.driver for one in ENGINES), "litestar", "uvicorn", "msgspec", "lxml")
_DATABASES: tuple[Scope, ...] = ("store", "erp")


def make(
    runbook: Runbook,
    view: View,
    logs: Iterable[Mapping[str, Any]],
    language: Language,
    actor: Actor,
    tree: Tree | None = None,
) -> bytes:
    """The zip. It stands in the audit trail that it was made. ``tree``: of who blocks whom, where a DBA is signed in.

    Raises ``StoreError``.
    """
    parts = runbook.parts
    # The steps are told of what is left, so that nothing of theirs says more.
    seen = msgspec.convert(redaction.everywhere(view.seen), Situation)
    marks = msgspec.convert(redaction.everywhere(view.case.marks), Marks) if view.case else None
    procedure = decide(seen, marks)
    logged = redaction.lines(list(logs)[-MOST_LINES:])
    found: dict[str, Any] = {
        "situation.json": seen,
        "marks.json": marks,
        "procedure.json": procedure,
        "findings.json": redaction.everywhere(listing.findings(parts.engine, view.seen.at)),
        "counts.json": _counts(runbook, view.seen.scope),
        "drift.json": {scope: _drift(runbook, scope) for scope in _DATABASES},
        "locks.json": {"stoppage": redaction.everywhere(parts.locks.stoppage()), "tree": _nodes(tree)},
        "lock_episodes.json": _episodes(runbook),
        "structures.json": redaction.everywhere({"rollout": parts.structures.rollout(), "runs": _runs(runbook)}),
        "versions.json": _versions(),
        "settings.json": settings_summary.told(parts.settings),
        "log.json": logged,
        "timings.json": view.seen.timings,
    }
    with writing(parts.engine) as connection:
        audit.record(connection, actor, "evidence_made", f"till:{view.seen.scope}" if view.seen.scope else "server")
    return _zipped(_summary(seen, procedure, language, _moment(runbook, seen.at)), found)


def name_of(runbook: Runbook, view: View) -> str:
    """A file's name that says of what and when. Raises ``StoreError``."""
    at = _moment(runbook, view.seen.at)
    return f"evidencias-{view.seen.scope or 'servidor'}-{at:%Y%m%d-%H%M%S}.zip"


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The newest lines of a log that are JSON objects; whatever else stands there stays. Raises ``OSError``."""
    with path.open("rb") as file:
        file.seek(0, io.SEEK_END)
        file.seek(max(0, file.tell() - MOST_LINES * 400))
        found = file.read(MOST_LINES * 400)
    return [one for line in found.splitlines()[-MOST_LINES:] if (one := _event(line)) is not None]


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        decoded = msgspec.json.decode(line[:LONGEST_LINE])
    except (msgspec.DecodeError, ValueError):
        return None
    return decoded if isinstance(decoded, dict) else None


# ---- what goes in ----


def _moment(runbook: Runbook, at: float) -> datetime:
    """By the store's clock."""
    parts = runbook.parts
    zone = store_clock(parts.engine, business_day(parts.settings.books).zone)
    return datetime.fromtimestamp(at, UTC).astimezone(zone)


def _summary(seen: Situation, procedure: Procedure, language: Language, moment: datetime) -> str:
    """What a person reads first."""
    at = moment.isoformat(timespec="seconds")
    where = seen.scope or Bilingual("todos os caixas", "all tills").of(language)
    lines = [f"Malote {__version__} · {where} · {at}", "", step_texts.verdict(procedure, language), ""]
    lines += procedure_lines(procedure, language)
    labels = ("tills", "at the tills", "pending", "waiting", "rejected", "booked")
    counts = (seen.tills, seen.at_till, seen.pending, seen.waiting, seen.rejected, seen.posted)
    told = zip(
        Bilingual(("caixas", "nos caixas", "pendentes", "em espera", "rejeitadas", "lançadas"), labels).of(language),
        counts,
        strict=True,
    )
    lines += ["", ", ".join(f"{name}: {count}" for name, count in told), ""]
    lines += [f"- {step_texts.cause(one, language)}{_how_many(one, language)} [{one.code}]" for one in seen.causes]
    return "\n".join([*lines, ""])


def _how_many(one: Cause, language: Language) -> str:
    """Of what there is more than one: what is counted depends on the cause."""
    if one.count > 1:
        return filled(Bilingual(", {count:vez|vezes}", ", {count:time|times}").of(language), count=one.count)
    words = Bilingual(", {count:caixa|caixas}", ", {count:till|tills}").of(language)
    return filled(words, count=one.tills) if one.tills > 1 else ""


def procedure_lines(procedure: Procedure, language: Language) -> list[str]:
    """Each step with what it says, free of what may not leave."""
    found = []
    for number, step in enumerate(procedure.steps, 1):
        clean = msgspec.structs.replace(step, facts=redaction.facts(step.facts))
        title, state = step_texts.title(step.name, language), step_texts.state(step.state, language)
        words = step_texts.said(clean, language)
        found.append(f"{number}. {title} ({state}): {words}")
        if step.state in ("now", "handed"):
            found += [f"   - {one}" for one in _spoken_of(step, language)]
    return found


def _spoken_of(step: RunbookStep, language: Language) -> list[str]:
    """The causes that a step's sentence leads to: on a screen they stand below it."""
    if step.groups:
        one = step.groups[0]
        return [f"{rejection.title(one.code, language)} [{one.code}]"]
    return [f"{step_texts.cause(one, language)} [{one.code}]" for one in step.causes]


def _counts(runbook: Runbook, scope: str) -> list[dict[str, Any]]:
    query = (
        select(till.c.name, tally.c.state, tally.c.reason_code, tally.c.count, tally.c.total)
        .join(till, till.c.id == tally.c.till_id)
        .where(tally.c.count > 0)
        .order_by(till.c.name_key, tally.c.state, tally.c.reason_code)
        .limit(MOST_TILLS)
    )
    if scope:
        query = query.where(till.c.name_key == scope.lower())
    with reading(runbook.parts.engine) as connection:
        rows = connection.execute(query).all()
    names = ("till", "state", "reason", "count", "cents")
    return [redaction.everywhere(dict(zip(names, row, strict=True))) for row in rows]


def _drift(runbook: Runbook, scope: Scope) -> Any:
    try:
        drift = runbook.parts.drift(scope)
    except StructureError as error:
        return {"code": error.code}
    kept = ("severity", "what", "table", "name", "code")
    differences = [{name: getattr(one, name) for name in kept} for one in drift.differences]
    return redaction.everywhere({"engine": drift.engine, "version": drift.version, "differences": differences})


def _nodes(tree: Tree | None) -> Any:
    """Without what the sessions run, whose texts may hold people's data."""
    if tree is None:
        return None
    nodes = [
        {
            "session": one.identity.key,
            "depth": one.depth,
            "root": one.root,
            "state": one.session.state,
            "transaction_seconds": one.session.transaction_age,
            "lock": one.session.lock_type,
            "objects": one.session.objects,
            "waiters": one.waiters,
            "tills": len(one.behind.tills),
            "sales": one.behind.sales,
        }
        for one in tree.nodes
    ]
    return redaction.everywhere(nodes)


def _episodes(runbook: Runbook) -> Any:
    """Who held sales up before, and how far the automatic measure may go; its words are the settings'."""
    found, rule = runbook.parts.locks.episodes(), runbook.parts.locks.rule()
    state = {"state": rule.state, "since": rule.since, "sessions": rule.sessions, "saved_seconds": rule.saved_seconds}
    kept = [msgspec.structs.replace(one, chosen_by="") for one in found[:MOST_EPISODES]]
    return redaction.everywhere({"roots": ranked(found)[:MOST_EPISODES], "episodes": kept}) | {"rule": state}


def _runs(runbook: Runbook) -> list[Any]:
    found = [runbook.parts.structures.last_run(scope) for scope in _DATABASES]
    return [{"scope": one.scope, "state": one.state, "code": one.code, "done": one.done} for one in found if one]


def _versions() -> dict[str, str]:
    found = {"malote": __version__, "python": platform.python_version(), "system": sys.platform}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = ""
    return found


def _zipped(summary: str, found: Mapping[str, Any]) -> bytes:
    contents = {"LEIAME.txt": summary.encode()}
    contents |= {name: msgspec.json.format(msgspec.json.encode(value), indent=1) for name, value in found.items()}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    manifest = {"format": FORMAT, "malote": __version__, "files": hashes}
    contents["manifest.json"] = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return target.getvalue()
