"""Ctrl K: any till, document, screen, view or action, from any page."""

import unicodedata
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Response, get

from malote.accounts.roles import Permission
from malote.console.console_services import ConsoleServices
from malote.console.language import marked
from malote.console.rendering import answer
from malote.console.visits import ROOT, ConsoleRequest, Visit, is_partial, parameters, redirect, services_of, visit_of
from malote.findings.lights import TillOverview, TillsQuery
from malote.register.documents import StoredDocument
from malote.register.finding import key_of

LONGEST = 400  # the address of a receipt's QR code
TILLS = 6


class FindTarget(msgspec.Struct, frozen=True):
    """A screen, a saved view or an action. ``key``: what is pressed instead."""

    words: str  # translated where it is shown
    path: str
    key: str = ""
    needs: Permission = Permission.SEE


PLACES: tuple[FindTarget, ...] = (
    FindTarget(marked("Gerenciamento"), "/tills", "g g"),
    FindTarget(marked("Caixas parados"), "/tills?light=stopped"),
    FindTarget(marked("Caixas que pedem atenção"), "/tills?light=attention"),
    FindTarget(marked("Caixas por loja"), "/tills?group=store"),
    FindTarget(marked("Caixas com mais rejeitadas"), "/tills?sort=rejected&descending=1"),
    FindTarget(marked("Gerenciador de carga"), "/load-manager", "g c"),
    FindTarget(marked("Atualizar Estruturas do Banco"), "/load-manager/store", needs=Permission.APPLY_STRUCTURES),
    FindTarget(marked("Cargas retidas"), "/load-manager/held"),
    FindTarget(marked("Linhas recusadas"), "/load-manager/refused"),
    FindTarget(marked("Agendamentos"), "/load-manager/plans"),
    FindTarget(marked("Preço no caixa"), "/load-manager/price"),
    FindTarget(marked("Vendido a outro preço"), "/load-manager/sold"),
    FindTarget(marked("551 - Lock de Banco"), "/locks", "g l", Permission.SEE_LOCKS),
    FindTarget(marked("Conciliação"), "/reconciliation", "g r"),
    FindTarget(marked("Painel"), "/dashboard", "g p"),
    FindTarget(marked("Assistente"), "/assistant", "g s"),
    FindTarget(marked("Trabalhos"), "/jobs", "g t"),
    FindTarget(marked("De-para"), "/mappings", "g m"),
    FindTarget(marked("Avisos"), "/alerts", "g v"),
    FindTarget(marked("Auditoria"), "/audit", "g a", Permission.SEE_AUDIT),
    FindTarget(marked("Consumidores"), "/consumers", needs=Permission.SEE_AUDIT),
    FindTarget(marked("Cadastro de caixas"), "/till-accounts", "g x", Permission.MANAGE_TILLS),
    FindTarget(marked("Usuários"), "/users", "g u", Permission.MANAGE_USERS),
    FindTarget(marked("Trocar a senha"), "/password"),
    # Actions: to the screen whose button does it.
    FindTarget(marked("Sincronizar as vendas"), "/tills", needs=Permission.SYNCHRONISE),
    FindTarget(marked("Geral"), "/load-manager", needs=Permission.LOAD),
    FindTarget(marked("Parcial"), "/load-manager", needs=Permission.LOAD),
    FindTarget(marked("Agendar"), "/load-manager", needs=Permission.LOAD),
    FindTarget(marked("Matar Sessão"), "/locks", needs=Permission.KILL_SESSION),
    FindTarget(marked("Evidências"), "/assistant", needs=Permission.SYNCHRONISE),
    FindTarget(marked("Novo caixa"), "/till-accounts", needs=Permission.MANAGE_TILLS),
    FindTarget(marked("Novo usuário"), "/users", needs=Permission.MANAGE_USERS),
)


