"""What the commands about rejected documents and the trash share: which documents, and how they fail."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from malote import rejection
from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.command import FOUND, WRONG_USAGE
from malote.terminal.output import errors, say

if TYPE_CHECKING:
    from malote.app import Services
    from malote.quarantine.quarantine_reports import Refused, Selection

_SHOWN = 20  # documents, of those that were left as they are

IdArgument = Annotated[int, typer.Argument(help="The document's number, as listed.", metavar="NUMBER")]
IdsArgument = Annotated[list[int] | None, typer.Argument(help="Numbers of documents, as listed.", metavar="NUMBER...")]
AllOption = Annotated[bool, typer.Option("--all", help="Every one, where neither numbers nor a till nor a reason say.")]

TillOption = Annotated[str | None, typer.Option("--till", help="Only this till's documents.", metavar="NAME")]
CodeOption = Annotated[
    str | None, typer.Option("--code", help="Only those rejected for this reason, such as items_sum.", metavar="CODE")
]


def selection_of(
    services: "Services", ids: Sequence[int] | None, till: str | None, code: str | None, *, everything: bool
) -> "Selection":
    """The documents that a command names; none at all is a mistake, and not all of them."""
    from malote.quarantine.quarantine_reports import Selection
    from malote.tills.till import find_till

    if not ids and till is None and code is None and not everything:
        words = Bilingual("diga números, --till, --code ou --all", "give numbers, --till, --code or --all").of(
            services.settings.language
        )
        errors.print(f"malote: {words}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(WRONG_USAGE)
    name = find_till(services.engine, till).name if till is not None else None
    return Selection(tuple(ids) if ids else None, name, code)


def show_refused(refused: "Sequence[Refused]", language: Language, *, all_of_them: str = "--json") -> None:
    """Of the documents that were left as they are: how many for which reason, what to do, and the first ones with why.

    ``all_of_them``: what shows the others.
    """
    examples = {one.code: one for one in reversed(refused)}
    for code, number in Counter(one.code for one in refused).most_common():
        say(f"{number} × {rejection.title(code, language)} [{code}]")
        say(f"  {rejection.remedy(code, examples[code].facts, language)}")
    for one in refused[:_SHOWN]:
        say(f"  {one.id}: {rejection.cause(one.code, one.facts, language)}")
    if len(refused) > _SHOWN:
        say(f"  … {all_of_them}")


def end(refused: "Sequence[Refused]") -> None:
    """Ends the command: something was refused, or all was done."""
    if refused:
        raise typer.Exit(FOUND)
