"""``malote erp profile suggest``: a first profile for a database that nobody described."""

from contextlib import closing
from functools import partial
from typing import Annotated

import typer

from malote import rejection
from malote.terminal.command import WRONG_USAGE, ConfigOption, explained, fail, settings_of
from malote.terminal.erp_options import UrlArgument, require_erp
from malote.terminal.output import errors, say_lines


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("suggest")(suggest)


def suggest(
    url: UrlArgument = "",
    schema: Annotated[str, typer.Option(help="The schema to look at; by default that of a bare name.")] = "",
    name: Annotated[str, typer.Option(help="What to call the profile.")] = "erp",
    config: ConfigOption = None,
) -> None:
    """Looks at a PostgreSQL or MariaDB database and prints a first profile: tables that look like sale, items,
    payments, taxes and stock, with "# ?" where it is unsure. Reads the catalogue, and of a table that is
    referred to its smallest number; changes nothing."""
    import msgspec

    from malote.erp.factory import open_configured
    from malote.erp.suggesting.spelling import can_be_suggested, spelling_of
    from malote.erp.suggesting.table_catalogue import look, smallest
    from malote.erp.suggesting.writing import NothingFoundError, suggested

    settings = settings_of(config)
    require_erp(config, url, settings)
    # Of whatever profile the settings name nothing is wanted: it may not be written yet.
    settings = msgspec.structs.replace(settings, erp=msgspec.structs.replace(settings.erp, profile=""))
    with explained(settings):
        try:
            with closing(open_configured(settings, url)) as erp:
                if not can_be_suggested(erp.engine):
                    errors.print(rejection.title("suggest_unsupported", settings.language), markup=False)
                    raise typer.Exit(WRONG_USAGE)
                with erp.read_only() as connection:
                    known = look(connection, schema or None)
                    there = partial(smallest, connection, schema=schema or None)
                    profile = suggested(known, name, settings.language, spelling_of(connection.dialect), there, schema)
            say_lines(profile)
        except NothingFoundError as error:
            fail("suggest_found_nothing", error.facts, settings)
