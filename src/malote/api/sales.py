"""What consumers ask for: what happened since they last asked, and how one sale stands. No till waits for them."""

import re
from typing import Any

from anyio import to_thread
from litestar import Request, Response, get
from litestar.params import FromPath, FromQuery

from malote.api.admittance import ANY_CLIENT, CONSUMER
from malote.api.api_services import services_of
from malote.api.bodies import Places
from malote.api.consumer_description import gives_json_lines, gives_sale
from malote.api.description import CONSUMER_FAULTS
from malote.api.faults import ApiRefusedError
from malote.consumers.accounts import Consumer
from malote.consumers.lines import SaleTold
from malote.fiscal.access_key import is_well_formed
from malote.spool.feed import CursorError

PATH = "/v1/sales"
JSON_LINES = "application/jsonl"
CURSOR_HEADER = "Malote-Cursor"
LINES = 100  # of a page where nobody says how many
PULLED_AT_ONCE = 2  # requests of as many consumers; the others wait for their turn, and tills for none of them

_CURSOR = re.compile(r"[0-9A-Za-z-]{0,40}")

ConsumerRequest = Request[None, Consumer, Any]


@get(
    PATH,
    opt={ANY_CLIENT: True, CONSUMER: True},
    operation_class=gives_json_lines(),
    responses=CONSUMER_FAULTS,
)
async def list_sales(
    request: ConsumerRequest, after: FromQuery[str] = "", limit: FromQuery[int] = LINES
) -> Response[bytes]:
    """What happened to documents after a cursor, in order: the next lines, and the cursor to go on from."""
    if not _CURSOR.fullmatch(after) or limit < 1:
        raise ApiRefusedError("request_invalid", detail="after is a cursor, limit a number from 1")
    services = services_of(request)
    places: Places = request.app.state["pulls"]
    async with places.place(request.auth.id):
        try:
            page = await to_thread.run_sync(services.pull, request.auth, after, limit)
        except CursorError as error:
            raise ApiRefusedError(error.code, cursor=after) from error
    return Response(page.body, media_type=JSON_LINES, headers={CURSOR_HEADER: page.cursor})


@get(
    PATH + "/{key:str}",
    opt={ANY_CLIENT: True, CONSUMER: True},
    operation_class=gives_sale(),
    responses=CONSUMER_FAULTS,
)
async def show_sale(request: ConsumerRequest, key: FromPath[str]) -> SaleTold:
    """How the sale of an access key stands now."""
    if not is_well_formed(key):
        raise ApiRefusedError("request_invalid", detail="not an access key")
    places: Places = request.app.state["pulls"]
    async with places.place(request.auth.id):
        found = await to_thread.run_sync(services_of(request).find_sale, request.auth, key)
    if found is None:
        raise ApiRefusedError("not_found")
    return found


HANDLERS: list[Any] = [list_sales, show_sale]
