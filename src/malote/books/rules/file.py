"""The file of the retailer's own rules: TOML, read whole; one fault anywhere and nothing of it counts."""

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from malote.bilingual import Bilingual
from malote.books.rules import fields
from malote.books.rules.language import Condition, ConditionError, read
from malote.plain import clean
from malote.rejection import Language

LARGEST = 65_536  # bytes
MOST = 50  # rules
HEAVIEST = 79  # of a rule: what stops a till weighs more

Of = Literal["sale", "day"]


class Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as it stands in the file. ``text`` is what people are told, ``text_en`` the same in English."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    of: Of
    when: str
    text: Annotated[str, msgspec.Meta(min_length=3, max_length=200)]
    text_en: Annotated[str, msgspec.Meta(max_length=200)] = ""
    weight: Annotated[int, msgspec.Meta(ge=1, le=HEAVIEST)] = 45


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: Annotated[list[Written], msgspec.Meta(max_length=MOST)] = []


class OwnRule(msgspec.Struct, frozen=True):
    written: Written
    condition: Condition

    @property
    def name(self) -> str:
        return self.written.name

    def said(self, language: Language) -> str:
        return Bilingual(self.written.text, self.written.text_en or self.written.text).of(language)


class RulesError(Exception):
    """``faults`` in both languages, Portuguese first, each with the rule and the letter of its condition."""

    def __init__(self, faults: list[Bilingual[str]]) -> None:
        super().__init__("; ".join(fault.en for fault in faults))
        self.faults = faults

    def said(self, language: Language) -> list[str]:
        return [one.of(language) for one in self.faults]


def load(path: Path) -> tuple[list[OwnRule], str]:
    """The rules in the order of the file, and its SHA-256 in hex. Raises ``RulesError``."""
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        raise RulesError([Bilingual(f"{path}: {error.strerror}", f"{path}: {error.strerror}")]) from error
    if len(content) > LARGEST:
        raise RulesError([Bilingual(f"maior que {LARGEST} bytes", f"more than {LARGEST} bytes")])
    return parse(content), hashlib.sha256(content).hexdigest()


def parse(content: bytes) -> list[OwnRule]:
    """Raises ``RulesError`` with every fault that is found."""
    try:
        file = msgspec.convert(tomllib.loads(content.decode("utf-8-sig")), _File)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        said = clean(str(error))[:200]
        raise RulesError([Bilingual(said, said)]) from error
    rules: list[OwnRule] = []
    faults: list[Bilingual[str]] = []
    for one in file.rule:
        if one.name in {known.name for known in rules}:
            faults.append(Bilingual(f"{one.name}: o nome está duas vezes", f"{one.name}: its name stands twice"))
        try:
            rules.append(compiled(one))
        except ConditionError as error:
            faults.append(Bilingual(f"{one.name}: {_words(error, 'pt')}", f"{one.name}: {_words(error, 'en')}"))
    if faults:
        raise RulesError(faults)
    return rules


def compiled(one: Written) -> OwnRule:
    """Raises ``ConditionError``."""
    tidy = msgspec.structs.replace(one, text=clean(one.text), text_en=clean(one.text_en))
    return OwnRule(tidy, read(one.when, fields.OF[one.of]))


_TYPES = {
    "number": Bilingual("um número", "a number"),
    "text": Bilingual("um texto", "a text"),
    "truth": Bilingual("sim ou não", "yes or no"),
}
_WORDS = {
    "too_long": Bilingual("condição com mais de {detail} letras", "a condition of more than {detail} letters"),
    "too_deep": Bilingual("mais de {detail} parênteses um no outro", "more than {detail} brackets within each other"),
    "letter": Bilingual("“{detail}” não se entende", "“{detail}” isn't understood"),
    "end": Bilingual("não se espera “{detail}” aqui", "“{detail}” isn't expected here"),
    "expected": Bilingual("falta {detail}", "{detail} is missing"),
    "field": Bilingual("não há o campo {detail}", "there is no field {detail}"),
    "type": Bilingual("aqui precisa estar {detail}", "{detail} must stand here"),
    "whole": Bilingual("a condição precisa responder sim ou não", "the condition must answer yes or no"),
    "number": Bilingual("número com mais de {detail} dígitos", "a number of more than {detail} digits"),
}


def _words(error: ConditionError, language: Language) -> str:
    detail = _TYPES[error.detail].of(language) if error.problem == "type" else clean(error.detail)[:40]
    if error.problem == "expected" and detail == "…":
        detail = Bilingual("um valor", "a value").of(language)
    place = Bilingual(f"letra {error.place}", f"letter {error.place}").of(language)
    return f"{place}: {_WORDS[error.problem].of(language).format(detail=detail)}"
