"""Arquivos rejeitados: delete without losing a sale, try again, take along; and the way back out of the trash."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from litestar import Response, post
from litestar.params import FromPath
from litestar.response import Stream

from malote import rejection
from malote.accounts.roles import Permission
from malote.console import archive
from malote.console.console_services import ConsoleServices
from malote.console.pages import jobs, till
from malote.console.pages.document import safe_name
from malote.console.rendering import HEADERS, answer, told
from malote.console.selections import documents_of
from malote.console.visits import ROOT, ConsoleRequest, PageRefusedError, Visit, needs, services_of, visit_of
from malote.quarantine.job_reports import Gauge
from malote.quarantine.quarantine_reports import DeleteReport, QuarantineError, Refused, ReplayReport, Selection
from malote.register.contents import DocumentNotFoundError
from malote.register.documents import StoredDocument
from malote.register.listing import DocumentsQuery

SHOWN = 20  # documents named one by one
CAUSES_TOLD = 3


def deletion(services: ConsoleServices, visit: Visit, name: str, chosen: Gauge) -> dict[str, Any]:
    """What deleting the ticked documents would do: which go to the trash, and which may be the last copy."""
    known = till.known(services, name)
    report = services.quarantine.delete(Selection(ids=chosen.ids, till=known.name), visit.actor, dry_run=True)
    last = [refused for refused in report.refused if refused.code == "last_copy"]
    return {
        "section": "tills",
        "till": known,
        "report": report,
        "last": last,
        "others": Counter(refused.code for refused in report.refused if refused.code != "last_copy"),
        "named": _named(services, [refused.id for refused in last[:SHOWN]]),
        "grounds": Counter(deleted.grounds for deleted in report.deleted),
        "selected": chosen.ids,
        "cents": chosen.cents,
    }


@post("/tills/{name:str}/act/check", status_code=200, sync_to_thread=True, opt=needs(Permission.DELETE_REJECTED))
def check(request: ConsoleRequest, name: FromPath[str]) -> Response[Any]:
    """Asks before anything is deleted: what is confirmed is the list as it is now."""
    visit, services = visit_of(request), services_of(request)
    chosen = documents_of(visit, till.known(services, name).name)
    gauge = services.jobs.gauge("delete", chosen)
    if gauge.ids is None:
        return jobs.confirmation(request, services.jobs.freeze("delete", chosen, visit.actor))
    return answer(request, "delete", deletion(services, visit, name, gauge), events={"openDialog": "confirm"})


@post("/tills/{name:str}/act/delete", status_code=200, sync_to_thread=True, opt=needs(Permission.DELETE_REJECTED))
def delete(request: ConsoleRequest, name: FromPath[str]) -> Response[Any]:
    """Into the trash; what may be the last copy only with the right to do so and a typed reason."""
    visit, services = visit_of(request), services_of(request)
    reason = visit.text("reason").strip() if visit.text("last_copy") == "1" else None
    if reason is not None:
        visit.demand(Permission.DELETE_LAST_COPY)
    known = till.known(services, name)
    chosen = documents_of(visit, known.name)
    gauge = services.jobs.gauge("delete", chosen)
    if gauge.ids is None:
        return jobs.confirmation(request, services.jobs.freeze("delete", chosen, visit.actor))
    try:
        ticked = Selection(ids=gauge.ids, till=known.name)
        report = services.quarantine.delete(ticked, visit.actor, last_copy_reason=reason)
    except QuarantineError as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error
    undo = {"path": f"{ROOT}/tills/{known.name}/act/restore", "ids": [one.id for one in report.deleted]}
    return back(request, known.name, "rejected", _deleted_words(visit, report), undo if report.deleted else None)


@post("/tills/{name:str}/act/replay", status_code=200, sync_to_thread=True, opt=needs(Permission.REPLAY))
def replay(request: ConsoleRequest, name: FromPath[str]) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    known = till.known(services, name)
    chosen = documents_of(visit, known.name)
    gauge = services.jobs.gauge("replay", chosen)
    if gauge.ids is None:
        return jobs.confirmation(request, services.jobs.freeze("replay", chosen, visit.actor))
    report = services.quarantine.replay(Selection(ids=gauge.ids, till=known.name), visit.actor)
    return back(request, known.name, "rejected", replayed_words(visit, services, known.name, report))


@post("/tills/{name:str}/act/accept", status_code=200, sync_to_thread=True, opt=needs(Permission.DELETE_LAST_COPY))
def accept(request: ConsoleRequest, name: FromPath[str]) -> Response[Any]:
    """A person says why what was deleted of the till, and the ERP lacks, need not be booked."""
    visit, services = visit_of(request), services_of(request)
    known = till.known(services, name)
    try:
        done = services.quarantine.accept_unbooked(known.name, None, visit.actor, reason=visit.text("reason"))
    except QuarantineError as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error
    count = len(done.documents)
    words = visit.say_many("%(num)s fica sem lançar, com o motivo.", "%(num)s ficam sem lançar, com o motivo.", count)
    return back(request, known.name, "trash", words)


@post("/tills/{name:str}/act/restore", status_code=200, sync_to_thread=True, opt=needs(Permission.DELETE_REJECTED))
def restore(request: ConsoleRequest, name: FromPath[str]) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    known = till.known(services, name)
    chosen = documents_of(visit, known.name)
    gauge = services.jobs.gauge("restore", chosen)
    if gauge.ids is None:
        return jobs.confirmation(request, services.jobs.freeze("restore", chosen, visit.actor))
    report = services.quarantine.restore(Selection(ids=gauge.ids, till=known.name), visit.actor)
    text = visit.say_many(
        "%(num)s de volta aos arquivos rejeitados.", "%(num)s de volta aos arquivos rejeitados.", len(report.restored)
    )
    # Who undoes what was just done stays where it was done.
    tab: till.Tab = "rejected" if visit.text("tab") == "rejected" else "trash"
    return back(request, known.name, tab, text + refusals(visit, report.refused))


@post("/tills/{name:str}/act/download", status_code=200, sync_to_thread=True, opt=needs(Permission.DOWNLOAD))
def download(request: ConsoleRequest, name: FromPath[str]) -> Stream:
    """The files of the ticked documents in one archive, as the till sent them: all of them, made while it is sent."""
    visit, services = visit_of(request), services_of(request)
    known = till.known(services, name)
    files = services.quarantine.files(documents_of(visit, known.name), visit.actor)
    named = ((f"{one.document_id}-{safe_name(one.file_name)}", one.content) for one in files)
    words = visit.say("Estes arquivos não são mais guardados, ou não puderam ser abertos:")
    headers = HEADERS | {
        "Content-Disposition": f'attachment; filename="{known.name}-rejeitados.zip"',
        "Cache-Control": "no-store",
    }
    return Stream(archive.pieces(named, visit.say("FALTAM.txt"), words), media_type="application/zip", headers=headers)


def refusals(visit: Visit, refused: Iterable[Refused]) -> str:
    """How many were left as they are, by reason; nothing where there are none."""
    counts = Counter(each.code for each in refused)
    return "".join(f" {count}: {rejection.title(code, visit.language)}." for code, count in counts.most_common())


def replayed_words(visit: Visit, services: ConsoleServices, name: str, report: ReplayReport) -> str:
    """How many went back to the queue, and what of the till is rejected still."""
    text = visit.say_many("%(num)s de volta à fila.", "%(num)s de volta à fila.", len(report.replayed))
    return text + still_rejected(visit, services, name, report.refused)


def still_rejected(visit: Visit, services: ConsoleServices, name: str, refused: Iterable[Refused]) -> str:
    """What was ``refused`` of what was asked for, and what of the till's files is rejected still, the most first."""
    left = Counter(services.documents.page(name, DocumentsQuery(("rejected",), size=1)).reasons)
    text = refusals(visit, refused)
    if not left:
        return text + " " + visit.say("Em %(till)s nenhum arquivo segue rejeitado.", till=name)
    causes = [f"{rejection.title(code, visit.language)}: {count}" for code, count in left.most_common(CAUSES_TOLD)]
    if len(left) > len(causes):
        causes.append(visit.say_many("mais %(num)s causa", "mais %(num)s causas", len(left) - len(causes)))
    said = visit.say_many(
        "Em %(till)s segue %(num)s rejeitado: %(causes)s.",
        "Em %(till)s seguem %(num)s rejeitados: %(causes)s.",
        left.total(),
        till=name,
        causes="; ".join(causes),
    )
    return f"{text} {said}"


def _deleted_words(visit: Visit, report: DeleteReport) -> str:
    text = visit.say_many("%(num)s na lixeira.", "%(num)s na lixeira.", len(report.deleted))
    return text + refusals(visit, report.refused)


def back(
    request: ConsoleRequest, name: str, tab: till.Tab, text: str, undo: dict[str, Any] | None = None
) -> Response[Any]:
    """To the tab, which shows what is left, with what was done in words, and the way to undo it."""
    context = till.context(services_of(request), name, tab, {}) | {"told": text}
    return answer(request, "till", context, events=told(text, undo=undo) | {"selectionDone": True, "closeDialog": True})


def _named(services: ConsoleServices, ids: Iterable[int]) -> list[StoredDocument]:
    found = []
    for document_id in ids:
        try:
            found.append(services.documents.find(document_id))
        except DocumentNotFoundError:
            continue  # it went while this was being asked
    return found


HANDLERS: list[Any] = [check, delete, replay, restore, accept, download]
