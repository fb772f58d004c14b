"""What a till notes of its line to the server."""

import msgspec


class ServerLine(msgspec.Struct, frozen=True):
    """How it stands between till and server, for people to see. Times in seconds since the epoch."""

    server: str
    reachable: bool
    at: float
    code: str | None = None
    detail: str | None = None
    till: str | None = None
    server_version: str | None = None
    skew_seconds: float | None = None
