"""The words for tills that are kept at an earlier load: by whose order, since when, why and until when."""

from typing import TYPE_CHECKING

from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.output import say
from malote.terminal.tables import folded, local_time

if TYPE_CHECKING:
    from malote.loads.load_reports import KeptBack, TillLoad


def kept_words(till: str, back: "KeptBack", language: Language, *, has_it: bool = True, whole: bool = True) -> str:
    """Who keeps a till at which load, since when, why, and until when. ``has_it``: whether it is there. ``whole``: the
    reason too, as a person needs it to decide; in a list it is folded."""
    at = local_time(back.asked_at, language)
    until = local_time(back.until, language) if back.until is not None else ""
    went = Bilingual("voltou" if has_it else "vai voltar", "went back" if has_it else "is to go back")
    who = Bilingual(
        f"por ordem de {back.asked_by}" if back.asked_by else "no próprio caixa",
        f"as {back.asked_by} ordered" if back.asked_by else "at the till itself",
    )
    ends = Bilingual(f"até {until}" if until else "até ser liberado", f"until {until}" if until else "until released")
    reason = back.reason if whole else folded(back.reason)
    why = Bilingual(f", motivo: {reason}" if reason else "", f", reason: {reason}" if reason else "")
    return Bilingual(
        f"{till} {went.pt} da carga {back.back_from} à {back.version} {who.pt} em {at}{why.pt}; {ends.pt}.",
        f"{till} {went.en} from load {back.back_from} to {back.version} {who.en} at {at}{why.en}; {ends.en}.",
    ).of(language)


def say_kept(found: "list[TillLoad]", language: Language) -> None:
    kept = [one for one in found if one.back is not None]
    for one in kept:
        if one.back is not None:
            say(kept_words(one.till, one.back, language, has_it=not one.missing, whole=False))
    if kept:
        command = "malote loads release"
        said = Bilingual(
            f"Até lá nenhuma carga mais nova vai a esses caixas; {command} CAIXA os libera.",
            f"Until then no newer load goes to these tills; {command} TILL releases them.",
        )
        say(said.of(language))
