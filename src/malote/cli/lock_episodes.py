"""``malote locks episodes`` and ``malote locks rule``: who held sales up, and the rule that ends such sessions."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from malote.bilingual import Bilingual
from malote.terminal.audit_reason import ReasonOption
from malote.terminal.command import ConfigOption, JsonOption, services_of, wrong_usage
from malote.terminal.output import amount, console, print_json
from malote.terminal.tables import local_time, plain_table, printable

if TYPE_CHECKING:
    from malote.locks.automatic_rule import LockRule
    from malote.locks.episode_ranking import Culprit
    from malote.locks.episodes import Episode
    from malote.rejection import Language


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("episodes")(list_episodes)
    app.command("rule")(show_rule)


def list_episodes(
    days: Annotated[float, typer.Option("--days", min=0.01, max=90, help="Of the last so many days.")] = 90.0,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Lists who held sales up: the roots by what it cost, then each time. No DBA's login is needed.

    Sale-minutes are sales that waited, each times its minutes; the value is of those that waited when most did.
    """
    from malote.locks.episode_ranking import ranked

    with services_of(config, creates=True) as services:
        found = services.locks.episodes(days)
        culprits = ranked(found)
        if json:
            print_json({"roots": culprits, "episodes": [_plain(one) for one in found]})
        else:
            _show(culprits, found, services.settings.language)


def show_rule(
    state: Annotated[str, typer.Argument(help="off, rehearsal or on; without one it is shown.", metavar="STATE")] = "",
    rehearsed: Annotated[
        int | None, typer.Option("--rehearsed", help="With on: how many sessions the rehearsal would have ended.")
    ] = None,
    reason: ReasonOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Shows how far the automatic measure may go and what it would have done; or switches it.

    It is let loose only from a rehearsal that has chosen somebody, by whoever says how many.
    """
    from malote.accounts import audit

    known: dict[str, Literal["off", "rehearsal", "on"]] = {"off": "off", "rehearsal": "rehearsal", "on": "on"}
    if state and state not in known:
        wrong_usage(f"{state}: {', '.join(known)}")
    with services_of(config, creates=True) as services:
        if state:
            actor = audit.command_line()
            rule = services.locks.switch_rule(known[state], actor, reason=reason, rehearsed=rehearsed)
        else:
            rule = services.locks.rule()
        if json:
            print_json(_plain_rule(rule))
        else:
            _say_rule(rule, services.settings.language)


# ---- for people ----

_ROOTS = Bilingual(
    ("Quem", "Minutos de venda", "R$", "Vezes", "Parada no meio", "Última vez"),
    ("Who", "Sale-minutes", "R$", "Times", "Idle", "Last"),
)
_EACH = Bilingual(
    ("Começou", "Quem", "Sessão", "Durou", "Minutos de venda", "Como acabou"),
    ("Began", "Who", "Session", "Lasted", "Sale-minutes", "How it ended"),
)


def _show(culprits: "list[Culprit]", found: "list[Episode]", language: "Language") -> None:
    from malote.locks.lock_words import ENDINGS

    if not found:
        console.print(Bilingual("Ninguém segurou vendas.", "Nobody held sales up.").of(language), highlight=False)
        return
    roots, each = plain_table(_ROOTS.of(language)), plain_table(_EACH.of(language))
    for root in culprits:
        value = amount(root.cents, language)
        cells = (_who(root), f"{root.sales_seconds / 60:.0f}", value, str(root.episodes), str(root.idle))
        roots.add_row(*(printable(cell) for cell in (*cells, local_time(root.last, language))))
    for one in found:
        waited = f"{one.sales_seconds / 60:.0f}"
        cells = (local_time(one.started_at, language), _who(one), one.session, f"{one.seconds:.0f} s", waited)
        each.add_row(*(printable(cell) for cell in (*cells, ENDINGS[one.ending].of(language))))
    console.print(roots, each)


def _who(one: "Culprit | Episode") -> str:
    return " ".join(part for part in (one.program, one.user) if part) or "?"


def _say_rule(rule: "LockRule", language: "Language") -> None:
    from malote.locks.automatic_rule import words
    from malote.locks.lock_words import STATES

    said = (
        f"{Bilingual('Encerramento automático', 'Automatic measure').of(language)}: {STATES[rule.state].of(language)}"
    )
    if rule.since is not None and rule.state != "off":
        said += (
            f" · {Bilingual('desde', 'since').of(language)} {local_time(rule.since, language)}, {words(rule, language)}"
        )
    console.print(said, markup=False, highlight=False, soft_wrap=True)


# ---- for programs ----


def _plain(one: "Episode") -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(one)
    return found | {"seconds": one.seconds, "idle": one.idle, "saved_seconds": one.saved_seconds}


def _plain_rule(rule: "LockRule") -> dict[str, Any]:
    return {
        "wanted": rule.wanted,
        "state": rule.state,
        "since": rule.since,
        "minutes": rule.minutes,
        "users": rule.users,
        "programs": rule.programs,
        "sessions": rule.sessions,
        "saved_sale_seconds": rule.saved_seconds,
        "rehearsed": [_plain(one) for one in rule.rehearsed],
    }
