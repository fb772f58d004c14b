"""``malote consumers``: who is told of sales beside the ERP."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from malote import rejection
from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.command import FOUND, ConfigOption, JsonOption, misuse, services_of, warn
from malote.terminal.output import console, print_json, say
from malote.terminal.tables import local_time, plain_table, printable

if TYPE_CHECKING:
    from malote.consumers.accounts import Consumer, Kind
    from malote.consumers.consumer_service import ConsumerState

NameArgument = Annotated[str, typer.Argument(help="The consumer's name, such as bi.", metavar="NAME")]


_LOG_HEADINGS = ("Quando", "O quê", "Mudanças", "De", "Até", "")
_WHATS: dict[str, Bilingual[str]] = {
    "pulled": Bilingual("buscou", "pulled"),
    "delivered": Bilingual("entregue", "delivered"),
    "refused": Bilingual("recusou", "refused"),
    "sent_again": Bilingual("reenviado", "sent again"),
    "left_out": Bilingual("ficou de fora, danificado", "left out, damaged"),
}


class Added(msgspec.Struct, frozen=True):
    """``token``: of one that pulls; the secret of a webhook. Shown only now; "" for a folder."""

    name: str
    kind: "Kind"
    token: str


class ListedConsumer(msgspec.Struct, frozen=True):
    """``behind``: changes it doesn't have yet. Times are seconds since the epoch."""

    name: str
    kind: "Kind"
    scopes: list[str]
    revoked: bool
    got: int
    got_at: float | None
    behind: int
    address: str
    failing_since: float | None
    failure: str  # in words
    retry_at: float | None
    refused: int  # which it alone refused, and that are tried again


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("add")(add)
    app.command("list")(list_consumers)
    app.command("token")(token)
    app.command("revoke")(revoke)
    app.command("retry")(retry)
    app.command("log")(show_log)


