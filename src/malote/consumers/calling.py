"""One POST to a webhook: to the address that was looked up and allowed, and to no other it might lead to.

A name is looked up here, and the connection goes to what was found, so that it can't point elsewhere in between. No
redirect is followed, no proxy of the environment used, and of an answer little more than its status is read.
"""

import ipaddress
import socket
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from malote.explained_error import ExplainedError
from malote.spool.documents import Reason

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
LARGEST_ANSWER = 65_536  # bytes read, so that the connection can be used again

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # IPv4 addresses within IPv6
_CLEAR = "http"
_SCHEMES = ("https", _CLEAR)


class CallError(ExplainedError):
    """It was not taken. ``answered``: the status of the answer; 0 where there was none."""

    def __init__(self, code: str, answered: int = 0, **facts: str) -> None:
        super().__init__(code, **facts)
        self.reason = Reason(code, facts)
        self.answered = answered


class CallTarget(msgspec.Struct, frozen=True):
    """Where a name leads to now. ``host`` is what the certificate must be of."""

    url: str  # with the address in the name's place
    host: str
    authority: str  # for the header Host


class Caller:
    """Keeps connections for one webhook. For one thread."""

    def __init__(self, *, private: bool) -> None:
        """``private``: whether addresses of this computer and of private networks are allowed."""
        self._private = private
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        self._http = httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Returns when it was taken. Raises ``CallError``."""
        target = resolve(url, private=self._private)
        sent = {"Content-Type": "application/json", "Host": target.authority, "User-Agent": "Malote", **headers}
        extensions = {"sni_hostname": target.host}
        try:
            with self._http.stream("POST", target.url, content=body, headers=sent, extensions=extensions) as answer:
                _read(answer)
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise CallError("webhook_unreachable", host=target.host, detail=type(error).__name__) from error
        if 300 <= status < 400:
            raise CallError("webhook_redirects", status, host=target.host, status=str(status))
        if not 200 <= status < 300:
            raise CallError("webhook_refused", status, host=target.host, status=str(status))

    def close(self) -> None:
        self._http.close()


def check_address(url: str, *, private: bool) -> None:
    """Whether this can be a webhook's address, without looking it up. Raises ``CallError``."""
    _parsed(url, private=private)


def resolve(url: str, *, private: bool) -> CallTarget:
    """Looks the name up. Raises ``CallError`` unless all it leads to is allowed."""
    parsed = _parsed(url, private=private)
    host = parsed.host
    port = parsed.port or (80 if parsed.scheme == _CLEAR else 443)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise CallError("webhook_unreachable", host=host, detail="DNS") from error
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    if not addresses:
        raise CallError("webhook_unreachable", host=host, detail="DNS")
    public = all(_is_public(one) for one in addresses)
    if not public and not private:
        raise CallError("webhook_address_private", host=host)
    if public and parsed.scheme == _CLEAR:
        raise CallError("webhook_in_clear", host=host)
    return CallTarget(str(parsed.copy_with(host=addresses[0], port=port)), host, _authority(parsed))


def _parsed(url: str, *, private: bool) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, UnicodeError) as error:
        raise CallError("webhook_address_invalid") from error
    if parsed.scheme not in _SCHEMES or not parsed.host or parsed.userinfo or parsed.fragment:
        raise CallError("webhook_address_invalid")
    if not private and _literal(parsed.host) and not _is_public(parsed.host):
        raise CallError("webhook_address_private", host=parsed.host)
    if not private and parsed.scheme == _CLEAR:
        raise CallError("webhook_in_clear", host=parsed.host)
    return parsed


def _authority(parsed: httpx.URL) -> str:
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
    return f"{host}:{parsed.port}" if parsed.port else host


def _literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_public(address: str) -> bool:
    """Whether it is nobody's private one: neither this computer's, nor a local network's, nor one with a meaning."""
    found: Any = ipaddress.ip_address(address)
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    if found in _NAT64:
        inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    if inner is not None and not inner.is_global:
        return False
    return bool(found.is_global and not found.is_multicast)


def _read(answer: httpx.Response) -> None:
    size = 0
    for piece in answer.iter_raw():
        size += len(piece)
        if size > LARGEST_ANSWER:
            return
