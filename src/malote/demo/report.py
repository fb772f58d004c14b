"""The proof in words: as tables for people, as one JSON object for programs."""

from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from malote.demo.baskets import WHOLE
from malote.demo.check import DemoOutcome
from malote.demo.notes import money
from malote.demo.phrases import Phrase, figure
from malote.demo.proof import Ending, ProofDifference, ProofRow
from malote.rejection import Language

_MOST_DIFFERENCES = 50
_RIGHT, _WRONG = "✔", "✘"


def tables(checked: DemoOutcome, language: Language) -> RenderableType:
    proof = checked.proof
    parts: list[RenderableType] = [_figures(checked, language), _endings(proof.endings, language)]
    if proof.differences:
        parts.append(_differences(proof.differences, language))
    verdict = Phrase.HOLDS if proof.holds else Phrase.FAILS
    parts.append(Text(verdict.say(language), style="bold green" if proof.holds else "bold red"))
    return Group(*parts)


def record(checked: DemoOutcome) -> dict[str, Any]:
    """Amounts in cents, quantities in ten-thousandths; all differences, however many."""
    proof = checked.proof
    return {
        "holds": proof.holds,
        "erp": checked.engine,
        "killed": list(checked.killed),
        "seconds": round(checked.seconds, 1),
        "figures": [_figure(row) for row in proof.rows],
        "faults": [
            {
                "fault": ending.planted.fault.say("en"),
                "till": ending.planted.till,
                "must_end": ending.planted.ending,
                "ended": ending.found,
                "right": ending.right,
            }
            for ending in proof.endings
        ],
        "differences": [
            {"subject": each.subject, "what": each.phrase.say("en"), "detail": each.detail}
            for each in proof.differences
        ],
    }


def _figure(row: ProofRow) -> dict[str, Any]:
    places = {"pos": row.pos, "till": row.till, "server": row.server, "erp": row.erp}
    return {"what": row.phrase.name.lower().removeprefix("row_"), **places, "agrees": row.agrees}


def _figures(checked: DemoOutcome, language: Language) -> Table:
    caption = f"ERP: {checked.engine} · {checked.seconds:.0f} s"
    if checked.killed:
        caption += f" · {Phrase.KILLED.say(language, name=', '.join(checked.killed))}"
    table = Table(title=Phrase.PROOF.say(language), caption=caption)
    table.add_column(Phrase.WHAT.say(language))
    for phrase in (Phrase.POS, Phrase.TILL, Phrase.SERVER, Phrase.ERP):
        table.add_column(phrase.say(language), justify="right")
    table.add_column(Phrase.AGREES.say(language), justify="center")
    for row in checked.proof.rows:
        values = [figure(_value(value, row), language) for value in (row.pos, row.till, row.server, row.erp)]
        table.add_row(row.phrase.say(language), *values, _mark(row.agrees))
    return table


def _value(value: int | None, row: ProofRow) -> str:
    if value is None:
        return "–"
    if row.unit == "cents":
        return money(value)
    if row.unit == "ten-thousandths":
        return f"{value // WHOLE}.{value % WHOLE:04d}"
    return str(value)


def _endings(endings: list[Ending], language: Language) -> Table:
    """One line for each fault, with all of its files in the order in which they were planted."""

    def fault_of(ending: Ending) -> str:
        return ending.planted.fault.say(language)

    table = Table(title=Phrase.PLANTED.say(language))
    for phrase in (Phrase.WHAT, Phrase.TILL, Phrase.MUST_END, Phrase.ENDED):
        table.add_column(phrase.say(language))
    table.add_column(Phrase.AGREES.say(language), justify="center")
    for fault, group in groupby(sorted(endings, key=fault_of), key=fault_of):
        files = list(group)
        table.add_row(
            fault,
            files[0].planted.till,
            ", ".join(ending.planted.ending for ending in files),
            ", ".join(ending.found or "–" for ending in files),
            _mark(all(ending.right for ending in files)),
        )
    return table


def _differences(differences: list[ProofDifference], language: Language) -> Table:
    table = Table(title=Phrase.DIFFERENCES.say(language))
    for _ in range(3):
        table.add_column()
    for each in differences[:_MOST_DIFFERENCES]:
        table.add_row(each.subject, each.phrase.say(language), each.detail)
    if len(differences) > _MOST_DIFFERENCES:
        table.add_row("…", Phrase.MORE.say(language, count=len(differences) - _MOST_DIFFERENCES), "")
    return table


def _mark(right: bool) -> Text:
    return Text(_RIGHT, style="green") if right else Text(_WRONG, style="bold red")
