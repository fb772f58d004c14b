"""``malote books send``: a period to a consumer again."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.progress import Progress

from malote.bilingual import Bilingual, Language
from malote.terminal.book_options import TillOption
from malote.terminal.command import FOUND, ConfigOption, DryRunOption, JsonOption, day_of, services_of, wrong_usage
from malote.terminal.output import amount, errors, print_json, say

if TYPE_CHECKING:
    from malote.app import Services
    from malote.consumers.left_out import LeftOut
    from malote.consumers.periods import Period

MOST_NAMED = 50  # on the screen; --json has all
_KINDS: dict[str, Bilingual[str]] = {
    "cancellation": Bilingual("cancelamento", "cancellation"),
    "number_void": Bilingual("inutilização", "voided numbers"),
}
_OTHER = Bilingual("evento", "event")
_MISSING: dict[str, Bilingual[str]] = {
    "line": Bilingual("linha incompleta", "line not complete"),
    "file": Bilingual("sem o XML", "without its XML"),
}


class Sent(msgspec.Struct, frozen=True):
    """``found``: documents of the period; ``total``: of its sales, in cents; ``pruned``: those of which only what
    identifies them is left, by retention; ``damaged``: those not sent whole now, since they are damaged here, and
    ``damaged_before`` by the same order before it was stopped (the consumer's log names them)."""

    consumer: str
    found: int
    total: int
    pruned: int
    sent_before: int
    sent: int
    damaged: "list[LeftOut]" = []
    damaged_before: int = 0


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("send")(send)


def send(
    to: Annotated[str, typer.Option("--to", help="A consumer with a webhook or a folder.", metavar="CONSUMER")],
    since: Annotated[str, typer.Option("--from", help="First business day.", metavar="YYYY-MM-DD")],
    until: Annotated[str, typer.Option("--until", help="Last business day.", metavar="YYYY-MM-DD")],
    till: TillOption = None,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Sends what was booked in a period to a consumer again: signed POSTs to its webhook, or JSON Lines to its folder,
    with the XML where it may know consumers' CPF. Stopped in the middle, the same command goes on. Exit status 1 where
    the content of something has left the server or is damaged here: what is damaged is named, here and in
    `malote consumers log`. To the ERP itself: `malote books rebook`.
    """
    from malote.consumers.periods import Period

    period = Period(day_of("--from", since), day_of("--until", until), till)
    if to.lower() == "erp":
        wrong_usage("--to erp: malote books rebook")
    with services_of(config) as services:
        sent = _send(services, to, period, dry_run=dry_run)
        language = services.settings.language
    if json:
        print_json(sent)
    else:
        _say(sent, language)
    if sent.pruned or sent.damaged or sent.damaged_before:
        raise typer.Exit(FOUND)


def _say(sent: Sent, language: Language) -> None:
    total = amount(sent.total, language)
    say(
        Bilingual(
            f"{sent.found} documentos, R$ {total}; {sent.sent_before} já enviados, {sent.sent} enviados agora",
            f"{sent.found} documents, R$ {total}; {sent.sent_before} sent before, {sent.sent} sent now",
        ).of(language)
    )
    if sent.pruned:
        gone = Bilingual("só restou o que os identifica", "only what identifies them is left").of(language)
        say(f"{sent.pruned}: {gone} [content_pruned]")
    if sent.damaged:
        spoilt = Bilingual("danificados aqui, não foram inteiros", "damaged here, not sent whole").of(language)
        say(f"{len(sent.damaged)}: {spoilt} [kept_damaged]")
        for one in sent.damaged[:MOST_NAMED]:
            say(_named(one, language))
        if len(sent.damaged) > MOST_NAMED:
            say(f"… +{len(sent.damaged) - MOST_NAMED} (--json)")
    if sent.damaged_before:
        earlier = Bilingual("danificados, na parte já enviada", "damaged, in the part sent before").of(language)
        say(f"{sent.damaged_before}: {earlier} [kept_damaged]; malote consumers log {sent.consumer}")


def _named(one: "LeftOut", language: Language) -> str:
    number = f"{one.series}/{one.number} · " if one.number is not None else ""
    kind = "" if one.kind == "sale" else f"{_KINDS.get(one.kind or '', _OTHER).of(language)} · "
    value = f"R$ {amount(one.total, language)} · " if one.total is not None else ""
    what = " + ".join(_MISSING[each].of(language) for each in one.what)
    return f"{one.till} · {one.day} · {kind}{number}{one.access_key or '?'} · {value}{what}"


def _send(services: "Services", to: str, period: "Period", *, dry_run: bool) -> Sent:
    from malote.accounts.audit import command_line
    from malote.business_day import business_day
    from malote.consumers import accounts as consumers
    from malote.consumers import periods
    from malote.tills.clocks import store_clock
    from malote.tills.till import find_till

    consumer = consumers.find(services.engine, to)
    if period.till is not None:
        find_till(services.engine, period.till)
    calendar = business_day(services.settings.books)
    found = periods.find(services.engine, period, calendar.of, store_clock(services.engine, calendar.zone))
    if dry_run:
        return Sent(consumer.name, len(found.places), found.total, found.pruned, 0, 0)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task(consumer.name, total=len(found.places))
        done = services.consumers.send_again(
            consumer, period, found, lambda count: bar.advance(task, count), command_line()
        )
    return Sent(
        consumer.name, len(found.places), found.total, found.pruned, done.before, done.sent, done.left_out,
        done.left_out_before,
    )  # fmt: skip
