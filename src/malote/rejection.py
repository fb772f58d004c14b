"""The catalogue of reasons: what a code means, why it happens, what to do, who can do it, and how it is treated.

All of a reason's policy stands there: whether and when it is retried, which of several is told first, what a person may
press for it. It is data, in ``reasons/*.toml``, with texts in Portuguese and English. Every code that any part of
Malote can utter stands there (a test looks) and in docs/reasons.md (another test).
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Literal

import msgspec

from malote.bilingual import Fact
from malote.bilingual import Language as Language
from malote.bilingual import Text as Text
from malote.fiscal import field_words
from malote.fiscal.problems import Problem
from malote.plain import clean

Cure = Literal["itself", "operator", "support", "administrator", "dba", "integrator", "accountant"]
Retry = Literal["usual", "erp", "lock", "woken"]
Action = Literal[
    "assign_series",
    "accept_issuer",
    "accept_difference",
    "map_product",
    "map_payment",
    "attach_protocol",
    "reverse_booked",
    "mark_seen",
]


class CatalogueEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reason. ``cure`` says who can put it right; ``transient`` that trying again may do it.
    ``on_page``: the remedy where there are pages, if that is another than on a command line.

    ``amounts``: its facts are money, written with a decimal point; Portuguese shows a comma. ``technical``: its
    ``detail`` is what a database, a system or a program said, whatever their language, and not for everybody's eyes.
    ``verbatim``: its facts are no figures, whatever they look like, such as a layout's version.

    ``retry`` is how long a document that waits for it rests at most: as the settings say; some seconds, since it
    concerns the whole ``erp`` and one probe tells for all; or ``lock``, which may be let go at any moment. What is
    ``woken`` by what it waits for is seldom tried.
    ``in_doubt``: a sale may be booked wrongly, which weighs more than anything else.
    ``final``: it stays what it is, whatever is mended.
    ``actions``: what a person may press for a document that has it.
    ``rank``: of several problems of a document the smallest explains the others. Those of amounts have none: they come
    last.
    """

    title: Text
    cause: Text
    remedy: Text
    cure: Cure
    on_page: Text | None = None
    transient: bool = False
    amounts: bool = False
    technical: bool = False
    verbatim: bool = False
    retry: Retry = "usual"
    in_doubt: bool = False
    final: bool = False
    actions: tuple[Action, ...] = ()
    rank: int | None = None


_SAID = Text(pt="O ERP disse: “{said}”", en="The ERP said: “{said}”")


# How a technical detail stands in a text, with the marks around it.
_DETAIL = re.compile(r"(?:: | \(|, )?\{(?:detail|code)\}\)?")
_IS_DECIMAL = re.compile(r"-?\d{1,15}\.\d{2,10}")
_VERSIONS = frozenset({"version", "newest", "oldest", "agents", "server", "consumer"})  # no decimals, though alike
_POINT = re.compile(r"(?<=\d)\.(?=\d\d\b)")


class _Blank(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return Fact("?")


Catalogue = Mapping[str, CatalogueEntry]


@cache
def catalogue() -> Catalogue:
    """All entries by code, in alphabetical order."""
    entries: dict[str, CatalogueEntry] = {}
    for file in resources.files("malote.reasons").iterdir():
        if file.name.endswith(".toml"):
            entries |= msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), dict[str, CatalogueEntry])
    return dict(sorted(entries.items()))


def entry(code: str) -> CatalogueEntry:
    """The entry of a code; that of ``unknown_reason`` for a code which a newer version may have written.

    What stands behind a colon says which of several it is, as of the retailer's own rules.
    """
    known = catalogue()
    return known.get(code.partition(":")[0]) or known["unknown_reason"]


_WHO: tuple[Cure, ...] = ("dba", "accountant", "operator", "administrator", "support", "integrator", "itself")


@cache
def with_action(action: Action) -> frozenset[str]:
    """The codes of the reasons for which a person may press it."""
    return frozenset(code for code, one in catalogue().items() if action in one.actions)


@cache
def with_retry(retry: Retry) -> frozenset[str]:
    """The codes of the reasons that are retried in that way."""
    return frozenset(code for code, one in catalogue().items() if one.retry == retry)


@cache
def by_weight() -> tuple[tuple[str, ...], ...]:
    """All codes in groups, the heaviest first: what puts a sale in doubt, then by who must act and whether it lasts."""
    groups: dict[int, list[str]] = {}
    for code, one in catalogue().items():
        rank = 0 if one.in_doubt else 1 + _WHO.index(one.cure)
        groups.setdefault(rank if not one.transient or one.cure == "dba" else len(_WHO) + 1, []).append(code)
    return tuple(tuple(codes) for _, codes in sorted(groups.items()))


