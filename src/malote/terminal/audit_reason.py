"""Why somebody did something: what commands ask for, and the audit trail keeps."""

from typing import Annotated

import typer

ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why; it stands in the audit trail.", metavar="TEXT", show_default=False)
]


def checked_reason(text: str) -> str:
    """Raises ``typer.BadParameter`` where it says nothing, or too much."""
    from malote.books.accepting import LONGEST_REASON, SHORTEST_REASON

    if not SHORTEST_REASON <= len(text.strip()) <= LONGEST_REASON:
        raise typer.BadParameter(f"{SHORTEST_REASON} to {LONGEST_REASON} characters", param_hint="--reason")
    return text.strip()
