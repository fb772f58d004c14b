"""Commands of the group ``rejected``."""

import typer


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
