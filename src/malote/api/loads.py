"""What tills ask for of loads: by which files they come to what they were ordered, and the files.

A file never changes under its hash: whoever holds it may go on holding it. One with persons in it is the till's alone.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from litestar.response import Stream

from malote.api.admittance import ANY_CLIENT
from malote.api.api_services import TillRequest, services_of
from malote.api.beside_sales import BesideSales
from malote.api.bodies import Places, small_body
from malote.api.description import FAULTS, takes_json
from malote.api.faults import ApiRefusedError
from malote.api.tills import SMALL_BODY, decode
from malote.load_format.wire import PATH_FILE, PATH_MANIFEST, Manifest, ManifestQuery
from malote.loads.versions import LoadError

MADE_AT_ONCE = 2  # manifests, each of which may have files made; sales wait for none of them
SENT_AT_ONCE = 8  # files to one till; an agent asks for one after the other
MEDIA_TYPE = "application/zstd"
_PIECE = 1 << 16  # bytes; so much and a little more of each reply stands in memory, however slowly it is read
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{1,15})?")
_YEAR = 31_536_000  # seconds


@post(
    PATH_MANIFEST,
    status_code=200,
    request_max_body_size=SMALL_BODY,
    dependencies={"content": Provide(small_body)},
    operation_class=takes_json(ManifestQuery),
    responses=FAULTS,
)
async def show_manifest(request: TillRequest, content: NamedDependency[bytes]) -> Manifest:
    """The files that bring the till to the state that it was ordered; those that nobody needed yet are made now."""
    query = decode(content, ManifestQuery)
    services = services_of(request)
    places: Places = request.app.state["manifests"]
    turns: BesideSales = request.app.state["beside_sales"]
    async with places.place(request.auth.id):
        try:
            return await turns.run(partial(services.manifest, request.auth, query))
        except LoadError as error:
            raise ApiRefusedError(error.code, status=HTTPStatus.CONFLICT, **error.facts) from error
        except OSError as error:
            raise ApiRefusedError("server_busy") from error


@get(PATH_FILE.replace("{sha256}", "{sha256:str}"), opt={ANY_CLIENT: True}, responses=FAULTS)
async def send_file(request: TillRequest, sha256: FromPath[str]) -> Response[Any]:
    """A file of a load by its hash, or a part of it (``Range: bytes=N-``)."""
    services = services_of(request)
    sending: Counter[int] = request.app.state["sending"]
    if sending[request.auth.id] >= SENT_AT_ONCE:
        raise ApiRefusedError("server_busy")
    turns: BesideSales = request.app.state["beside_sales"]
    found = await turns.run(partial(services.load_file, sha256))
    if found is None:
        raise ApiRefusedError("not_found")
    headers = {
        "ETag": f'"{sha256}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store" if found.is_personal else f"public, max-age={_YEAR}, immutable",
    }
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    asked, known = request.headers.get("Range", ""), request.headers.get("If-Range")
    first, last, status = _range(asked, known, headers, found.bytes)
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return Response(b"", status_code=status, headers=headers | {"Content-Range": f"bytes */{found.bytes}"})
    headers["Content-Length"] = str(last - first + 1)
    if status == HTTPStatus.PARTIAL_CONTENT:
        headers["Content-Range"] = f"bytes {first}-{last}/{found.bytes}"
    pieces = _counted(_pieces(turns, found.path, first, last + 1), sending, request.auth.id)
    return Stream(pieces, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _range(asked: str, known: str | None, headers: dict[str, str], size: int) -> tuple[int, int, int]:
    """The first and last byte to send, and the status. What isn't understood gets the whole file, as HTTP wants it."""
    found = _RANGE.fullmatch(asked)
    if found is None or (known is not None and known != headers["ETag"]):
        return 0, size - 1, HTTPStatus.OK
    first = int(found[1])
    last = min(int(found[2]) if found[2] else size - 1, size - 1)
    if first >= size or last < first:
        return 0, 0, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    return first, last, HTTPStatus.PARTIAL_CONTENT


async def _counted(pieces: AsyncIterator[bytes], sending: Counter[int], till_id: int) -> AsyncIterator[bytes]:
    """Counted from the first piece on: a reply that never begins has nothing that ends."""
    sending[till_id] += 1
    try:
        async for piece in pieces:
            yield piece
    finally:
        sending[till_id] -= 1
        if not sending[till_id]:
            del sending[till_id]


async def _pieces(turns: BesideSales, path: Path, first: int, end: int) -> AsyncIterator[bytes]:
    """Each is read on its own: who reads slowly holds a connection, and neither a file nor a turn beside it."""
    while first < end and (piece := await turns.run(partial(_read, path, first, min(_PIECE, end - first)))):
        first += len(piece)
        yield piece


def _read(path: Path, place: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(place)
        return file.read(size)


HANDLERS: list[Any] = [show_manifest, send_file]
