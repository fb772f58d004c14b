"""Addresses of databases: taken only where they can be read in one way, and never repeated in what is said of them.

A password with an "@" or a "/" in it moves the end of the host's name, so that the half of it would be looked up as a
server, and said aloud as one that can't be found. So whatever leaves a doubt is refused, with how it must be written.
The rules are those of RFC 3986, section 3.2, with one relaxation: of what has no meaning in an address nothing need be
written in code.
"""

import re
from collections.abc import Iterable

from malote.erp_engines import BY_SCHEME, NAMES, RegisteredEngine

_BAD_CODE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"[\w.-]+|\[[0-9A-Fa-f:.]+(?:%25[\w.-]+)?\]")
_LARGEST_PORT = 65535


class AddressError(ValueError):
    """``detail`` says what is wrong in signs that need no translation, and nothing of what the address holds."""

    def __init__(self, *detail: str) -> None:
        self.detail = ", ".join(detail)
        super().__init__(self.detail)


def check(address: str, engines: Iterable[str] = NAMES) -> str:
    """Of which of the ``engines`` it is, by name. Raises ``AddressError``."""
    name, separator, rest = address.partition("://")
    engine = BY_SCHEME.get(name.lower())
    known = list(engines)
    if not separator or engine is None or engine.name not in known:
        # Nor is the name repeated: without "://" it would be all of the address.
        raise AddressError(" | ".join(BY_SCHEME[one].form for one in known))
    if any(not character.isprintable() for character in rest):
        raise AddressError(_written(character for character in rest if not character.isprintable()))
    if engine.is_file:
        _check_file(rest, engine)
    else:
        _check_server(rest, engine)
    return engine.name


def _check_file(rest: str, engine: RegisteredEngine) -> None:
    """A path may hold anything, but it begins with the third slash; a name in its place would be taken for a server."""
    if rest and not rest.startswith("/"):
        raise AddressError(engine.form)


def _check_server(rest: str, engine: RegisteredEngine) -> None:
    strange = [sign for sign in ("#", " ") if sign in rest]
    if strange:
        raise AddressError(_written(strange))
    if _BAD_CODE.search(rest):
        raise AddressError(_written("%"))
    if rest.count("@") > 1:
        raise AddressError(_written("@"))
    authority, _, path = rest.partition("/")
    if "@" in path or ("?" in authority and "@" in authority.partition("?")[2]):
        raise AddressError(_written("@/?"))
    authority, _, early_query = authority.partition("?")
    _check_host(authority.rpartition("@")[2], early_query or path.partition("?")[2], engine)


def _check_host(place: str, query: str, engine: RegisteredEngine) -> None:
    end = place.rfind("]") + 1
    host, colon, port = (place[:end], place[end : end + 1], place[end + 1 :]) if end else place.partition(":")
    if colon not in ("", ":") or (colon and not (port.isascii() and port.isdigit() and 0 < int(port) <= _LARGEST_PORT)):
        raise AddressError("host:port", _written("@:/"))
    if not host and any(part.partition("=")[0] in engine.places for part in query.split("&")):
        return
    if not _HOST.fullmatch(host):
        raise AddressError("host?", engine.form)


def _written(signs: Iterable[str]) -> str:
    """How signs must be written within a user's name or a password."""
    return ", ".join(f"{_NAMES.get(sign, repr(sign))} → {_coded(sign)}" for sign in dict.fromkeys(signs))


def _coded(sign: str) -> str:
    return "".join(f"%{byte:02X}" for byte in sign.encode("utf-8", "replace"))


_NAMES = {"@": "@", "/": "/", "?": "?", "#": "#", "%": "%", ":": ":", " ": "' '"}
