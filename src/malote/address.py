"""Addresses of databases: taken only where they can be read in one way, and never repeated in what is said of them.

A password with an "@" or a "/" in it moves the end of the host's name, so that the half of it would be looked up as a
server, and said aloud as one that can't be found. So whatever leaves a doubt is refused, with how it must be written.
The rules are those of RFC 3986, section 3.2, with one relaxation: of what has no meaning in an address nothing need be
written in code.
"""

import re
from collections.abc import Iterable
from typing import Literal

Scheme = Literal["postgresql", "oracle", "mariadb", "sqlite"]
ERP_SCHEMES: tuple[Scheme, ...] = ("postgresql", "oracle", "mariadb", "sqlite")

SCHEMES: dict[str, Scheme] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "postgresql+psycopg": "postgresql",
    "oracle": "oracle",
    "oracle+oracledb": "oracle",
    "mariadb": "mariadb",
    "mariadb+pymysql": "mariadb",
    "mysql": "mariadb",
    "mysql+pymysql": "mariadb",
    "sqlite": "sqlite",
}
_BAD_CODE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"[\w.-]+|\[[0-9A-Fa-f:.]+(?:%25[\w.-]+)?\]")
_PLACES = frozenset({"host", "hostaddr", "service"})  # of PostgreSQL's own: where the server is, said in the query
_LARGEST_PORT = 65535


class AddressError(ValueError):
    """``detail`` says what is wrong in signs that need no translation, and nothing of what the address holds."""

    def __init__(self, *detail: str) -> None:
        self.detail = ", ".join(detail)
        super().__init__(self.detail)


def check(address: str, schemes: Iterable[Scheme] = ERP_SCHEMES) -> Scheme:
    """What kind of database it is of. Raises ``AddressError``."""
    name, separator, rest = address.partition("://")
    scheme = SCHEMES.get(name.lower())
    known = list(schemes)
    if not separator or scheme is None or scheme not in known:
        # Nor is the name repeated: without "://" it would be all of the address.
        raise AddressError(" | ".join(_FORMS[one] for one in known))
    if any(not character.isprintable() for character in rest):
        raise AddressError(_written(character for character in rest if not character.isprintable()))
    if scheme == "sqlite":
        _check_file(rest)
    else:
        _check_server(rest, scheme)
    return scheme


def _check_file(rest: str) -> None:
    """A path may hold anything, but it begins with the third slash; a name in its place would be taken for a server."""
    if rest and not rest.startswith("/"):
        raise AddressError(_FORMS["sqlite"])


def _check_server(rest: str, scheme: Scheme) -> None:
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
    _check_host(authority.rpartition("@")[2], early_query or path.partition("?")[2], scheme)


def _check_host(place: str, query: str, scheme: Scheme) -> None:
    end = place.rfind("]") + 1
    host, colon, port = (place[:end], place[end : end + 1], place[end + 1 :]) if end else place.partition(":")
    if colon not in ("", ":") or (colon and not (port.isascii() and port.isdigit() and 0 < int(port) <= _LARGEST_PORT)):
        raise AddressError("host:port", _written("@:/"))
    if not host and scheme == "postgresql" and any(part.partition("=")[0] in _PLACES for part in query.split("&")):
        return
    if not _HOST.fullmatch(host):
        raise AddressError("host?", _FORMS[scheme])


def _written(signs: Iterable[str]) -> str:
    """How signs must be written within a user's name or a password."""
    return ", ".join(f"{_NAMES.get(sign, repr(sign))} → {_coded(sign)}" for sign in dict.fromkeys(signs))


def _coded(sign: str) -> str:
    return "".join(f"%{byte:02X}" for byte in sign.encode("utf-8", "replace"))


_NAMES = {"@": "@", "/": "/", "?": "?", "#": "#", "%": "%", ":": ":", " ": "' '"}
_FORMS: dict[Scheme, str] = {
    "postgresql": "postgresql://user:password@host:5432/database",
    "oracle": "oracle+oracledb://user:password@host:1521/?service_name=name",
    "mariadb": "mariadb://user:password@host:3306/database",
    "sqlite": "sqlite:///file",
}
