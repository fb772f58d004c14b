"""The till's end of the line: requests to the billing server, and what its replies mean for the till."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, Self, TypeVar

import httpx
import msgspec

from malote import __version__, wire
from malote.clock import CLOCK, Clock
from malote.explained_error import ExplainedError
from malote.load_format.wire import PATH_FILE, PATH_MANIFEST, PATH_NEWS, LoadNews, Manifest, ManifestQuery
from malote.loopback import is_loopback
from malote.sealing import seal
from malote.till.setup import SetupError

REPLY_SECONDS = 60.0  # for a whole reply, however slowly it drips
LARGEST_REPLY = 32_000_000
_TIMEOUT = httpx.Timeout(wire.PATIENCE_SECONDS, connect=5.0)
_OF_FILE = httpx.Timeout(10.0, connect=5.0)  # between two pieces of a file: sales wait for it
_PARTIAL = 206
_PER_DOCUMENT = frozenset({400, 409, 411, 413, 415, 422})
_SHUT = frozenset({401, 403, 404, 405, 426})

Answered = TypeVar("Answered")

# unreachable  nothing that speaks for the server answered: try again
# busy         the server asks for patience: try again
# failed       the server failed at this: try again, and suspect the pouch if it keeps failing
# shut         no till of ours may do this (token, version, address): try again slowly, and say it loudly
# content      the server will never take this pouch: find out which file it is
Kind = Literal["unreachable", "busy", "failed", "shut", "content"]


_BARE: dict[int, tuple[Kind, str]] = {
    401: ("shut", "token_invalid"),
    404: ("shut", "not_found"),
    413: ("content", "body_too_large"),
    429: ("busy", "server_busy"),
    500: ("failed", "server_failed"),
    503: ("busy", "server_busy"),
}


class ServerError(ExplainedError):
    """A request without a usable answer. Whether the server acted on it is unknown, so every request is repeatable."""

    def __init__(
        self, kind: Kind, code: str, detail: str, *, retry_after: float | None = None, in_words: bool = False
    ) -> None:
        """``in_words``: whether ``detail`` is the server's own account of the cause."""
        super().__init__(code, **{"said" if in_words else "detail": detail})
        self.kind = kind
        self.detail = detail
        self.retry_after = retry_after
        self.in_words = in_words


