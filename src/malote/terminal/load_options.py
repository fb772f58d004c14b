"""What the commands of loads share: of which entities and tills, and the words for a price that waits."""

from datetime import datetime
from typing import Annotated

import typer

from malote.bilingual import Bilingual
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
