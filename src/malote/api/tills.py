"""What tills and integrators ask for. Each handler runs in a thread; authentication has set ``request.auth``."""

import hashlib
import re
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import msgspec
from litestar import get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery

from malote import __version__, wire
from malote.api.admittance import ANY_CLIENT, unsupported
from malote.api.api_services import TillRequest, services_of
from malote.api.beside_sales import BesideSales
from malote.api.bodies import small_body, whole_body
from malote.api.description import FAULTS, takes_bytes, takes_json
from malote.api.faults import ApiRefusedError
from malote.fiscal.access_key import is_well_formed
from malote.register.documents import TillStatus
from malote.sealing import unseal
from malote.wire import Contact, ContactReply, FileReceipt, PouchFile, PouchReply, ReceiptsQuery, ReceiptsReply

SMALL_BODY = 1_000_000  # bytes: 1000 hashes, or the largest contact
MOST_FILES = 2**31 - 1  # that a till may say it holds
LONGEST_VERSION = 100  # characters

_SHA256 = re.compile(r"([0-9a-f]{64})?")

Message = TypeVar("Message")


@post(
    wire.PATH_POUCHES,
    sync_to_thread=True,
    status_code=200,
    dependencies={"content": Provide(whole_body)},
    operation_class=takes_bytes(
        wire.POUCH_MEDIA_TYPE, "zstd(msgpack([version, sealed_at, files])); see docs/http-api.md"
    ),
    responses=FAULTS,
)
def receive_pouch(request: TillRequest, content: NamedDependency[bytes]) -> PouchReply:
    """Opens a pouch and answers for each file of it, once all of it is durable."""
    services = services_of(request)
    limits = services.settings.intake
    expected = request.headers.get(wire.POUCH_HASH_HEADER)
    if not expected:
        raise ApiRefusedError("request_invalid", detail=f"the header {wire.POUCH_HASH_HEADER} is missing")
    pouch = unseal(content, expected, max_size=limits.max_pouch_bytes, max_files=limits.max_documents)
    if not wire.OLDEST_PROTOCOL_VERSION <= pouch.version <= wire.PROTOCOL_VERSION:
        raise unsupported(pouch.version)
    return PouchReply(services.intake.take(request.auth, pouch.files, content))


@post(
    wire.PATH_DOCUMENTS,
    sync_to_thread=True,
    status_code=200,
    dependencies={"content": Provide(whole_body)},
    opt={ANY_CLIENT: True},
    operation_class=takes_bytes("application/xml", "The file as its POS wrote it, in any encoding."),
    responses=FAULTS,
)
def receive_document(request: TillRequest, content: NamedDependency[bytes], name: FromQuery[str] = "") -> FileReceipt:
    """Takes one file as its POS wrote it, whatever its encoding and the request's media type."""
    if not content:
        raise ApiRefusedError("request_invalid", detail="the body is empty")
    file = PouchFile(name or "document.xml", hashlib.sha256(content).digest(), content)
    return services_of(request).intake.take_files(request.auth, [file])[0]


@get(wire.PATH_DOCUMENTS + "/{sha256:str}", sync_to_thread=True, opt={ANY_CLIENT: True}, responses=FAULTS)
def show_document(request: TillRequest, sha256: FromPath[str]) -> FileReceipt:
    """What became of one file that this till sent, by its hash or by the access key of what is in it."""
    services = services_of(request)
    wanted = services.file_of(request.auth, sha256) if is_well_formed(sha256) else _hash(sha256)
    if wanted is None:
        raise ApiRefusedError("not_found")
    (receipt,) = services.spool.receipts(request.auth.id, [wanted])
    if receipt.state == "unknown":
        raise ApiRefusedError("not_found")
    return receipt