def weight(code: str) -> int:
    """The place of a code's group in ``by_weight``: the smaller, the heavier."""
    groups = by_weight()
    return next((rank for rank, codes in enumerate(groups) if code in codes), len(groups))


def title(code: str, language: Language = "pt") -> str:
    return _say(entry(code).title, {"code": code, "which": code.partition(":")[2]}, language)


_LACKS = Text("Falta no ERP: {lacking}.", "Missing at the ERP: {lacking}.")
_REFERS = Text("Refere-se a: {refers}.", "It refers to: {refers}.")
_REFERS_TO_NOTHING = Text("Não se refere a nenhuma outra nota.", "It refers to no other note.")
_NOTHING = ("", "–")


def cause(code: str, facts: Mapping[str, str], language: Language = "pt", *, technical: bool = True) -> str:
    """With what the document refers to behind it, what the ERP lacks of it, and the ERP's own words, marked as such,
    where ``facts`` have any.

    Without what a database or a system said of its own, unless ``technical``: where people read, that stands apart.
    """
    known = entry(code)
    shown = facts if known.verbatim else written(facts, language)
    if _has_commas(known, language):
        shown = {name: value if value != facts[name] else _POINT.sub(",", value) for name, value in shown.items()}
    text = known.cause if technical or not known.technical else _plain(known.cause)
    told = _say(text, {"code": code, **shown}, language)
    if "refers" in facts and "{refers}" not in known.cause.pt:
        told += f" {_say(_REFERS if facts['refers'] not in _NOTHING else _REFERS_TO_NOTHING, facts, language)}"
    if "lacking" in facts and "{lacking}" not in known.cause.pt:
        told += f" {_say(_LACKS, facts, language)}"
    shows = facts.get("said") and (technical or not _is_the_servers_own(facts))
    return f"{told} {_say(_SAID, facts, language)}" if shows else told


def technical(code: str, facts: Mapping[str, str]) -> str:
    """The code, with what a database or a system said: for who asks somebody for help."""
    said = [facts.get("detail", "")] if entry(code).technical else []
    said += [facts.get("said", "")] if _is_the_servers_own(facts) else []
    return clean(": ".join([code, *filter(None, said)]))


def _is_the_servers_own(facts: Mapping[str, str]) -> bool:
    """Told by the database, in its own language; what a procedure of the ERP raises is meant for people."""
    return facts.get("speaker") == "database"


def _plain(text: Text) -> Text:
    return Text(_DETAIL.sub("", text.pt), _DETAIL.sub("", text.en))


def remedy(code: str, facts: Mapping[str, str], language: Language = "pt", *, on_page: bool = False) -> str:
    known = entry(code)
    shown = facts if known.verbatim else written(facts, language)
    text = known.on_page if on_page and known.on_page else known.remedy
    return _say(text, {"code": code, **shown}, language)


def written(facts: Mapping[str, str], language: Language) -> Mapping[str, str]:
    """Facts as people of the language write them: fields by their words, and in Portuguese a decimal with its comma and
    thousands with their point."""
    if "fields" in facts:
        facts = {**facts, "fields": field_words.in_words(facts["fields"], language)}
    if language != "pt":
        return facts
    return {name: _decimal(value) if name not in _VERSIONS else value for name, value in facts.items()}


def _decimal(value: str) -> str:
    if not _IS_DECIMAL.fullmatch(value):
        return value
    whole, _, rest = value.partition(".")
    return f"{int(whole):,}".replace(",", ".") + f",{rest}" if not whole.startswith("-0") else value.replace(".", ",")


def message(problem: Problem, language: Language = "pt") -> str:
    """Title and cause in one line."""
    return f"{title(problem.code, language)}: {cause(problem.code, problem.facts, language)}"


def _has_commas(known: CatalogueEntry, language: Language) -> bool:
    return known.amounts and language == "pt"


def _say(text: Text, facts: Mapping[str, str], language: Language) -> str:
    """What a fact is in English stands under its name and ``_en``, where it is words."""
    said = {name: facts.get(f"{name}_en", value) for name, value in facts.items()} if language == "en" else facts
    return text.of(language).format_map(_Blank({name: Fact(clean(str(value))) for name, value in said.items()}))
