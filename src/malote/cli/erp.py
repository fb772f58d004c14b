"""``malote erp …``: the production database, as whoever looks after it meets it."""

from typing import Annotated

import typer

from malote.bilingual import Bilingual
from malote.config import Settings
from malote.terminal.command import FOUND, ConfigOption, explained, warn
from malote.terminal.erp_options import ProfileOption, UrlArgument, require_erp, settings_with
from malote.terminal.output import say

MOST_NAMED = 8  # tables and columns that don't fit

UserOption = Annotated[
    str,
    typer.Option("--user", help="The posting user; the address' own by default.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("create")(create)
    app.command("grants")(grants)


def create(url: UrlArgument = "", profile: ProfileOption = None, config: ConfigOption = None) -> None:
    """Creates those of Malote's tables that the ERP lacks. Alters and drops nothing.

    Where a profile says that the ERP has tables of its own, only the ledger is Malote's. Exit status 1 where what is
    there doesn't fit all the same: malote erp profile check says how.
    """
    from malote.erp.factory import open_configured

    settings = settings_with(config, profile)
    require_erp(config, url, settings)
    with explained(settings):
        erp = open_configured(settings, url, remembered="" if url else _booked_into(settings))
        try:
            erp.create_structure()
            faults = erp.faults()
        finally:
            erp.close()
    if faults:
        named = [f"{one.table}.{one.column}" if one.column else one.table for one in faults]
        more = f" (+{len(named) - MOST_NAMED})" if len(named) > MOST_NAMED else ""
        detail = ", ".join(named[:MOST_NAMED]) + more
        warn("profile_unfit", {"detail": detail, "count": str(len(named))}, settings)
        raise typer.Exit(FOUND)
    say(Bilingual("As tabelas do Malote estão no ERP.", "Malote's tables are in the ERP.").of(settings.language))


def _booked_into(settings: Settings) -> str:
    """The schema that this server booked into before, if it ever did: its ledger isn't made a second time elsewhere."""
    from malote.database.engine import open_database
    from malote.database.errors import StoreError
    from malote.reconciliation import erp_memory

    file = settings.store_file
    if file is not None and not file.exists():
        return ""
    try:
        engine = open_database(settings.database_url)
        try:
            return erp_memory.recall(engine).schema
        finally:
            engine.dispose()
    except (StoreError, ValueError):
        return ""  # not a store's yet: malote check says what is wrong with it otherwise


def grants(
    url: UrlArgument = "", user: UserOption = "", profile: ProfileOption = None, config: ConfigOption = None
) -> None:
    """Prints the GRANT statements that the posting user needs, for the DBA to run. Connects to nothing."""
    from malote.erp.address import parsed
    from malote.erp.factory import open_configured
    from malote.erp.grants import statements
    from malote.erp_engines import title_of

    settings = settings_with(config, profile)
    require_erp(config, url, settings)
    with explained(settings):
        erp = open_configured(settings, url)
        named = user or parsed(url or settings.erp_url).username or "malote"
        granted = statements(erp.grants(named))
        erp.close()
    if not granted:
        title = title_of(url or settings.erp_url)
        say(
            Bilingual(
                f"-- {title} não tem usuários: quem pode gravar o arquivo pode tudo.",
                f"-- {title} has no users: who may write the file may do everything.",
            ).of(settings.language)
        )
    for statement in granted:
        say(statement)
