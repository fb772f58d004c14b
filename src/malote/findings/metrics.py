"""Figures for Prometheus, in its text format: names and meanings stand in docs/metrics.md, and a test compares."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, Engine, func, select

from malote import __version__
from malote.database.engine import reading
from malote.database.tables import document, tally, till
from malote.findings import lights, listing
from malote.findings.kinds import Finding, Light
from malote.findings.till_findings import UNBOOKED
from malote.plain import clean
from malote.spool.states import STATES

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Name → what it says. All are gauges.
METRICS: dict[str, str] = {
    "malote_info": "Always 1; the label says which version runs.",
    "malote_tills": "Tills, by light: outside, stopped, attention, ok, disabled.",
    "malote_documents": "Documents in the spool, by state.",
    "malote_findings": "Findings that stand, by code and light: of a till one for each till.",
    "malote_finding_documents": "Documents, files or numbers of the findings of a code.",
    "malote_finding_value_cents": "What the findings of a code come to, in cents.",
    "malote_finding_oldest_timestamp_seconds": "Since when the oldest finding of a code stands.",
    "malote_unsent_files": "Files that tills captured and have not sent, as they said themselves.",
    "malote_uncaptured_files": "Files that tills see in their folders and have not captured.",
    "malote_oldest_unsent_timestamp_seconds": "When the oldest of them was captured; absent where there is none.",
    "malote_oldest_unbooked_timestamp_seconds": "When the oldest document came that isn't booked; absent where none.",
}

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Sample(msgspec.Struct, frozen=True):
    name: str
    value: float
    labels: Mapping[str, str] = {}


def samples(engine: Engine, now: float) -> list[Sample]:
    """Raises ``StoreError``. Costs what a page of Gerenciamento and a list of all findings cost."""
    seen = lights.tills(engine, lights.TillsQuery(size=1), now=now).lights
    found = listing.findings(engine, now)
    with reading(engine) as connection:
        figures = [*_documents(connection), *_of_tills(connection), *_oldest(connection)]
    return [
        Sample("malote_info", 1, {"version": __version__}),
        *(Sample("malote_tills", count, {"light": light}) for light, count in seen.items()),
        *of_findings(found),
        *figures,
    ]


def text(engine: Engine, now: float) -> str:
    """The page that Prometheus reads. Raises ``StoreError``."""
    by_name: dict[str, list[Sample]] = defaultdict(list)
    for one in samples(engine, now):
        by_name[one.name].append(one)
    lines: list[str] = []
    for name, words in METRICS.items():
        lines += [f"# HELP {name} {words}", f"# TYPE {name} gauge", *map(_line, by_name[name])]
    return "\n".join(lines) + "\n"


def _line(one: Sample) -> str:
    labels = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in one.labels.items())
    return f"{one.name}{{{labels}}} {one.value!r}" if labels else f"{one.name} {one.value!r}"


def of_findings(told: Sequence[Finding]) -> list[Sample]:
    """Tills may tell of any code, and terminals and Prometheus read this: cleaned first, and no line comes twice."""
    found = [msgspec.structs.replace(one, code=clean(one.code)) for one in told]
    counts: Counter[tuple[str, Light]] = Counter((one.code, one.light) for one in found)
    documents: Counter[str] = Counter()
    cents: Counter[str] = Counter()
    ages: dict[str, float] = {}
    for one in found:
        documents[one.code] += one.count
        cents[one.code] += one.value
        if one.since is not None:
            ages[one.code] = min(one.since, ages.get(one.code, one.since))
    return [
        *(Sample("malote_findings", count, {"code": code, "light": light}) for (code, light), count in counts.items()),
        *(Sample("malote_finding_documents", count, {"code": code}) for code, count in documents.items()),
        *(Sample("malote_finding_value_cents", count, {"code": code}) for code, count in cents.items()),
        *(Sample("malote_finding_oldest_timestamp_seconds", at, {"code": code}) for code, at in ages.items()),
    ]


def _documents(connection: Connection) -> list[Sample]:
    rows = connection.execute(select(tally.c.state, func.sum(tally.c.count)).group_by(tally.c.state))
    counts = {state: int(count) for state, count in rows}
    return [Sample("malote_documents", counts.get(state, 0), {"state": state}) for state in STATES]


def _of_tills(connection: Connection) -> list[Sample]:
    enabled = till.c.disabled_at.is_(None)
    columns = (func.coalesce(func.sum(till.c.pending), 0), func.coalesce(func.sum(till.c.uncaptured), 0))
    unsent, uncaptured = connection.execute(select(*columns).where(enabled)).one()
    since = connection.scalar(select(func.min(till.c.unsent_since)).where(enabled, till.c.pending > 0))
    found = [Sample("malote_unsent_files", int(unsent)), Sample("malote_uncaptured_files", int(uncaptured))]
    return found + ([Sample("malote_oldest_unsent_timestamp_seconds", since)] if since is not None else [])


def _oldest(connection: Connection) -> list[Sample]:
    """The first of each state, from an index."""
    firsts = [
        select(document.c.accepted_at).where(document.c.state == state).order_by(document.c.id).limit(1)
        for state in UNBOOKED
    ]
    ages = [at for query in firsts if (at := connection.scalar(query)) is not None]
    return [Sample("malote_oldest_unbooked_timestamp_seconds", min(ages))] if ages else []
