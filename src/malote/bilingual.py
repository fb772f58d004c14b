"""The one way to say something in Portuguese and in English. Pages alone have another: gettext, for their templates."""

from typing import Generic, Literal, TypeVar

import msgspec

Language = Literal["pt", "en"]
Said = TypeVar("Said")


class Bilingual(msgspec.Struct, Generic[Said], frozen=True, forbid_unknown_fields=True):
    """The same in both languages: words, headings, or whatever else people of either read."""

    pt: Said
    en: Said

    def of(self, language: Language) -> Said:
        return self.en if language == "en" else self.pt


class Text(Bilingual[str], frozen=True, forbid_unknown_fields=True):
    """Words in both languages. Placeholders such as ``{expected}`` are filled from a finding's facts."""
