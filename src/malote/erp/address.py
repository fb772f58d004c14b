"""The ERP's address, which may hold a password: taken apart without repeating it, and shown without it."""

import re

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from malote import address
from malote.address import AddressError
from malote.erp.protocol import ErpError

HIDDEN = "***"
_SECRET_OPTION = re.compile(r"passw|pwd|secret|token|sslkey|wallet", re.IGNORECASE)


def parsed(url: str) -> URL:
    """Raises ``ErpError`` with ``erp_address_invalid``, which says nothing of what the address holds."""
    try:
        address.check(url)
        return make_url(url)
    except AddressError as error:
        raise invalid(error.detail) from None
    except (ArgumentError, ValueError):
        # Neither the address nor what was said of it, which quotes the password.
        raise invalid("?") from None


def invalid(detail: str) -> ErpError:
    return ErpError("erp_address_invalid", detail=detail)


def masked(url: str) -> str:
    """The address as it may be shown and logged."""
    try:
        address.check(url)
        plain = make_url(url)
    except (ArgumentError, ValueError):
        return HIDDEN
    query = {name: HIDDEN if _SECRET_OPTION.search(name) else value for name, value in plain.query.items()}
    return plain.set(query=query).render_as_string(hide_password=True)


def lacks_password(url: str) -> bool:
    """Whether it names a user and no password. Raises ``ErpError``."""
    found = parsed(url)
    return bool(found.username) and found.password is None


def with_password(url: str, password: str) -> str:
    """The same address, the password written in code where it must be. Raises ``ErpError``."""
    return parsed(url).set(password=password).render_as_string(hide_password=False)


def secrets_of(url: URL) -> tuple[str, ...]:
    """What must never be said, longest first."""
    given = [url.password, *(value for name, value in url.query.items() if _SECRET_OPTION.search(name))]
    secrets = {part for value in given if value for part in ((value,) if isinstance(value, str) else value)}
    return tuple(sorted(secrets, key=len, reverse=True))


def without(secrets: tuple[str, ...], text: str) -> str:
    """The text with each secret hidden, should a driver have quoted one."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text
