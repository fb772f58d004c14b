"""Every page: one heading of the first order, no order left out below it, and one button that stands out."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from malote.app import Services
from tests.faces.console_support import sell, send, settle, signed_in, store, till
from tests.unit.fiscal.notes import build_note

PAGES = [
    *("/tills", "/tills?group=store", "/tills?group=none", "/load-manager", "/load-manager/store", "/locks"),
    *(f"/load-manager/{page}" for page in ("held", "refused", "plans", "price?product=1&till=caixa1", "sold")),
    *(
        "/tills/caixa1/loads",
        "/dashboard",
        "/dashboard?span=7d",
        "/documents",
        "/documents/1",
        "/documents/4",
        "/documents/6",
        "/jobs",
    ),
    *("/tills/caixa1", "/tills/caixa1/sent", "/tills/caixa1/kept", "/tills/caixa1/trash", "/tills/caixa1/numbering"),
    *("/tills/caixa1/reconciliation", "/tills/caixa1/structure", "/tills/caixa1/history", "/tills/caixa2/rejected"),
    *("/tills/caixa2/rejected?code=items_sum", "/reconciliation", "/alerts", "/audit", "/users", "/till-accounts"),
    *("/consumers", "/assistant", "/find?q=caixa", "/password", "/nothing-here", "/locks/episodes"),
]
CPF = "52998224725"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with store(Path(tmp_path_factory.mktemp("structure"))) as opened:
        sell(opened, till(opened, "caixa1", "Frente 1"), count=3)
        settle(opened, limit=2)
        wrong = [build_note(number=number, total=1, consumer=CPF) for number in range(1, 4)]
        send(opened, till(opened, "caixa2", "Frente 2"), b"<broken>", *wrong)
        yield opened


@pytest.fixture(scope="module")
def ana(services: Services) -> Iterator[TestClient[Litestar]]:
    with signed_in(services) as client:
        yield client


def seen(ana: TestClient[Litestar], path: str) -> str:
    """What stands on the page before anything is opened."""
    page = ana.get(f"/console{path}").text
    return re.sub(r'<dialog.*?</dialog>|<details class="technical">.*?</details>', "", page, flags=re.S)


def test_headings_begin_with_the_first_order_and_leave_none_out(ana: TestClient[Litestar]) -> None:
    wrong = {}
    for path in PAGES:
        orders = [int(order) for order in re.findall(r"<h([1-6])\b", seen(ana, path))]
        skipped = [pair for pair in itertools.pairwise(orders) if pair[1] > pair[0] + 1]
        if orders[:1] != [1] or orders.count(1) != 1 or skipped:
            wrong[path] = orders
    assert wrong == {}


def test_one_button_stands_out_at_most(ana: TestClient[Litestar]) -> None:
    counted = {
        path: len(re.findall(r'class="button[^"]* main\b|class="button main\b', seen(ana, path))) for path in PAGES
    }
    assert {path: count for path, count in counted.items() if count > 1} == {}


def test_no_company_and_no_person_is_a_row_of_digits(ana: TestClient[Litestar]) -> None:
    """But within an access key, and in the document's own XML."""
    for path in PAGES:
        page = re.sub(r'<div class="xml".*?</ol>', "", seen(ana, path), flags=re.S)
        words = re.sub(r"<[^>]*>", " ", page)
        assert CPF not in words, path
        assert re.search(r"(?<!\d)11222333000181(?!\d)", words) is None, path
