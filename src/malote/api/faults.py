"""Every reply that isn't a success: a ``wire.Fault`` with a code, its words, and the HTTP status that goes with it."""

import math
import secrets
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from malote import log as logs
from malote import rejection, wire
from malote.api.api_services import services_of
from malote.database.errors import StoreError
from malote.explained_error import ExplainedError
from malote.intake.quota import SlowedError
from malote.sealing import PouchUnreadableError
from malote.trust.principals import CredentialError

RETRY_AFTER_SECONDS = 5

STATUSES: dict[str, HTTPStatus] = {
    "token_invalid": HTTPStatus.UNAUTHORIZED,
    "till_disabled": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "protocol_unsupported": HTTPStatus.UPGRADE_REQUIRED,
    "pouch_hash_mismatch": HTTPStatus.UNPROCESSABLE_ENTITY,
    "document_hash_mismatch": HTTPStatus.UNPROCESSABLE_ENTITY,
    "pouch_unreadable": HTTPStatus.UNPROCESSABLE_ENTITY,
    "pouch_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "body_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too_many_documents": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "request_invalid": HTTPStatus.BAD_REQUEST,
    "cursor_invalid": HTTPStatus.BAD_REQUEST,
    "cursor_foreign": HTTPStatus.CONFLICT,
    "too_many_rejects": HTTPStatus.TOO_MANY_REQUESTS,
    "server_busy": HTTPStatus.SERVICE_UNAVAILABLE,
    "store_away": HTTPStatus.SERVICE_UNAVAILABLE,
    "store_damaged": HTTPStatus.SERVICE_UNAVAILABLE,
    "store_newer": HTTPStatus.SERVICE_UNAVAILABLE,
    "disk_full": HTTPStatus.SERVICE_UNAVAILABLE,
    "server_failed": HTTPStatus.INTERNAL_SERVER_ERROR,
}

log = logs.get_logger("malote.api")

AnyRequest = Request[Any, Any, Any]


class ApiRefusedError(ExplainedError):
    """The request can't be served."""

    def __init__(self, code: str, *, status: int | None = None, challenge: str = "Bearer", **facts: object) -> None:
        """``challenge``: how one who has no right token may show it."""
        super().__init__(code, **{name: str(value) for name, value in facts.items()})
        self.challenge = challenge
        self.status = status or STATUSES[code]
        self.retry_after = RETRY_AFTER_SECONDS


def refused(request: AnyRequest, error: ApiRefusedError) -> Response[bytes]:
    log.info("refused", code=error.code, status=int(error.status), path=request.scope["path"])
    answer = fault(request, error.code, error.facts, error.status, retry_after=error.retry_after)
    if error.status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = error.challenge
    return answer


def no_till(request: AnyRequest, error: CredentialError) -> Response[bytes]:
    return refused(request, ApiRefusedError(error.code))


def no_pouch(request: AnyRequest, error: PouchUnreadableError) -> Response[bytes]:
    return refused(request, ApiRefusedError(error.code, status=STATUSES[error.code], **error.facts))


def no_store(request: AnyRequest, error: StoreError) -> Response[bytes]:
    reference = _reference()
    log.error("store_error", code=error.code, detail=error.detail, reference=reference)
    return fault(request, error.code, {"detail": reference}, STATUSES.get(error.code, HTTPStatus.SERVICE_UNAVAILABLE))


def not_routed(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """What the framework refuses by itself: no such path, no such method, a body over the limit."""
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return refused(request, ApiRefusedError("not_found"))
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return refused(request, ApiRefusedError("body_too_large", limit=_limit_of(request)))
        case status if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            detail = HTTPStatus(status).phrase if status in set(HTTPStatus) else str(status)
            return refused(request, ApiRefusedError("request_invalid", status=status, detail=detail))
        case _:
            return failed(request, error)


def _limit_of(request: AnyRequest) -> int:
    """Bytes that the body of this path may have."""
    handler = request.scope.get("route_handler")
    own = handler.resolve_request_max_body_size() if isinstance(handler, HTTPRouteHandler) else None
    return own or services_of(request).settings.intake.max_body_bytes


def failed(request: AnyRequest, error: Exception) -> Response[bytes]:
    """The outermost loop's last answer. Neither the client nor the log gets the message: it may quote a document."""
    reference = _reference()
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("server_failed", reference=reference, error=type(error).__qualname__, traceback=frames)
    return fault(request, "server_failed", {"detail": reference}, HTTPStatus.INTERNAL_SERVER_ERROR)


def slowed(request: AnyRequest, error: SlowedError) -> Response[bytes]:
    """The till alone waits, and is told for how long."""
    limit = services_of(request).settings.intake.rejects_per_minute
    answer = ApiRefusedError("too_many_rejects", limit=limit)
    answer.retry_after = math.ceil(error.retry_after)
    return refused(request, answer)


def fault(
    request: AnyRequest,
    code: str,
    facts: Mapping[str, str],
    status: int,
    *,
    retry_after: int = RETRY_AFTER_SECONDS,
) -> Response[bytes]:
    headers = {}
    busy = rejection.entry(code).transient and status == HTTPStatus.SERVICE_UNAVAILABLE
    if busy or status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = str(retry_after)
    body = words_of(code, facts, services_of(request).settings.language)
    return Response(body, status_code=status, media_type=MediaType.JSON, headers=headers)


def words_of(code: str, facts: Mapping[str, str], language: rejection.Language) -> bytes:
    """The body of a fault."""
    said = wire.Fault(
        code=code,
        title=rejection.title(code, language),
        detail=rejection.cause(code, facts, language),
        remedy=rejection.remedy(code, facts, language),
        transient=rejection.entry(code).transient,
    )
    return msgspec.json.encode(said)


def _reference() -> str:
    return secrets.token_hex(4)
