"""What the description says of consumers' replies, and of the webhooks that are sent: their schema, and an example."""

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import msgspec
from litestar.openapi.spec import (
    Example,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    PathItem,
    RequestBody,
    Schema,
)

from malote.api.description import inlined
from malote.consumers import example
from malote.consumers.lines import SaleTold

_TEXT = Schema(type=cast(Any, "string"))
_PARAMETERS = {
    "after": "Where to go on: the Malote-Cursor of the page before, or the cursor of any line. Empty: the beginning.",
    "limit": "Lines at most; more than 1000 counts as 1000. A page of large documents may have fewer.",
    "key": "The sale's access key, 44 characters.",
}


def gives_json_lines() -> type[Operation]:
    """An operation whose reply has a document on each line."""
    text = msgspec.json.encode(_line()).decode() + "\n"
    media = OpenAPIMediaType(schema=_schema(), examples={"line": Example(summary="One line", value=text)})
    cursor = OpenAPIHeader(name="", schema=_TEXT, description="Where to go on; the same as asked where nothing is new.")
    return _giving({"application/jsonl": media}, {"Malote-Cursor": cursor}, "Lines, each a JSON object of this schema.")


def gives_sale() -> type[Operation]:
    """An operation whose reply is one document."""
    value = _exact({**_line(), "cursor": ""})
    media = OpenAPIMediaType(schema=_schema(), examples={"sale": Example(summary="A booked sale", value=value)})
    return _giving({"application/json": media}, None, "The document, and how it stands now.")


def webhooks() -> dict[str, Any]:
    """What is sent to a webhook, as OpenAPI has it."""
    media = OpenAPIMediaType(
        schema=_schema(), examples={"booked": Example(summary="A sale was booked", value=_exact(_line()))}
    )
    headers = {
        "webhook-id": "The same in every attempt, and of no other event: what has it is known already.",
        "webhook-timestamp": "Seconds since the epoch at this attempt; refuse what is older than five minutes.",
        "webhook-signature": "v1,BASE64 of HMAC-SHA256 over ID.TIMESTAMP.BODY; several with blanks in between.",
    }
    operation = Operation(
        summary="One thing that happened",
        description="POST to a webhook's address, in order. Any 2xx takes it; see docs/consumers.md.",
        parameters=[
            Parameter(name=name, param_in="header", required=True, schema=_TEXT, description=said)
            for name, said in headers.items()
        ],
        request_body=RequestBody(content={"application/json": media}, required=True),
        responses={"2XX": OpenAPIResponse(description="Taken; it is not sent again.")},
    )
    return {"sale": PathItem(post=operation)}


def _giving(content: dict[str, OpenAPIMediaType], headers: dict[str, Any] | None, description: str) -> type[Operation]:
    @dataclass
    class Giving(Operation):
        def __post_init__(self) -> None:
            reply = OpenAPIResponse(description=description, content=content, headers=headers)
            self.responses = {**(self.responses or {}), "200": reply}
            for one in self.parameters or ():
                if isinstance(one, Parameter):
                    one.description = _PARAMETERS.get(one.name, one.description)

    return Giving


def _line() -> dict[str, Any]:
    return example.line()


def _exact(value: dict[str, Any]) -> msgspec.Raw:
    """As JSON already: what has no value would be left out of the description otherwise."""
    return msgspec.Raw(msgspec.json.encode(value))


@cache
def _schema() -> Schema:
    (schema,), definitions = msgspec.json.schema_components([SaleTold], ref_template="{name}")
    return cast(Schema, inlined(schema, definitions))
