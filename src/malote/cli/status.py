"""Commands of the group ``status``."""

import typer


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
