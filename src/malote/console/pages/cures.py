"""Corrigir e reenviar: cures that put right what surrounds a document, never the document itself."""

from collections.abc import Callable
from typing import Any

from litestar import Response, post
from litestar.params import FromPath

from malote.accounts.roles import Permission
from malote.console.console_services import ConsoleServices
from malote.console.forms import FILE
from malote.console.pages import document
from malote.console.pages.rejected import back, refusals, replayed_words, still_rejected
from malote.console.rendering import answer, told
from malote.console.visits import ConsoleRequest, PageRefusedError, Visit, needs, services_of, visit_of, whole
from malote.quarantine import same_cause
from malote.quarantine.cure_codes import CodeCure, JustMapped
from malote.quarantine.quarantine_reports import CureReport, QuarantineError, Refused, Selection
from malote.register.documents import StoredDocument

NOT_LOADED = ("product_not_loaded", "payment_not_loaded")


@post("/documents/{document_id:int}/replay", status_code=200, sync_to_thread=True, opt=needs(Permission.REPLAY))
def replay(request: ConsoleRequest, document_id: FromPath[int]) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    sender = document.find(services, document_id).till
    report = services.quarantine.replay(Selection(ids=(document_id,)), visit.actor)
    return _shown(request, document_id, replayed_words(visit, services, sender, report))


