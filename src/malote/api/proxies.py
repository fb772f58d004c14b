"""Whose request it is: the peer's, unless the peer is a proxy that the settings name. Nobody else's word counts."""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any

from litestar.types import ASGIApp, Receive, Scope, Send

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_SCHEMES = (b"http", b"https")


class Trusted:
    """Addresses and networks of proxies."""

    def __init__(self, named: Sequence[str]) -> None:
        """Raises ``ValueError`` for what is no address and no network."""
        self._networks = [ipaddress.ip_network(each, strict=False) for each in named]

    def __bool__(self) -> bool:
        return bool(self._networks)

    def has(self, text: str) -> bool:
        address = address_of(text)
        return address is not None and any(address in network for network in self._networks)

    def client(self, forwarded: Iterable[str], peer: str) -> str:
        """The last of the addresses that no trusted proxy has: those before it are its own word.

        ``forwarded`` has the farthest first. What is no address ends the search at the proxy that passed it on.
        """
        nearest = peer
        for text in reversed([*forwarded]):
            address = address_of(text)
            if address is None:
                return nearest
            nearest = str(address)
            if not self.has(nearest):
                return nearest
        return nearest


def believing(trusted: Trusted) -> Any:
    """A middleware that puts client and scheme into the request as a trusted proxy tells them."""

    def around(app: ASGIApp) -> ASGIApp:
        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            peer = scope.get("client")
            if peer is not None and trusted.has(peer[0]):
                scope["client"] = (trusted.client(_listed(scope, b"x-forwarded-for"), peer[0]), 0)
                scheme = _listed(scope, b"x-forwarded-proto")[-1:]
                if scheme and scheme[0].encode() in _SCHEMES:
                    scope["scheme"] = scheme[0]
            await app(scope, receive, send)

        return run

    return around


def address_of(text: str) -> Address | None:
    """An address as proxies write it, with or without a port; an IPv4 address within an IPv6 one is that."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _listed(scope: Scope, name: bytes) -> list[str]:
    """The values of a header that may come in several lines."""
    lines = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return [part.strip() for line in lines for part in line.split(",")]
