"""One check: what it is called, what it does, and how it says that something is wrong."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from malote.erp.conformance.scene import Scene

Verdict = Literal["passed", "failed", "skipped"]
Act = Callable[["Scene"], None]


class CheckFailedError(Exception):
    """The ERP did something else than it must. The message says what, in English, for whoever looks after it."""


class NotApplicableError(Exception):
    """The check has no meaning here; the message says why."""


class Check(msgspec.Struct, frozen=True):
    """``code`` is for programs, the titles for people."""

    code: str
    pt: str
    en: str
    act: Act

    def title(self, language: str) -> str:
        return self.en if language == "en" else self.pt


class Finding(msgspec.Struct, frozen=True):
    """What came of one check. ``seconds`` is how long it took."""

    code: str
    title: str
    verdict: Verdict
    detail: str
    seconds: float


def expect(truth: bool, otherwise: str) -> None:
    """Raises ``CheckFailedError`` where it isn't true."""
    if not truth:
        raise CheckFailedError(otherwise)


def same(found: object, expected: object, what: str) -> None:
    """Raises ``CheckFailedError`` where the two differ."""
    if found != expected:
        raise CheckFailedError(f"{what}: expected {_short(expected)}, found {_short(found)}")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 300 else text[:300] + "…"