@post("/documents/{document_id:int}/series", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def assign_series(request: ConsoleRequest, document_id: FromPath[int]) -> Response[Any]:
    quarantine = services_of(request).quarantine
    return _cured(
        request, document_id, lambda visit: quarantine.assign_series(document_id, visit.actor, reason=_reason(visit))
    )


@post("/documents/{document_id:int}/issuer", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def accept_issuer(request: ConsoleRequest, document_id: FromPath[int]) -> Response[Any]:
    quarantine = services_of(request).quarantine
    return _cured(
        request, document_id, lambda visit: quarantine.accept_issuer(document_id, visit.actor, reason=_reason(visit))
    )


@post("/documents/{document_id:int}/difference", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def accept_difference(request: ConsoleRequest, document_id: FromPath[int]) -> Response[Any]:
    quarantine = services_of(request).quarantine
    chosen = Selection(ids=(document_id,))
    return _cured(
        request, document_id, lambda visit: quarantine.accept_difference(chosen, visit.actor, reason=_reason(visit))
    )


@post("/documents/{document_id:int}/product", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def map_product(request: ConsoleRequest, document_id: FromPath[int]) -> Response[Any]:
    return _mapped(request, document_id, "map_product", "old_code", "new_code")


@post("/documents/{document_id:int}/payment", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def map_payment(request: ConsoleRequest, document_id: FromPath[int]) -> Response[Any]:
    return _mapped(request, document_id, "map_payment", "old_method", "new_method")


@post("/documents/{document_id:int}/reverse", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def reverse_booked(request: ConsoleRequest, document_id: FromPath[int]) -> Response[Any]:
    quarantine = services_of(request).quarantine
    return _cured(
        request, document_id, lambda visit: quarantine.reverse_booked(document_id, visit.actor, reason=_reason(visit))
    )


@post("/documents/{document_id:int}/seen", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def mark_seen(request: ConsoleRequest, document_id: FromPath[int]) -> Response[Any]:
    quarantine = services_of(request).quarantine
    return _cured(
        request, document_id, lambda visit: quarantine.mark_seen(document_id, visit.actor, reason=_reason(visit))
    )


@post("/documents/{document_id:int}/unbooked", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def keep_unbooked(request: ConsoleRequest, document_id: FromPath[int]) -> Response[Any]:
    quarantine = services_of(request).quarantine
    return _cured(
        request, document_id, lambda visit: quarantine.keep_unbooked(document_id, visit.actor, reason=_reason(visit))
    )


@post("/documents/{document_id:int}/book", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def book_sale(request: ConsoleRequest, document_id: FromPath[int]) -> Response[Any]:
    quarantine = services_of(request).quarantine
    return _cured(
        request, document_id, lambda visit: quarantine.book_sale(document_id, visit.actor, reason=_reason(visit))
    )


@post(
    "/documents/{document_id:int}/protocol",
    status_code=200,
    sync_to_thread=True,
    opt=needs(Permission.CURE) | {FILE: True},
)
def attach_protocol(request: ConsoleRequest, document_id: FromPath[int]) -> Response[Any]:
    """The authorised version comes as a file."""
    file = visit_of(request).form.file
    quarantine = services_of(request).quarantine
    largest = quarantine.parts.max_file_bytes
    if file is None or not 0 < len(file.content) <= largest:
        raise PageRefusedError("file_needed", 422, limit=f"{largest / 1_000_000:g} MB")
    name = document.safe_name(file.name)
    return _cured(
        request, document_id, lambda visit: quarantine.attach_protocol(document_id, name, file.content, visit.actor)
    )


def _mapped(request: ConsoleRequest, document_id: int, kind: CodeCure, old: str, new: str) -> Response[Any]:
    """``old`` and ``new``: the form's fields that say the codes. Asks where the loads lack the new one."""

    quarantine = services_of(request).quarantine
    map_code = {"map_product": quarantine.map_product, "map_payment": quarantine.map_payment}[kind]

    def cure(visit: Visit) -> CureReport:
        codes = visit.text(old).strip(), visit.text(new).strip()
        return map_code(document_id, *codes, visit.actor, reason=_reason(visit), anyway=visit.text("anyway") == "1")

    try:
        return _cured(request, document_id, cure, JustMapped(kind, visit_of(request).text(old).strip()))
    except PageRefusedError as error:
        if error.code not in NOT_LOADED:
            raise
        visit = visit_of(request)
        typed = {name: visit.text(name) for name in (old, new, "reason", "cause", "tab", "shown")}
        cured = document.find(services_of(request), document_id)
        shown = {"section": "tills", "document": cured, "code": error.code, "facts": error.facts, "typed": typed}
        response = answer(request, "map_anyway", shown, events={"openDialog": "confirm"})
        response.set_header("HX-Retarget", "#confirm-body")
        response.set_header("HX-Reswap", "innerHTML")
        return response


def _cured(
    request: ConsoleRequest,
    document_id: int,
    cure: Callable[[Visit], CureReport],
    mapped: JustMapped | None = None,
) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    cured = document.find(services, document_id)
    try:
        report = cure(visit)
    except QuarantineError as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error
    text = visit.say_many(
        "Correção registrada em %(num)s documento.", "Correção registrada em %(num)s documentos.", len(report.cured)
    )
    if report.replay.replayed:
        text += " " + visit.say_many(
            "%(num)s de volta à fila.", "%(num)s de volta à fila.", len(report.replay.replayed)
        )
    with_others, parts = visit.text("cause") == "1", services.quarantine.parts
    others = same_cause.others(parts, cured, services.now(), mapped) if with_others else None
    refused = [*report.refused, *report.replay.refused]
    if others is None:
        text += still_rejected(visit, services, cured.till, refused)
    else:
        text += _replayed(visit, services, cured.till, others, refused)
    text += _fell_in(visit, services, cured)
    if visit.text("tab") == "rejected":
        return back(request, cured.till, "rejected", text)
    return _shown(request, document_id, text)


def _replayed(visit: Visit, services: ConsoleServices, till: str, others: Selection, refused: list[Refused]) -> str:
    """What had the same cause is read and judged again: at once, or as a job where it is much. ``refused``: before."""
    gauge = services.jobs.gauge("replay", others)
    if gauge.ids is None:
        services.jobs.start(services.jobs.freeze("replay", others, visit.actor).id, visit.actor)
        return refusals(visit, refused) + " " + visit.say("Os outros desta causa são reprocessados como um trabalho.")
    text = ""
    if gauge.ids:
        report = services.quarantine.replay(Selection(ids=gauge.ids, till=till), visit.actor)
        refused = [*refused, *report.refused]
        text = " " + visit.say_many(
            "E %(num)s outro desta causa.", "E %(num)s outros desta causa.", len(report.replayed)
        )
    return text + still_rejected(visit, services, till, refused)


def _fell_in(visit: Visit, services: ConsoleServices, cured: StoredDocument) -> str:
    """What came into the cause since the form was shown, and is there still: it is cured by nobody yet."""
    shown = float(whole(visit.text("shown"), int(services.now()), least=0))
    new = same_cause.fell_in(services.quarantine.parts, cured, shown)
    if not new:
        return ""
    return " " + visit.say_many(
        "Atenção: %(num)s novo entrou nesta causa enquanto isso, e segue rejeitado.",
        "Atenção: %(num)s novos entraram nesta causa enquanto isso, e seguem rejeitados.",
        new,
    )


def _shown(request: ConsoleRequest, document_id: int, text: str) -> Response[Any]:
    context = document.context(services_of(request), visit_of(request), document_id) | {"told": text}
    return answer(request, "document", context, events=told(text) | {"closeDialog": True})


def _reason(visit: Visit) -> str:
    return visit.text("reason").strip()[:500]


HANDLERS: list[Any] = [
    replay,
    assign_series,
    accept_issuer,
    accept_difference,
    map_product,
    map_payment,
    attach_protocol,
    reverse_booked,
    mark_seen,
    keep_unbooked,
    book_sale,
]
