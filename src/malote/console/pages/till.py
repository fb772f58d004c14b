"""Detalhamento: one till, tab by tab."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec
from litestar import Response, get
from litestar.params import FromPath

from malote.accounts.audit import AuditEntry
from malote.console.console_services import ConsoleServices
from malote.console.pages import load_manager, numbering, reconciliation, till_loads
from malote.console.rendering import answer_shared
from malote.console.visits import ConsoleRequest, PageRefusedError, parameters, services_of, whole
from malote.findings.lights import TillOverview
from malote.quarantine.job_reports import Job
from malote.quarantine.quarantine_reports import HistoryEvent, SyncProgress
from malote.quarantine.quarantine_service import event
from malote.register.documents import StoredDocument
from malote.register.listing import MOST_WALKED, DocumentsQuery
from malote.spool.states import OPEN, State

Tab = Literal[
    "pending", "sent", "kept", "rejected", "trash", "numbering", "reconciliation", "loads", "structure", "history"
]
TABS: tuple[Tab, ...] = get_args(Tab)

LONGEST_SEARCH = 60
IN_A_GROUP = 10  # documents of one cause, while all causes are shown
NEWS_SECONDS = 900.0  # how long the result of a synchronisation is news
MOST_TOLD = 20  # documents named above the tabs


class CauseGroup(msgspec.Struct, frozen=True):
    """Rejected documents of one cause."""

    code: str
    count: int
    documents: list[StoredDocument]


class Happened(msgspec.Struct, frozen=True):
    """A line of a document's history, or an entry of the audit trail."""

    at: float  # seconds since the epoch
    event: HistoryEvent | None
    document: StoredDocument | None
    entry: AuditEntry | None


def context(services: ConsoleServices, name: str, tab: Tab, given: Mapping[str, str]) -> dict[str, Any]:
    """Raises ``PageRefusedError`` where there is no such till."""
    till = known(services, name)
    shown: dict[str, Any] = {
        "section": "tills",
        "till": till,
        "tab": tab,
        "tabs": TABS,
        "progress": _news(services, till.name),
        "flagged": services.documents.flagged(till.name)[:MOST_TOLD] if till.flagged else [],
        "overdue": services.documents.overdue(till.name)[:MOST_TOLD] if till.overdue else [],
        "jobs": _jobs(services, till.name),
        "lost": services.books.lost(till.name)[:MOST_TOLD] if _lost_any(till) else [],
    }
    match tab:
        case "pending":
            listed = _listed(services, till.name, tuple(sorted(OPEN)), given)
            return shown | listed | {"refused": services.tills.refused(till.name)}
        case "sent":
            return shown | _listed(services, till.name, ("posted",), given)
        case "kept":
            return shown | _listed(services, till.name, ("kept",), given)
        case "rejected":
            return shown | _rejected(services, till.name, given)
        case "trash":
            before = whole(given.get("before"), 0) or None
            at = services.now()
            return shown | {"page": services.quarantine.trash(till.name, before=before), "before": before, "until": at}
        case "numbering":
            return shown | numbering.context(services, till.name, given)
        case "reconciliation":
            return shown | reconciliation.of_till(services, till.name, given)
        case "loads":
            return shown | till_loads.of_till(services, till.name)
        case "structure":
            return shown | load_manager.structure_of(services, till.name)
        case "history":
            return shown | {"happenings": _happenings(services, till.name)}


def _lost_any(till: TillOverview) -> bool:
    return any(one.name == "lost" for one in till.findings)


def known(services: ConsoleServices, name: str) -> TillOverview:
    """Raises ``PageRefusedError`` where there is no such till."""
    till = services.tills.find(name)
    if till is None:
        raise PageRefusedError("page_unknown", 404)
    return till


def tab_of(name: str) -> Tab | None:
    return next((tab for tab in TABS if tab == name), None)


@get("/tills/{name:str}", sync_to_thread=True)
def show(request: ConsoleRequest, name: FromPath[str]) -> Response[str] | Response[bytes]:
    return _answer(request, name, "pending")


