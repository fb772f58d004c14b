"""One document: the receipt it would print, its XML, why it is where it is, and what became of it."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from litestar import Response, get
from litestar.params import FromPath

from malote.accounts.roles import Permission
from malote.console import markup, receipt
from malote.console.console_services import ConsoleServices
from malote.console.rendering import HEADERS, answer
from malote.console.visits import ConsoleRequest, Visit, needs, parameters, services_of, visit_of
from malote.fiscal import schema
from malote.fiscal.documents import Answer, Cancellation, NumberVoid, Sale
from malote.fiscal.payment_methods import METHODS, OTHER
from malote.fiscal.problems import Problem
from malote.fiscal.reading_result import Reading
from malote.register.contents import ContentDamagedError, ContentPrunedError, DocumentNotFoundError
from malote.register.documents import StoredDocument

LARGEST_ID = 2**63
MOST_FINDINGS = 20  # of the schema, on one page


def context(services: ConsoleServices, visit: Visit, document_id: int) -> dict[str, Any]:
    """Raises ``DocumentNotFoundError``."""
    document = find(services, document_id)
    content = _content(services, document_id)
    reading = _reading(services, content, document.position)
    problems = _problems(document, reading)
    read = reading.document if reading else None
    whole = visit.may(Permission.DOWNLOAD)
    return {
        "section": "tills",
        "document": document,
        "problems": problems,
        "pruned": content is None,
        "sale": read if isinstance(read, Sale) else None,
        "cancellation": read if isinstance(read, Cancellation) else None,
        "void": read if isinstance(read, NumberVoid) else None,
        "issuer": receipt.issuer_of(content, document.position) if content else receipt.ReceiptHead(),
        "wrong": receipt.wrong_places({problem.code for problem in problems}),
        "grouped": receipt.grouped,
        "masked": receipt.masked,
        "methods": METHODS,
        "like": like,
        # Advice for who has to mend the POS, and of use for nothing else: the schema isn't asked about other documents.
        "layout": schema.findings(content)[:MOST_FINDINGS] if content and document.state == "rejected" else [],
        "xml": markup.show(content, problems) if content and whole else None,
        "beside": services.beside(document_id),
        "protocol": read.protocol if isinstance(read, Sale | Answer) else None,
        "events": services.quarantine.history(document_id),
        "cures": services.quarantine.cures(document_id),
        "asked_product": "",
        "custody": services.custody(document_id) if document.state == "rejected" else None,
    }


@get("/documents/{document_id:int}", sync_to_thread=True)
def show(request: ConsoleRequest, document_id: FromPath[int]) -> Response[str]:
    asked = {"asked_product": parameters(request).get("product", "")}  # a link of the form, where there is no script
    return answer(request, "document", context(services_of(request), visit_of(request), document_id) | asked)


@get("/documents/{document_id:int}/preview", sync_to_thread=True)
def preview(request: ConsoleRequest, document_id: FromPath[int]) -> Response[str]:
    """What stands beside the list of rejected files: the receipt, the reason, and the cures on the spot."""
    return answer(request, "document_preview", context(services_of(request), visit_of(request), document_id))


@get("/documents/{document_id:int}/file", sync_to_thread=True, opt=needs(Permission.DOWNLOAD))
def download(request: ConsoleRequest, document_id: FromPath[int]) -> Response[bytes]:
    """The file as the till sent it, under a name that no path hides in. Who took it is in the audit trail."""
    services = services_of(request)
    document = find(services, document_id)
    content = services.quarantine.download(document_id, visit_of(request).actor).content
    headers = HEADERS | {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(safe_name(document.file_name), safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "no-store",
    }
    return Response(content, media_type="application/octet-stream", headers=headers)


def safe_name(name: str) -> str:
    """The last part of what a till called a file, without what any system gives a meaning to."""
    last = PurePosixPath(name.replace("\\", "/")).name
    kept = "".join(letter for letter in last if letter.isprintable() and letter not in '<>:"/\\|?*').strip(". ")
    return kept[-100:] or "documento.xml"


def find(services: ConsoleServices, document_id: int) -> StoredDocument:
    """Raises ``DocumentNotFoundError``, also for a number that no database takes."""
    if not 0 < document_id < LARGEST_ID:
        raise DocumentNotFoundError(document_id)
    return services.documents.find(document_id)


def like(method: str) -> str:
    """Of the methods of payment the first that rules treat as this one, such as one PIX for another; "" if none is."""
    own = METHODS[method].rule if method in METHODS else OTHER
    return next((code for code, one in METHODS.items() if code != method and own == one.rule != OTHER), "")


def _content(services: ConsoleServices, document_id: int) -> bytes | None:
    try:
        return services.documents.content(document_id)
    except (ContentPrunedError, ContentDamagedError):
        return None


def _reading(services: ConsoleServices, content: bytes | None, position: int) -> Reading | None:
    readings = services.documents.read(content) if content else []
    return readings[position] if position < len(readings) else None


def _problems(document: StoredDocument, reading: Reading | None) -> Sequence[Problem]:
    """Why it was rejected, first of all; then what else was found in it."""
    found: list[Problem] = []
    if document.reason is not None:
        found = [*document.reason.problems] or [Problem(document.reason.code, "reject", document.reason.facts)]
        if document.reason.code not in {problem.code for problem in found}:
            found.insert(0, Problem(document.reason.code, "reject", document.reason.facts))
    known = {problem.code for problem in found}
    return found + [problem for problem in (reading.problems if reading else []) if problem.code not in known]


HANDLERS: list[Any] = [show, preview, download]
