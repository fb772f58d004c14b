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


class Fact(str):
    """What stands in a sentence. ``{tills:caixa|caixas}`` is a number with what is counted: 1 caixa, 3 caixas."""

    __slots__ = ()

    def __format__(self, counted: str) -> str:
        one, _, many = counted.partition("|")
        return f"{self!s} {one if str(self) == '1' else many}" if many else str(self)


def filled(text: str, **facts: object) -> str:
    """The sentence with its facts, each number with what is counted in the form that it asks for."""
    return text.format_map({name: Fact(value) for name, value in facts.items()})
