"""What a form says: read only once its sender is known, no further than its limit, in time that follows its length."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from anyio import to_thread
from litestar import Request
from litestar.exceptions import HTTPException
from multipart import MultipartError, PushMultipartParser, parse_options_header

from malote.console.refusals import PageRefusedError

LARGEST = 64_000  # bytes
MOST_FIELDS = 500
_AROUND_A_FILE = 100_000  # bytes of the form beside it
_MOST_PARTS = 20  # of a form that carries a file

FILE = "file"  # option of a handler: its form may carry one

_BOUNDARY = re.compile(r"[!-~]{1,70}")


class File(msgspec.Struct, frozen=True):
    name: str  # as the browser says it: no path
    content: bytes


class Form(msgspec.Struct, frozen=True):
    """Fields in their order, names repeated; and the file, where there is one."""

    fields: Sequence[tuple[str, str]] = ()
    file: File | None = None

    def text(self, name: str) -> str:
        """The first of this name; empty where there is none."""
        return next((value for field, value in self.fields if field == name), "")

    def texts(self, name: str) -> list[str]:
        return [value for field, value in self.fields if field == name]


async def read(request: Request[Any, Any, Any], *, largest_file: int | None) -> Form:
    """The body as a form; what is no form is an empty one, and is not read.

    ``largest_file``: bytes of a file that it may carry; None: it may carry none.

    Raises ``PageRefusedError``: 413 ``form_too_large``, before more than the limit is read; 400 ``request_invalid``.
    """
    kind, options = parse_options_header(request.headers.get("Content-Type", ""))
    if kind == "application/x-www-form-urlencoded":
        return fields_of(await _body(request, LARGEST))
    if kind == "multipart/form-data" and largest_file is not None:
        boundary = str(options.get("boundary", ""))
        body = await _body(request, largest_file + _AROUND_A_FILE)
        return await to_thread.run_sync(_parts, body, boundary)
    return Form()


def clean(text: str) -> str:
    """Without what no database takes within a text."""
    return text.replace("\0", "")


async def _body(request: Request[Any, Any, Any], limit: int) -> bytes:
    """Raises ``PageRefusedError``; by what the request announces, before a byte is read."""
    announced = request.headers.get("Content-Length", "0")
    if not (announced.isascii() and announced.isdigit()) or len(announced) > 18 or int(announced) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > limit:
                raise _too_large(limit)
    except HTTPException as error:  # the client went away
        raise PageRefusedError("request_invalid", 400, detail="") from error
    return bytes(body)


def fields_of(body: bytes) -> Form:
    if body.count(b"&") >= MOST_FIELDS:
        raise PageRefusedError("form_too_large", 413, limit=f"{MOST_FIELDS}")
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace")
    return Form([(clean(name), clean(value)) for name, value in pairs])


def _parts(body: bytes, boundary: str) -> Form:
    """Raises ``PageRefusedError``, also for a body that is none of what it says."""
    fields: list[tuple[str, str]] = []
    file: File | None = None
    try:
        for name, file_name, content in _segments(body, boundary):
            if file_name is None:
                fields.append((clean(name), clean(content.decode("utf-8", "replace"))))
            elif file is None:
                file = File(clean(file_name), content)
    except (MultipartError, ValueError) as error:
        raise PageRefusedError("request_invalid", 400, detail="multipart/form-data") from error
    return Form(fields, file)


def _segments(body: bytes, boundary: str) -> Sequence[tuple[str, str | None, bytes]]:
    """Name, file name and content of each part. Raises ``MultipartError``, ``ValueError``."""
    if not _BOUNDARY.fullmatch(boundary):
        raise ValueError(boundary)
    found: list[tuple[str, str | None, bytes]] = []
    pieces: list[bytes] = []
    name, file_name = "", None
    with PushMultipartParser(boundary, max_segment_count=_MOST_PARTS) as parser:
        for event in parser.parse(body):
            if event is None:
                found.append((name, file_name, b"".join(pieces)))
            elif isinstance(event, (bytes, bytearray)):
                pieces.append(bytes(event))
            else:
                name, file_name, pieces = event.name or "", event.filename, []
    return found


def _too_large(limit: int) -> PageRefusedError:
    return PageRefusedError("form_too_large", 413, limit=f"{limit // 1000} kB")