class ServerClient:
    """One connection to the billing server, kept open. Every request raises ``ServerError``.

    ``address`` is where the server listens, ``token`` the till's own. Raises ``SetupError``.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        timeout: httpx.Timeout = _TIMEOUT,
        reply_seconds: float = REPLY_SECONDS,
        clock: Clock = CLOCK,
    ) -> None:
        headers = {
            "Authorization": f"Bearer {_plain(token)}",
            "Accept-Encoding": "identity",
            "User-Agent": f"malote-till/{__version__}",
            wire.PROTOCOL_HEADER: str(wire.PROTOCOL_VERSION),
        }
        # The system's own certificates, so that a store may use an authority of its own; no proxy within a store.
        self._client = httpx.Client(
            base_url=_usable(address),
            headers=headers,
            timeout=timeout,
            verify=ssl.create_default_context(),
            trust_env=False,
        )
        url = self._client.base_url
        self.in_the_clear = url.scheme == "http" and not is_loopback(url.host)  # whoever is on the way can read it all
        number = token.partition(".")[0]
        self.till = int(number) if number.isdigit() and len(number) < 18 else 0  # as the server knows this till
        self._reply_seconds = reply_seconds
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def send(self, files: list[wire.PouchFile]) -> wire.PouchReply:
        """Sends a pouch; its receipts come in no order that the till relies on."""
        body, sha256 = seal(files, datetime.fromtimestamp(self._clock.now(), UTC).astimezone())
        headers = {"Content-Type": wire.POUCH_MEDIA_TYPE, wire.POUCH_HASH_HEADER: sha256}
        return self._ask(wire.PATH_POUCHES, body, headers, wire.PouchReply)

    def receipts(self, hashes: list[bytes], holding: list[bytes] | None = None) -> wire.ReceiptsReply:
        """Asks what became of files, at most ``wire.MAX_QUERY``, and says which of them are held here."""
        held = None if holding is None else [sha256.hex() for sha256 in holding]
        query = wire.ReceiptsQuery([sha256.hex() for sha256 in hashes], held)
        return self._ask(wire.PATH_RECEIPTS, msgspec.json.encode(query), _JSON, wire.ReceiptsReply)

    def manifest(self, query: ManifestQuery) -> Manifest:
        """Asks from which files the state of an order is made. That it can't be told holds back no sale."""
        try:
            return self._ask(PATH_MANIFEST, msgspec.json.encode(query), _JSON, Manifest)
        except ServerError as error:
            raise _of_load(error) from error

    @contextmanager
    def load_file(self, sha256: str, offset: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """A file of a load from ``offset`` on: where it begins after all, and its bytes as they come.

        What goes wrong, also in the block, holds back no sale.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            with self._client.stream(
                "GET", PATH_FILE.format(sha256=sha256), headers=headers, timeout=_OF_FILE
            ) as reply:
                if not reply.is_success:
                    raise _of_load(_fault(reply, self._content(reply), self._clock.now()))
                yield (offset if reply.status_code == _PARTIAL else 0), reply.iter_raw()
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise ServerError("failed", "server_unreachable", _said(error)) from error

    def newest_load(self, known: LoadNews) -> LoadNews:
        """The newest version of the loads and its open wave, once they are others than ``known``; the same after a
        while."""
        params = {"known": str(known.version), "wave": str(known.wave)}
        return self._ask(PATH_NEWS, None, {}, LoadNews, params=params)

    def contact(self, contact: wire.Contact) -> wire.ContactReply:
        """Gives a sign of life."""
        return self._ask(wire.PATH_CONTACT, msgspec.json.encode(contact), _JSON, wire.ContactReply)

    def _ask(
        self,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        reply: type[Answered],
        params: dict[str, str] | None = None,
    ) -> Answered:
        method = "GET" if body is None else "POST"
        try:
            with self._client.stream(method, path, content=body, headers=headers, params=params) as response:
                content = self._content(response)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise ServerError("unreachable", "server_unreachable", _said(error)) from error
        if not response.is_success:
            raise _fault(response, content, self._clock.now())
        try:
            return msgspec.json.decode(content, type=reply)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            # A hotel's log-in page, a proxy's excuse: whatever answered is not the server.
            raise ServerError("unreachable", "server_unreachable", f"{path}: {_said(error)}") from error

    def _content(self, response: httpx.Response) -> bytes:
        until = self._clock.monotonic() + self._reply_seconds
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > LARGEST_REPLY:
                raise ServerError("unreachable", "server_unreachable", f"a reply of more than {LARGEST_REPLY} bytes")
            if self._clock.monotonic() > until:
                raise ServerError("unreachable", "server_unreachable", f"no whole reply in {self._reply_seconds:g} s")
        return b"".join(parts)


_JSON = {"Content-Type": "application/json"}


def _of_load(error: ServerError) -> ServerError:
    """The same, of what the sales need not wait for."""
    return ServerError("failed", error.code, error.detail, retry_after=error.retry_after, in_words=error.in_words)


def _fault(response: httpx.Response, content: bytes, now: float) -> ServerError:
    """What a reply that is no success means; one without the server's own ``Fault`` may come from anything between."""
    status = response.status_code
    patience = _retry_after(response.headers.get("Retry-After"), now)
    try:
        fault = msgspec.json.decode(content, type=wire.Fault)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _bare_fault(status, patience)
    detail = fault.detail or fault.title
    if status in _SHUT or fault.code == "token_invalid":
        kind: Kind = "shut"
    elif status in _PER_DOCUMENT and not fault.transient:
        kind = "content"
    else:
        kind = "failed" if fault.code == "server_failed" else "busy"
    return ServerError(kind, fault.code, detail, retry_after=patience, in_words=True)


def _bare_fault(status: int, patience: float | None) -> ServerError:
    detail = f"HTTP {status}"
    kind, code = _BARE.get(status, ("unreachable", "server_unreachable"))
    return ServerError(kind, code, detail, retry_after=patience)


def _retry_after(value: str | None, now: float) -> float | None:
    """Seconds; from a number or a date, None when it is neither."""
    if value is None:
        return None
    try:
        return max(0.0, float(int(value)))
    except OverflowError:
        return None
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return max(0.0, moment.timestamp() - now)


def _said(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _usable(address: str) -> str:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        raise SetupError("setting_invalid", "till.server", str(error)) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise SetupError("setting_invalid", "till.server", f"{address!r}: http://, https://")
    return address


def _plain(token: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SetupError("setting_invalid", "till.token", "A-Z a-z 0-9 -._~+/=")
    return token
