"""``malote erp accept-ledger``: a person says why the ERP's ledger lacks what was booked."""

import time

import typer

from malote.bilingual import Bilingual
from malote.terminal.audit_reason import ReasonOption
from malote.terminal.command import FOUND, ConfigOption, services_of
from malote.terminal.output import say


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("accept-ledger")(accept_ledger)


def accept_ledger(reason: ReasonOption, config: ConfigOption = None) -> None:
    """Lets posting go on into a ledger that lacks what this server booked before (erp_ledger_short).

    What differs otherwise is accepted with it. Nothing is booked again by this, only by malote books rebook, before or
    after. Exit 1 where nothing was missing.
    """
    from malote.accounts import audit
    from malote.posting.ledger import accept

    if not reason.strip():
        raise typer.BadParameter("a reason is needed", param_hint="--reason")
    with services_of(config) as services:
        settings = services.settings
        gone = accept(services.engine, audit.command_line(), reason.strip(), time.time())
    if gone is None:
        say(
            Bilingual("Não falta nada no livro do ERP.", "Nothing is missing in the ERP's ledger.").of(
                settings.language
            )
        )
        raise typer.Exit(FOUND)
    count, total = gone
    whole, cents = divmod(total, 100)
    say(
        Bilingual(
            f"Aceito: {count} documentos (R$ {whole},{cents:02d}) não estão no ERP, ou diferem. O lançamento continua.",
            f"Accepted: {count} documents (R$ {whole}.{cents:02d}) are not in the ERP, or differ. Posting goes on.",
        ).of(settings.language)
    )