@post(
    wire.PATH_RECEIPTS,
    sync_to_thread=True,
    status_code=200,
    request_max_body_size=SMALL_BODY,
    dependencies={"content": Provide(small_body)},
    operation_class=takes_json(ReceiptsQuery),
    responses=FAULTS,
)
def show_receipts(request: TillRequest, content: NamedDependency[bytes]) -> ReceiptsReply:
    """What became of each file, in the order asked."""
    query = decode(content, ReceiptsQuery)
    if len(query.files) > wire.MAX_QUERY:
        raise ApiRefusedError("too_many_documents", found=len(query.files), limit=wire.MAX_QUERY)
    hashes = [_hash(text) for text in query.files]
    services = services_of(request)
    if query.holding is not None:
        services.note_custody(request.auth, hashes, {_hash(text) for text in query.holding[: wire.MAX_QUERY]})
    return ReceiptsReply(services.spool.receipts(request.auth.id, hashes))


@post(
    wire.PATH_CONTACT,
    status_code=200,
    request_max_body_size=SMALL_BODY,
    dependencies={"content": Provide(small_body)},
    operation_class=takes_json(Contact),
    responses=FAULTS,
)
async def note_contact(request: TillRequest, content: NamedDependency[bytes]) -> ContactReply:
    """Notes the till's sign of life, and tells it how far its clock is off."""
    contact = decode(content, Contact)
    _check(contact)
    turns: BesideSales = request.app.state["beside_sales"]
    return await turns.run(partial(_noted, request, contact))


def _noted(request: TillRequest, contact: Contact) -> ContactReply:
    services = services_of(request)
    recorded = services.record_contact(request.auth, contact)
    books = services.settings.books
    outside, outside_total = services.outside_erp(request.auth)
    told = services.orders_due(request.auth, contact)
    return ContactReply(
        server_version=__version__,
        clock=datetime.now(UTC),
        till=request.auth.name,
        skew_seconds=round(recorded.skew_seconds, 3),
        resend=told.synchronise > 0,
        order=told.synchronise,
        server_key=services.server_key,
        structure=told.structure,
        limits=services.settings.intake.pouch_limits,
        books=recorded.books_turn,
        business_day=wire.BusinessDay(books.zone, books.day_begins),
        outside=outside,
        outside_total=outside_total,
        asked=services.asked_of(request.auth),
        orders=told.orders,
    )


@get("/v1/status", sync_to_thread=True, opt={ANY_CLIENT: True}, responses=FAULTS)
def show_status(request: TillRequest) -> TillStatus:
    """The till itself, as the server sees it."""
    found = services_of(request).status_of(request.auth)
    if found is None:
        raise ApiRefusedError("not_found")
    return found


def decode(content: bytes, kind: type[Message]) -> Message:
    """A message as JSON. Raises ``RefusedError``."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiRefusedError("request_invalid", detail=str(error)) from error
    except RecursionError as error:
        raise ApiRefusedError("request_invalid", detail="nested too deeply") from error


def _check(contact: Contact) -> None:
    """What the types don't say. Raises ``ApiRefusedError``."""
    if contact.clock.tzinfo is None:
        raise ApiRefusedError("request_invalid", detail="clock needs its zone")
    if not all(0 <= count <= MOST_FILES for count in (contact.pending, contact.unproven)):
        raise ApiRefusedError("request_invalid", detail="a count is out of range")
    said = contact.structure
    if said is not None and not (0 <= said.version <= MOST_FILES and _SHA256.fullmatch(said.sha256)):
        raise ApiRefusedError("request_invalid", detail="structure is none")
    if len(contact.agent_version) > LONGEST_VERSION or not contact.agent_version.isprintable():
        raise ApiRefusedError("request_invalid", detail="agent_version is no version")


def _hash(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != hashlib.sha256().digest_size:
        raise ApiRefusedError("request_invalid", detail="not the SHA-256 of a file in hex")
    return found


HANDLERS: list[Any] = [receive_pouch, receive_document, show_document, show_receipts, note_contact, show_status]
