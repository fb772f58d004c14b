"""Commands of the group ``till``."""

import typer


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
