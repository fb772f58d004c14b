"""``malote demo prices``: somebody changes prices in a running demo's ERP, and how soon the tills sell at them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from malote.terminal.command import FAILED, FOUND, OK, JsonOption
from malote.terminal.interrupts import ending_like_ctrl_c
from malote.terminal.output import console, errors, print_json

if TYPE_CHECKING:
    from malote.demo.price_watch import TillSeconds
    from malote.rejection import Language


def prices(
    count: Annotated[int, typer.Option(min=1, help="How many; at most all.")] = 100,
    home: Annotated[Path | None, typer.Option(help="The running demo's folder; ./demo-data by default.")] = None,
    seconds: Annotated[float, typer.Option(min=0, help="How long to watch the tills; 0: not at all.")] = 60.0,
    language: Annotated[Literal["pt", "en"], typer.Option("--language", help="pt or en.")] = "pt",
    json: JsonOption = False,
) -> None:
    """Changes prices in a running demo's ERP, and says when each till had them, and sold at them.

    Exit status 1 if a till had them not, or sold nothing at them, while it was watched.
    """
    from malote.config import SettingsError, load
    from malote.demo import price_list, price_watch
    from malote.demo.check import FAILURES
    from malote.demo.phrases import Phrase
    from malote.demo.store import DEFAULT_HOME, Store

    failures: tuple[type[Exception], ...] = (SettingsError, *FAILURES)
    store = Store(home or DEFAULT_HOME, language)
    with ending_like_ctrl_c():
        before = {place.plan.name: price_watch.last_number(place.ledger) for place in store.tills}
        try:
            erp_url = load(store.settings_path, {}).erp_url
            change = price_list.change(erp_url, count)
        except failures as error:
            _end(Phrase.NO_DEMO.say(language, path=store.home, detail=error))
        if not json:
            said = Phrase.PRICES_CHANGED.say(language, count=len(change.prices))
            console.print(said, markup=False, highlight=False)
        found = price_watch.watch(store.tills, before, change, seconds) if seconds else []
    if json:
        print_json({"changed": len(change.prices), "tills": found})
    else:
        for one in found:
            console.print(_line(one, language), markup=False, highlight=False, soft_wrap=True)
    late = any(one.shown is None or one.sold is None for one in found)
    raise typer.Exit(FOUND if late else OK)


def _line(one: "TillSeconds", language: "Language") -> str:
    from malote.demo.phrases import Phrase, figure

    shown, sold = ("–" if took is None else figure(f"{took:.1f} s", language) for took in (one.shown, one.sold))
    return Phrase.PRICES_AT_TILL.say(language, till=one.till, shown=shown, sold=sold)


def _end(text: str) -> NoReturn:
    errors.print(f"malote: {text}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(FAILED)
