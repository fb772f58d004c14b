"""The procedure of the support analyst, clicked through: a till's sales don't go up.

Real processes, a planted reject. With SCREENSHOTS set to a folder, the pictures of the manual are taken on the way.
"""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_support import browsing, findings, sign_in, watched
from tests.browser.procedure_support import Shop, shop
from tests.faces.console_support import PASSWORD
from tests.unit.fiscal.notes import Line, build_note

pytestmark = [pytest.mark.browser, pytest.mark.processes]

PICTURES = os.environ.get("SCREENSHOTS")
ITEMS = [Line(description="CAFE TORRADO 500G", price="18.90"), Line(code="1002", description="PAO FRANCES KG")]


@pytest.fixture
def till_shop(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path) as opened:
        yield opened


@pytest.fixture
def page(till_shop: Shop) -> Iterator[Page]:
    with browsing() as browser, watched(browser, till_shop.address) as opened:
        sign_in(opened.page, "ana", PASSWORD)
        yield opened.page


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def write(shop: Shop, name: str, content: bytes) -> None:
    """As a POS does it."""
    (shop.folder / f".{name}").write_bytes(content)
    (shop.folder / f".{name}").rename(shop.folder / name)


def test_rejected_files_are_deleted_safely_and_the_sales_synchronised(till_shop: Shop, page: Page) -> None:
    now = datetime.now(UTC).astimezone().replace(microsecond=0)
    for number in range(1, 9):
        write(till_shop, f"venda{number}.xml", build_note(number=number, items=ITEMS, issued_at=now))
    write(till_shop, "soma-errada.xml", build_note(number=9, items=ITEMS, total=100, issued_at=now))

    # Gerenciamento: the till shows what is wrong, by itself.
    row = page.get_by_role("row", name=re.compile("caixa1"))
    expect(row).to_contain_text("atenção")
    expect(row).to_contain_text("1 rejeitado")
    picture(page, "gerenciamento")
    _the_assistente_says_whose_it_is(page)
    row.get_by_role("link", name="caixa1").click()
    _the_rejected_sale_is_looked_at(till_shop, page)
    _it_is_deleted(till_shop, page)

    # Sincronizar as vendas: in words, to the end.
    page.get_by_role("button", name="Sincronizar as vendas").click()
    expect(page.get_by_text("Sincronização concluída")).to_be_visible(timeout=300_000)
    picture(page, "sincronizar")

    # Nothing is lost: it is in the trash, and comes back.
    page.get_by_role("link", name=re.compile("Lixeira")).click()
    picture(page, "lixeira")
    page.get_by_role("checkbox", name="Venda 1/9").check()
    page.get_by_role("button", name="Restaurar").click()
    expect(page.get_by_text("1 de volta aos arquivos rejeitados.")).to_be_visible()
    assert len(list(till_shop.rejected.glob("*.xml"))) == 1
    page.goto("/console/dashboard")
    expect(page.get_by_role("img").first).to_be_visible()
    assert page.locator("svg.graph[data-plot]").count() >= 2
    picture(page, "painel")


def _the_assistente_says_whose_it_is(page: Page) -> None:
    """At the right of the page, for everybody and on any screen: the step to be done is in sight on a low one too."""
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": size["width"], "height": 360})
    page.get_by_role("link", name="Assistente").click()
    step = page.locator("#assistant li:is(.now, .going, .handed)").first
    expect(step).to_be_in_viewport(ratio=0.5)
    page.set_viewport_size(size)
    drawer = page.get_by_role("complementary", name="Assistente")
    expect(drawer).to_contain_text("Depende de outra pessoa")
    expect(drawer).to_contain_text("o fornecedor do PDV")
    assert findings(page) == []
    drawer.get_by_role("button", name="Fechar").click()
    expect(drawer).to_be_hidden()


def _the_rejected_sale_is_looked_at(shop: Shop, page: Page) -> None:
    """Detalhamento, Atualizar, Arquivos rejeitados."""
    page.get_by_role("link", name="Atualizar").click()
    page.get_by_role("link", name=re.compile("Enviadas")).click()
    expect(page.get_by_role("row", name="Venda 1/8")).to_be_visible()
    page.get_by_role("link", name=re.compile("Arquivos rejeitados")).click()
    expect(page.get_by_role("row", name="Venda 1/9")).to_be_visible()
    assert len(list(shop.rejected.glob("*.xml"))) == 1, "folder and tab agree"
    picture(page, "arquivos-rejeitados")
    page.get_by_role("link", name="Venda 1/9").click()
    expect(page.get_by_label("Cupom")).to_contain_text("CAFE TORRADO 500G")
    picture(page, "documento")


def _it_is_deleted(shop: Shop, page: Page) -> None:
    """Apagar selecionados: the till has the sale, and has said so."""
    page.get_by_text(re.compile("apagar aqui não o perde")).wait_for()
    page.get_by_role("link", name="Arquivos rejeitados").click()
    page.get_by_role("button", name="Selecionar todos").click()
    page.get_by_role("button", name="Apagar selecionados").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 documento vai para a lixeira")
    expect(dialog).to_contain_text("o caixa provou que tem a venda")
    assert findings(page) == []
    picture(page, "apagar-selecionados")
    dialog.get_by_role("button", name="Apagar", exact=True).click()
    expect(page.get_by_text("1 na lixeira.")).to_be_visible()
    expect(page.get_by_role("heading", name="Nenhum arquivo rejeitado")).to_be_visible()
    assert list(shop.rejected.glob("*.xml")) == []


def test_a_file_put_into_the_folder_or_removed_by_hand_shows_within_seconds(till_shop: Shop, page: Page) -> None:
    write(till_shop, "soma-errada.xml", build_note(number=1, total=100))
    page.goto("/console/tills/caixa1/rejected")
    expect(page.get_by_role("row", name="Venda 1/1")).to_be_visible()
    # By hand, into the server's folder.
    (till_shop.rejected / "achado.xml").write_bytes(build_note(number=2, total=100))
    expect(page.get_by_role("row", name="Venda 1/2")).to_be_visible()
    # Removed by hand, though no copy exists elsewhere: it is written again, and the screen goes on showing it.
    page.get_by_role("link", name=re.compile("Histórico")).click()
    expect(page.get_by_text(re.compile("à mão"))).to_be_visible()
