"""A list of thousands, as a person reads it: how many first, and then the first some of them."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.output import say

MOST_SHOWN = 100
MOST_TILLS = 200


class Reasoned(Protocol):
    @property
    def code(self) -> str: ...
    @property
    def title(self) -> str: ...


Entry = TypeVar("Entry", bound=Reasoned)
OfTill = TypeVar("OfTill")


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


def tills_to_show(tills: Sequence[OfTill], ails: Callable[[OfTill], bool], language: Language) -> Sequence[OfTill]:
    """All of them; of more than a person reads only those that something ails, as far as that many. Then it says so."""
    if len(tills) <= MOST_TILLS:
        return tills
    ill = [one for one in tills if ails(one)]
    shown = ill[:MOST_TILLS]
    words = Bilingual(
        "{count} caixas, {ill} com algo a ver; aqui {shown}; todos: --json",
        "{count} tills, {ill} with something to look at; here {shown}; all of them: --json",
    )
    say(words.of(language).format(count=len(tills), ill=len(ill), shown=len(shown)))
    return shown
