"""What the commands of loads share: of which entities and tills, and the words for when a price is valid."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from malote.bilingual import Bilingual
from malote.load_format.entity import INSTANT
from malote.rejection import Language
from malote.terminal.tables import local_time

EntitiesOption = Annotated[
    list[str] | None, typer.Option("--entity", help="Of this entity alone; may be given again.", metavar="NAME")
]
TillsOption = Annotated[
    list[str] | None, typer.Option("--till", help="For this till alone; may be given again.", metavar="NAME")
]


def put_off_words(begins: str, language: Language) -> str:
    """Of a price that rises. ``begins``: as rows have instants."""
    at = local_time(datetime.fromisoformat(begins).timestamp(), language)
    return Bilingual(
        f"vale a partir de {at}, porque sobe na gôndola primeiro",
        f"valid from {at}, since it goes up on the shelf first",
    ).of(language)


def validity_words(values: Mapping[str, Any], language: Language) -> str:
    """From when until when a row is valid. ``values``: by column; None of either: there is no such end."""
    begins, ends = (values.get(name) for name in ("valid_from", "valid_until"))
    since = _moment(begins, language) if begins else Bilingual("desde sempre", "no beginning").of(language)
    until = _moment(ends, language) if ends else Bilingual("sem fim", "no end").of(language)
    return f"{since} – {until}"


def _moment(text: str, language: Language) -> str:
    """A day stays as it is, an instant is told by the store's clock."""
    return local_time(datetime.fromisoformat(text).timestamp(), language) if "T" in text else text


def with_moments(text: str, language: Language) -> str:
    """With the instants in it by the store's clock."""
    return INSTANT.sub(lambda found: _moment(found.group(), language), text)
