"""Commands of the group ``demo``."""

import typer


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