def add(
    name: NameArgument,
    personal: Annotated[
        bool, typer.Option("--personal", help="Tell it the CPF or CNPJ of a sale's consumer too.")
    ] = False,
    webhook: Annotated[
        str | None, typer.Option("--webhook", help="Address that is called about everything.", metavar="URL")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Folder that `malote books send` writes to.", metavar="FOLDER")
    ] = None,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Call the webhook about what happened before, too.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Makes a consumer: one that pulls (GET /v1/sales), a webhook, or a folder. Prints its token, or the secret that
    its deliveries are signed with, which is shown only now."""
    from malote.accounts import audit
    from malote.consumers.accounts import WantedConsumer

    if webhook is not None and folder is not None:
        misuse(config, Bilingual("--webhook, --folder: um dos dois", "--webhook, --folder: one of them"))
    wanted = WantedConsumer(name, "pull", personal=personal)
    if webhook is not None:
        wanted = WantedConsumer(name, "webhook", webhook, personal)
    elif folder is not None:
        wanted = WantedConsumer(name, "folder", str(folder.resolve()), personal)
    with services_of(config) as services:
        made, secret = services.consumers.add(wanted, audit.command_line(), from_beginning=from_beginning)
        _show_secret(made, secret, services.settings.language, json=json)


def list_consumers(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Lists the consumers, how far each has come, and how they fare. Exit status 1 where a webhook fails or refuses."""
    import time

    with services_of(config) as services:
        found = [_listed(one, services.settings.language) for one in services.consumers.seen()]
        language = services.settings.language
        held = services.consumers.held_back(time.time())
    if held:
        warn("consumers_hold_content", {"count": str(held)}, services.settings)
    if json:
        print_json(found)
    elif not found:
        say(Bilingual("Nenhum consumidor; malote consumers add.", "No consumers; malote consumers add.").of(language))
    else:
        _show(found, language)
    if any(one.failing_since is not None or one.refused for one in found if not one.revoked):
        raise typer.Exit(FOUND)


def token(name: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Makes a new token, or secret, for a consumer; the old one is void from now on."""
    from malote.accounts import audit

    with services_of(config) as services:
        renewed, secret = services.consumers.renew(name, audit.command_line())
        _show_secret(renewed, secret, services.settings.language, json=json)


def revoke(name: NameArgument, config: ConfigOption = None) -> None:
    """Tells a consumer nothing from now on; its token is void, and it holds nothing back any more."""
    from malote.accounts import audit
    from malote.consumers import accounts as consumers

    with services_of(config) as services:
        consumers.revoke(services.engine, name, actor=audit.command_line())
        say(Bilingual(f"{name}: revogado", f"{name}: revoked").of(services.settings.language))


def retry(name: NameArgument, config: ConfigOption = None) -> None:
    """Calls a webhook again at once: about what it refused, and if it failed, about everything since."""
    import time

    from malote.accounts import audit
    from malote.consumers import accounts as consumers

    with services_of(config) as services:
        count = services.consumers.retry(consumers.find(services.engine, name), audit.command_line(), time.time())
        say(
            Bilingual(
                f"{name}: {count} recusados serão tentados de novo", f"{name}: {count} refused are tried again"
            ).of(services.settings.language)
        )


def show_log(
    name: NameArgument,
    key: Annotated[
        str | None, typer.Option("--key", help="Only what is about the sale of this access key.", metavar="KEY")
    ] = None,
    limit: Annotated[int, typer.Option(help="Lines at most, the newest first.", min=1, max=10_000)] = 100,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Lists what a consumer got and when, the newest first. Deliveries within a minute are one line."""
    from malote.consumers import accounts as consumers

    with services_of(config) as services:
        found = services.consumers.log_of(consumers.find(services.engine, name), limit=limit, access_key=key)
        language = services.settings.language
    if json:
        print_json(found)
        return
    table = plain_table(Bilingual(_LOG_HEADINGS, ("When", "What", "Changes", "From", "To", "")).of(language))
    for one in found:
        numbers = [str(each) if each is not None else "—" for each in (one.count, one.first, one.last)]
        detail = " ".join(f"{label}={value}" for label, value in one.detail.items())
        cells = (local_time(one.ended_at, language), _WHATS[one.what].of(language), *numbers, detail)
        table.add_row(*map(printable, cells))
    console.print(table)


def _show_secret(consumer: "Consumer", secret: str, language: Language, *, json: bool) -> None:
    if json:
        print_json(Added(consumer.name, consumer.kind, secret))
        return
    if not secret:
        say(f"{consumer.name}: {consumer.address}")
        return
    what = Bilingual("segredo", "secret").of(language) if consumer.kind == "webhook" else "token"
    say(
        Bilingual(f"{consumer.name}: {what}, mostrado só agora:", f"{consumer.name}: {what}, shown only now:").of(
            language
        )
    )
    say(secret)


def _listed(seen: "ConsumerState", language: Language) -> ListedConsumer:
    one, failure = seen.consumer, seen.failure
    return ListedConsumer(
        name=one.name,
        kind=one.kind,
        scopes=list(one.scopes),
        revoked=one.revoked_at is not None,
        got=one.got,
        got_at=one.got_at,
        behind=seen.behind,
        address=one.address,
        failing_since=one.failing_since,
        failure=rejection.cause(failure.code, failure.facts, language) if failure else "",
        retry_at=one.retry_at,
        refused=seen.refused,
    )


def _show(found: list[ListedConsumer], language: Language) -> None:
    headings = Bilingual(
        ("Nome", "Tipo", "Escopo", "Faltam", "Último", ""), ("Name", "Kind", "Scope", "Behind", "Last", "")
    ).of(language)
    table = plain_table(headings)
    for one in found:
        last = local_time(one.got_at, language) if one.got_at is not None else "—"
        behind = "—" if one.revoked or one.kind == "folder" else str(one.behind)
        state = _state(one, language=language)
        table.add_row(*map(printable, (one.name, one.kind, " ".join(one.scopes), behind, last, state)))
    console.print(table)


def _state(one: ListedConsumer, *, language: Language) -> str:
    if one.revoked:
        return Bilingual("revogado", "revoked").of(language)
    said = [one.failure] if one.failing_since is not None else []
    if one.refused:
        said.append(Bilingual(f"{one.refused} recusados", f"{one.refused} refused").of(language))
    return "; ".join(said)
