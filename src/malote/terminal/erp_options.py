"""Which ERP a command means, and under which profile."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from malote.config import Settings
from malote.terminal.command import require_settings, settings_of

UrlArgument = Annotated[
    str,
    typer.Argument(
        help="Address of the database; erp.url of the settings by default. On a command line, others may see a password"
        " in it: MALOTE_ERP_URL in the environment is safer.",
        show_default=False,
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", help="Another profile than erp.profile of the settings.", show_default=False),
]


def settings_with(config: Path | None, profile: str | None) -> Settings:
    """The settings, with another profile where one is given."""
    settings = settings_of(config)
    if profile is None:
        return settings
    if profile.endswith(".toml"):
        profile = str(Path(profile).resolve())  # relative to here, as typed, and not to the home folder
    return msgspec.structs.replace(settings, erp=msgspec.structs.replace(settings.erp, profile=profile))


def require_erp(config: Path | None, url: str, settings: Settings) -> None:
    """Ends the command where neither an address nor settings say which ERP is meant."""
    if not url:
        require_settings(config, settings)
