"""One check: what it is called and what it does."""

from collections.abc import Callable
from typing import Literal

import msgspec

from malote.bilingual import Bilingual, Language
from malote.erp.conformance.scene import Scene

Verdict = Literal["passed", "failed", "skipped"]
Act = Callable[[Scene], None]


class Check(msgspec.Struct, frozen=True):
    """``code`` is for programs, the titles for people."""

    code: str
    pt: str
    en: str
    act: Act

    def title(self, language: Language) -> str:
        return Bilingual(self.pt, self.en).of(language)


class CheckOutcome(msgspec.Struct, frozen=True):
    """What came of one check. ``seconds`` is how long it took."""

    code: str
    title: str
    verdict: Verdict
    detail: str
    seconds: float
