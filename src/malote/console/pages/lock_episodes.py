"""551 - Lock de Banco, Bloqueios passados: who held sales up most, and the rule that ends such sessions by itself."""

from typing import Any

from litestar import Response, get, post

from malote.accounts.roles import Permission
from malote.console.console_services import ConsoleServices
from malote.console.pages.entry import EntryTrouble
from malote.console.pages.locks import LONGEST_REASON
from malote.console.rendering import answer
from malote.console.visits import ROOT, ConsoleRequest, PageRefusedError, needs, redirect, services_of, visit_of
from malote.erp.sessions.errors import SessionsError
from malote.locks.automatic_rule import State, words
from malote.locks.episode_ranking import ranked
from malote.locks.lock_words import ENDINGS, STATES

PAGE = f"{ROOT}/locks/episodes"
MOST_ROOTS = 20
MOST_EPISODES = 100
LONGEST_NUMBER = 9
_STATES: dict[str, State] = {"off": "off", "rehearsal": "rehearsal", "on": "on"}


def context(
    services: ConsoleServices, language: Any, trouble: EntryTrouble | None = None, reason: str = ""
) -> dict[str, Any]:
    found, rule = services.locks.episodes(), services.locks.rule()
    return {
        "section": "locks",
        "culprits": ranked(found)[:MOST_ROOTS],
        "episodes": found[:MOST_EPISODES],
        "count": len(found),
        "rule": rule,
        "rule_state": STATES[rule.state].of(language),
        "rule_words": words(rule, language),
        "endings": {name: said.of(language) for name, said in ENDINGS.items()},
        "trouble": trouble,
        "reason": reason,
        "able": services.runbook.who_may(Permission.KILL_SESSION),
    }


@get("/locks/episodes", sync_to_thread=True, opt=needs(Permission.SEE_LOCKS))
def show(request: ConsoleRequest) -> Response[str]:
    return answer(request, "lock_episodes", context(services_of(request), visit_of(request).language))


@post("/locks/rule", status_code=200, sync_to_thread=True, opt=needs(Permission.KILL_SESSION))
def switch(request: ConsoleRequest) -> Response[Any]:
    """Off, to the rehearsal, or let loose by somebody who confirms what the rehearsal has shown."""
    visit, services = visit_of(request), services_of(request)
    state, reason = _STATES.get(visit.text("state")), visit.text("reason")[:LONGEST_REASON]
    if state is None:
        raise PageRefusedError("nothing_selected", 422)
    read = visit.text("rehearsed").strip()[:LONGEST_NUMBER]
    rehearsed = int(read) if read.isdecimal() else None
    try:
        services.locks.switch_rule(state, visit.actor, reason=reason, rehearsed=rehearsed)
    except SessionsError as error:
        trouble = EntryTrouble(error.code, error.facts)
        return answer(request, "lock_episodes", context(services, visit.language, trouble, reason), status=422)
    return redirect(request, PAGE)


HANDLERS: list[Any] = [show, switch]