# What is done with one till: asked for by words of it and by the till's name, in any order.
OF_A_TILL: tuple[FindTarget, ...] = (
    FindTarget(marked("Detalhamento"), "/tills/{till}"),
    FindTarget(marked("Sincronizar as vendas"), "/tills/{till}", needs=Permission.SYNCHRONISE),
    FindTarget(marked("Arquivos rejeitados"), "/tills/{till}/rejected"),
    FindTarget(marked("Lixeira"), "/tills/{till}/trash"),
    FindTarget(marked("Numeração"), "/tills/{till}/numbering"),
    FindTarget(marked("Conciliação"), "/tills/{till}/reconciliation"),
    FindTarget(marked("Cargas"), "/tills/{till}/loads"),
    FindTarget(marked("Estrutura"), "/tills/{till}/structure"),
    FindTarget(marked("Histórico"), "/tills/{till}/history"),
    FindTarget(marked("Assistente"), "/assistant?till={till}"),
    FindTarget(marked("Carga geral"), "/load-manager?search={till}", needs=Permission.LOAD),
    FindTarget(marked("Carga parcial"), "/load-manager?search={till}", needs=Permission.LOAD),
    FindTarget(
        marked("Atualizar Estrutura do Banco"), "/load-manager?search={till}", needs=Permission.APPLY_STRUCTURES
    ),
)
_STEM = 4  # letters that are enough for a word of an action: "carga" finds "Cargas", and the other way round
_LITTLE = frozenset({"a", "o", "as", "os", "da", "do", "das", "dos", "de", "no", "na", "the", "of", "at"})


class TillAction(msgspec.Struct, frozen=True):
    """``path`` within the console."""

    words: str
    till: str
    path: str


class FindResult(msgspec.Struct, frozen=True):
    wanted: str
    tills: list[TillOverview]
    documents: list[StoredDocument]
    places: list[FindTarget]
    actions: list[TillAction] = []


def found(services: ConsoleServices, visit: Visit, wanted: str) -> FindResult:
    open_to = [one for one in PLACES if visit.may(one.needs.value)]
    if not wanted:
        return FindResult(wanted, [], [], open_to)
    plain = _folded(wanted)
    places = [one for one in open_to if plain in _folded(visit.say(one.words))]
    if key_of(wanted) is not None:
        return FindResult(wanted, [], services.documents.anywhere(wanted), places)
    tills = services.tills.page(TillsQuery(search=wanted, size=TILLS)).tills
    actions = _actions(services, visit, plain)
    return FindResult(wanted, tills, services.documents.anywhere(wanted), places, actions)


def _actions(services: ConsoleServices, visit: Visit, plain: str) -> list[TillAction]:
    """What is done with a till, for those that the words left over name; none where no word is left."""
    words = plain.split()
    by_rest: dict[tuple[str, ...], list[FindTarget]] = {}
    for one in OF_A_TILL:
        title = _folded(visit.say(one.words)).split()
        rest = tuple(word for word in words if word not in _LITTLE and not _is_of(word, title))
        if visit.may(one.needs.value) and rest and any(_is_of(word, title) for word in words):
            by_rest.setdefault(rest, []).append(one)
    # The fewest words left over: an action that more of them name comes first, and the others aren't meant.
    rest = min(by_rest, key=len, default=())
    query = TillsQuery(search=" ".join(rest), sort="name", size=TILLS)
    tills = services.tills.page(query).tills if rest else []
    return [
        TillAction(one.words, till.name, one.path.format(till=quote(till.name)))
        for till in tills
        for one in by_rest[rest]
    ]


def _is_of(word: str, title: Sequence[str]) -> bool:
    """Whether a word that was typed is one of an action's, or its beginning."""
    return word not in _LITTLE and any(
        one.startswith(word) or (len(one) >= _STEM and word.startswith(one)) for one in title
    )


def _folded(text: str) -> str:
    """Without capitals and accents: they are left out in a hurry."""
    return "".join(one for one in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(one))


@get("/find", sync_to_thread=True)
def show(request: ConsoleRequest) -> Response[Any]:
    """The part that the palette shows; or a page, which goes on by itself where a key names one document."""
    wanted = parameters(request).get("q", "").strip()[:LONGEST]
    result = found(services_of(request), visit_of(request), wanted)
    if not is_partial(request) and key_of(wanted) and result.documents:
        return redirect(request, f"{ROOT}/documents/{result.documents[0].id}")
    return answer(request, "find", {"section": "find", "found": result})


HANDLERS: list[Any] = [show]
