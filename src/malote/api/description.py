"""What OpenAPI can't see by itself: bodies that are read as bytes, and the faults."""

from dataclasses import dataclass
from typing import Any, cast

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema

from malote import wire

_FILE = {"type": "string", "format": "binary"}

FAULTS: dict[int, ResponseSpec] = {
    status: ResponseSpec(wire.Fault, generate_examples=False, description=description)
    for status, description in {
        400: "The request is not understood.",
        401: "No till has this token.",
        403: "The till is disabled.",
        404: "There is no such thing, or it is not this till's.",
        413: "Too large, or too many.",
        422: "The bytes are no pouch, or a hash in it is wrong.",
        426: "Another version of the protocol is needed.",
        429: "Too many wrong tokens from this address.",
        500: "The server met an error it did not expect.",
        503: "Not now: the same may be tried later.",
    }.items()
}

CONSUMER_FAULTS: dict[int, ResponseSpec] = {
    status: ResponseSpec(wire.Fault, generate_examples=False, description=description)
    for status, description in {
        400: "The request is not understood, or what is given is no cursor.",
        401: "No consumer has this token.",
        404: "No document of this key is here.",
        409: "This server never gave this cursor: its database was put back to an older copy, or it is another's.",
        426: "A version of the protocol is named that isn't spoken; without the header any client is served.",
        429: "Too many wrong tokens from this address.",
        500: "The server met an error it did not expect.",
        503: "Not now: the same may be tried later.",
    }.items()
}


def takes_bytes(media_type: str, description: str) -> type[Operation]:
    """An operation whose body is of this media type."""
    return _taking(media_type, _FILE, description)


def takes_json(message: type[msgspec.Struct]) -> type[Operation]:
    """An operation whose body is this message as JSON."""
    (schema,), definitions = msgspec.json.schema_components([message], ref_template="{name}")
    return _taking("application/json", inlined(schema, definitions), message.__doc__ or "")


def _taking(media_type: str, schema: dict[str, Any], description: str) -> type[Operation]:
    body = RequestBody(
        content={media_type: OpenAPIMediaType(schema=cast(Schema, schema))}, description=description, required=True
    )

    @dataclass
    class Taking(Operation):
        def __post_init__(self) -> None:
            self.request_body = body

    return Taking


def inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with its references replaced by what they stand for; none of the messages contains itself."""
    if isinstance(schema, list):
        return [inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return inlined(definitions[schema["$ref"]], definitions)
    return {name: inlined(part, definitions) for name, part in schema.items()}
