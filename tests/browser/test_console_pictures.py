"""Pictures of every page, at three widths, light and dark: for whoever looks at the console as a designer does.

``make pictures`` writes all of them into a folder, and the few that the documentation shows into ``docs/images``.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from malote.accounts.audit import command_line
from malote.accounts.roles import Role
from malote.app import Services
from malote.loads.planning import Wanted
from malote.tills.till import list_tills
from tests.browser.browser_support import browsing, is_too_wide, sign_in, watched
from tests.engines.loads_support import Erp
from tests.faces.application_serving import serving
from tests.faces.console_loads_support import LoadingAgent, store_with_loads
from tests.faces.console_support import PASSWORD, application, create_user, sell, send, settle, till
from tests.unit.fiscal.notes import build_note

FOLDER = os.environ.get("MALOTE_PICTURES", "")
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "images" / "console"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not FOLDER, reason="two hundred pictures take minutes: make pictures"),
]

SIZES = {1440: 900, 1024: 768, 390: 844}
PAGES = {
    "gerenciamento": "/tills",
    "por-loja": "/tills?group=store",
    "detalhamento": "/tills/loja001-caixa-01/sent",
    "pendentes": "/tills/loja001-caixa-01",
    "rejeitados": "/tills/loja001-caixa-02/rejected",
    "lixeira": "/tills/loja001-caixa-02/trash",
    "numeracao": "/tills/loja001-caixa-01/numbering",
    "conciliacao-do-caixa": "/tills/loja001-caixa-01/reconciliation",
    "cargas": "/tills/loja001-caixa-01/loads",
    "estrutura": "/tills/loja001-caixa-01/structure",
    "historico": "/tills/loja001-caixa-02/history",
    "documento": "/documents/1",
    "documento-rejeitado": "/documents/42",
    "carga": "/load-manager",
    "carga-retidas": "/load-manager/held",
    "carga-retida": "/load-manager/held/price",
    "carga-recusadas": "/load-manager/refused",
    "carga-agendar": "/load-manager/plans",
    "carga-preco": "/load-manager/price?product=7&till=loja001-caixa-01",
    "carga-vendido": "/load-manager/sold",
    "carga-autosservico": "/load-manager/store",
    "locks": "/locks",
    "bloqueios-passados": "/locks/episodes",
    "conciliacao": "/reconciliation",
    "painel": "/dashboard",
    "documentos": "/documents",
    "trabalhos": "/jobs",
    "avisos": "/alerts",
    "auditoria": "/audit",
    "consumidores": "/consumers",
    "cadastro": "/till-accounts",
    "usuarios": "/users",
    "assistente": "/assistant",
    "senha": "/password",
}
# What the documentation shows.
CHOSEN = {"gerenciamento", "rejeitados", "painel", "detalhamento", "carga"}
CHOSEN_SIZES = {(1440, "light"), (1440, "dark"), (390, "light")}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as opened:
        yield opened


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with store_with_loads(tmp_path_factory.mktemp("pictures")) as (services, erp):
        scene(services)
        loads_scene(services, erp)
        with serving(application(services)) as opened:
            yield opened


def scene(services: Services) -> None:
    """Three stores; one till with rejected files, one with what is not booked yet."""
    create_user(services, "ana", Role.ADMINISTRADOR)
    tills = [
        till(services, f"loja00{store}-caixa-0{number}", f"Frente {number}") for store in (1, 2, 3) for number in (1, 2)
    ]
    sell(services, tills[0], count=40)
    settle(services)
    wrong = [build_note(number=number, series=2, total=1) for number in range(1, 4)]
    send(services, tills[1], b"<nfeProc><NFe>", *wrong)
    for number, one in enumerate(tills[2:], start=3):
        send(services, one, *(build_note(number=each, series=number) for each in range(1, 6)))
    settle(services, limit=12)


def loads_scene(services: Services, erp: Erp) -> None:
    """A till that has its load, one that is at it, one that failed; prices that are held, a row that was refused."""
    services.loads.staging.run(command_line())
    tills = list_tills(services.engine)
    services.loads.order(Wanted(), command_line())
    for one, state in zip(tills, ("done", "begun", "failed"), strict=False):
        agent = LoadingAgent(services, one)
        agent.says(state, 40, 100, "loads_no_room" if state == "failed" else "")  # type: ignore[arg-type]
    services.loads.plan("30 6 * * 1-6", Wanted(anew=True), command_line())
    erp.do("UPDATE preco SET preco = 12.5, alterado = 99 WHERE cod <= 30")
    erp.do("UPDATE operador SET senha = '1234'")
    services.loads.staging.run(command_line(), whole=True)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_drawn_and_none_is_too_wide(browser: Browser, address: str, theme: str) -> None:
    folder = Path(FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    DOCUMENTATION.mkdir(parents=True, exist_ok=True)
    with watched(browser, address, color_scheme=theme) as opened:
        opened.expected = ["Failed to load resource"]  # a page that says what it can't do says so by its status too
        sign_in(opened.page, "ana", PASSWORD)
        wide = [name for name, path in PAGES.items() if _drawn(opened.page, name, path, theme, folder)]
    assert wide == []


def _drawn(page: Page, name: str, path: str, theme: str, folder: Path) -> bool:
    """Whether it had to be scrolled sideways at any width."""
    page.goto(f"/console{path}")
    wide = False
    for width, height in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(150)  # until it has settled into the new width; nothing is asserted of it
        picture = page.screenshot(type="jpeg", quality=62, animations="disabled")
        (folder / f"{name}-{width}-{theme}.jpg").write_bytes(picture)
        if name in CHOSEN and (width, theme) in CHOSEN_SIZES:
            (DOCUMENTATION / f"{name}-{width}-{theme}.jpg").write_bytes(picture)
        wide |= is_too_wide(page)
    return wide