@get("/tills/{name:str}/{tab:str}", sync_to_thread=True)
def show_tab(request: ConsoleRequest, name: FromPath[str], tab: FromPath[str]) -> Response[str] | Response[bytes]:
    chosen = tab_of(tab)
    if chosen is None:
        raise PageRefusedError("page_unknown", 404)
    return _answer(request, name, chosen)


def _answer(request: ConsoleRequest, name: str, tab: Tab) -> Response[str] | Response[bytes]:
    return answer_shared(request, "till", lambda: context(services_of(request), name, tab, parameters(request)))


def _news(services: ConsoleServices, name: str) -> SyncProgress | None:
    """The till's newest synchronisation while somebody may be waiting for it."""
    progress = services.synchronisation.latest(name)
    if progress is None or progress.stage == "replaced":
        return None
    old = progress.done_at is not None and services.now() - progress.done_at > NEWS_SECONDS
    return None if old else progress


def _jobs(services: ConsoleServices, name: str) -> list[Job]:
    """What goes on with the till's documents, and what ended a moment ago."""
    since = services.now() - NEWS_SECONDS
    return [one for one in services.jobs.recent(name, 3) if one.finished_at is None or one.finished_at > since]


def _happenings(services: ConsoleServices, name: str) -> list[Happened]:
    """What happened to the till's documents, and what people did with the till itself; the newest first."""
    found = [Happened(one.line.at, event(one.line), one.document, None) for one in services.happenings(name)]
    found += [Happened(entry.at, None, None, entry) for entry in services.trail_of(f"till:{name}")]
    return sorted(found, key=lambda one: -one.at)


def _listed(
    services: ConsoleServices, name: str, states: tuple[State, ...], given: Mapping[str, str]
) -> dict[str, Any]:
    query = DocumentsQuery(
        states=states,
        search=given.get("search", "")[:LONGEST_SEARCH],
        before=whole(given.get("before"), 0) or None,
    )
    return {"query": query, "page": services.documents.page(name, query), "walked": MOST_WALKED}


def _rejected(services: ConsoleServices, name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Every cause with its first documents, or one cause page by page."""
    code = given.get("code") or None
    query = DocumentsQuery(
        states=("rejected",),
        code=code,
        search=given.get("search", "")[:LONGEST_SEARCH],
        before=whole(given.get("before"), 0) or None,
        size=50 if code else IN_A_GROUP,
    )
    until = services.now()
    older, groups = _causes(services, name, query)
    known = services.documents.page(name, msgspec.structs.replace(query, size=1, before=None))
    return {
        "query": query,
        "older": older,
        "groups": groups,
        "causes": [(code, count, known.totals.get(code, 0)) for code, count in known.reasons.items()],
        # What "all" is on this page: as many as the filter matched when it was shown.
        "matching": sum(group.count for group in groups),
        "matching_cents": sum(known.totals.get(group.code, 0) for group in groups),
        "until": until,
        "findings": services.findings(name),
        "folder": str(services.quarantine.parts.folder / name),
    }


def _causes(services: ConsoleServices, name: str, query: DocumentsQuery) -> tuple[int | None, list[CauseGroup]]:
    """What the page shows, and where the next page of one cause begins."""
    counts: dict[str, int] = {}
    if query.search.strip():
        found = services.documents.searched(name, query)
        if query.code is None:
            return None, [CauseGroup(code, one.count, one.documents) for code, one in found.items()]
        counts = {code: one.count for code, one in found.items()}
    first = services.documents.page(name, query)
    counts = counts or first.reasons
    if query.code is not None:
        shown = {query.code: first.documents}
    else:
        each = {code: msgspec.structs.replace(query, code=code) for code in first.reasons}
        shown = {code: services.documents.page(name, one).documents for code, one in each.items()}
    return first.older, [CauseGroup(code, counts.get(code, 0), some) for code, some in shown.items() if some]


HANDLERS: list[Any] = [show, show_tab]
