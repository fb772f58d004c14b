"""The console's two languages: Portuguese, which the sources are written in, and English from ``locale/``."""

import io
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any, get_args

from babel.core import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from malote.rejection import Language

LANGUAGES: tuple[Language, ...] = get_args(Language)
COOKIE = "malote_language"

LOCALES: dict[Language, Locale] = {"pt": Locale("pt", "BR"), "en": Locale("en", "GB")}
TAGS: dict[Language, str] = {"pt": "pt-BR", "en": "en"}

Translate = Callable[[str], str]


def marked(text: str) -> str:
    """Says that a text is translated where it is shown."""
    return text


def choose(cookie: str | None, accepted: str, default: Language) -> Language:
    """The person's own choice; otherwise the first of the browser's languages that is spoken here."""
    if cookie in LANGUAGES:
        return next(language for language in LANGUAGES if language == cookie)
    wishes = [_wish(part) for part in accepted.split(",")]
    for _, name in sorted((wish for wish in wishes if wish[0] > 0), key=lambda wish: -wish[0]):
        for language in LANGUAGES:
            if name.split("-")[0] == language:
                return language
    return default


def _wish(part: str) -> tuple[float, str]:
    name, _, parameters = part.partition(";")
    quality = parameters.strip().removeprefix("q=")
    try:
        return (float(quality) if quality else 1.0), name.strip().lower()
    except ValueError:
        return 0.0, name


@cache
def translations(language: Language) -> NullTranslations:
    """The catalogue of a language, compiled from its text: there is no second file that could be out of date."""
    if language == "pt":
        return NullTranslations()
    source = resources.files("malote.console") / "locale" / language / "LC_MESSAGES" / "messages.po"
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(source.read_bytes()), locale=language))
    compiled.seek(0)
    return Translations(compiled)


def translator(language: Language) -> Translate:
    """Turns a marked text into the language's."""
    gettext: Callable[[str], Any] = translations(language).gettext
    return lambda text: str(gettext(text))


def plural_translator(language: Language) -> Callable[[str, str, int], str]:
    """The same for the singular and the plural of a text."""
    ngettext: Callable[[str, str, int], Any] = translations(language).ngettext
    return lambda one, many, count: str(ngettext(one, many, count))
