"""A list of thousands, as a person reads it: how many for which reason first, and then the first hundred."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol, TypeVar

from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.output import say

MOST_SHOWN = 100


class Reasoned(Protocol):
    @property
    def code(self) -> str: ...
    @property
    def title(self) -> str: ...


Entry = TypeVar("Entry", bound=Reasoned)


def first_of_many(found: Sequence[Entry], language: Language) -> Sequence[Entry]:
    """Those to be shown, in their order. Of more, it says how many there are for which reason, and what shows all."""
    if len(found) <= MOST_SHOWN:
        return found
    titles = {one.code: one.title for one in found}
    for code, count in Counter(one.code for one in found).most_common():
        say(f"{count} × {titles[code]} [{code}]")
    words = Bilingual(
        "Aqui os primeiros {shown} de {count}; todos: --json", "Here the first {shown} of {count}; all of them: --json"
    )
    say(words.of(language).format(shown=MOST_SHOWN, count=len(found)))
    return found[:MOST_SHOWN]
