"""Ctrl K: any till, document, screen, view or action, from any page."""

from typing import Any

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


class FindResult(msgspec.Struct, frozen=True):
    wanted: str
    tills: list[TillOverview]
    documents: list[StoredDocument]
    places: list[FindTarget]


def found(services: ConsoleServices, visit: Visit, wanted: str) -> FindResult:
    open_to = [one for one in PLACES if visit.may(one.needs.value)]
    if not wanted:
        return FindResult(wanted, [], [], open_to)
    plain = wanted.lower()
    places = [one for one in open_to if plain in visit.say(one.words).lower()]
    page = services.tills.page(TillsQuery(search=wanted, size=TILLS)) if key_of(wanted) is None else None
    return FindResult(wanted, page.tills if page else [], services.documents.anywhere(wanted), places)


@get("/find", sync_to_thread=True)
def show(request: ConsoleRequest) -> Response[Any]:
    """The part that the palette shows; or a page, which goes on by itself where a key names one document."""
    wanted = parameters(request).get("q", "").strip()[:LONGEST]
    result = found(services_of(request), visit_of(request), wanted)
    if not is_partial(request) and key_of(wanted) and result.documents:
        return redirect(request, f"{ROOT}/documents/{result.documents[0].id}")
    return answer(request, "find", {"section": "find", "found": result})


HANDLERS: list[Any] = [show]
