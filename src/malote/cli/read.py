"""Commands of the group ``read``."""

import typer


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
